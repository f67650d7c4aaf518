"""Rows in memory: tuples, dictionaries or a pandas `DataFrame`, and the tagged words that are read from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Unpack

from companion.corpora.files import assemble
from companion.corpora.jsonl import read_records
from companion.corpora.options import TagOptions
from companion.corpora.records import Corpus, Sentence
from companion.corpora.split import SHARES
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError

Rows = Iterator[tuple[int, Mapping[str, Any]]]
REMEDY = (
    'Give (words, tags) pairs, {"words": […], "tags": […]} each, or a DataFrame; tuple(zip(*sentence)) makes one of '
    "(word, tag) pairs, and from_spans reads texts with character spans."
)


def from_rows(
    train: Iterable[Any],
    *,
    dev: Iterable[Any] | None = None,
    test: Iterable[Any] | None = None,
    name: str = "rows",
    split: bool = True,
    shares: Sequence[float] = SHARES,
    max_overlap: float | None = None,
    licence: str = "",
    citation: str = "",
    words: str = "words",
    tags: str = "tags",
    **options: Unpack[TagOptions],
) -> Corpus:
    """A corpus from rows in memory: `(words, tags)` pairs, dictionaries, or a `DataFrame`, whose cells hold lists.

    `words` and `tags` name the fields; further ones with text become facts of the sentence.

    Raises:
        DataError: a row cannot be read; split and row (from 1) are named: `rows/train:3`.
        ConfigError: an option outside its allowed values.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if words == tags:
        raise ConfigError(f"words and tags are the same field {words!r}", remedy="Name two.")
    rows_of = rows_in_memory((words, tags), REMEDY)

    def read(split: tuple[str, Any], tally: Tally) -> list[Sentence]:
        place, rows = split
        listed = ((number, {key: _plain(cell) for key, cell in row.items()}) for number, row in rows_of(rows, place))
        keys = (words, tags, None, None)
        return read_records(listed, keys=keys, tally=tally, path=place, name=place, unit="#", **options)

    given = {"train": train, "dev": dev, "test": test}
    # A train that is None goes on to the reader, which says what it wants instead.
    sources = (None if rows is None and part != "train" else (f"{name}/{part}", rows) for part, rows in given.items())
    return assemble(read, *sources, name, split, shares, max_overlap, options, licence, citation)


def rows_in_memory(
    columns: Sequence[str], remedy: str, *, dataset: str = "Read it with from_datasets."
) -> Callable[[Any, str], Rows]:
    """A reader of tuples of these columns, dictionaries or a pandas `DataFrame`, numbered from 1.

    Raises:
        DataError: when it reads something else; split and row are named. `dataset` is the remedy for a `Dataset`.
    """

    def read(rows: Any, place: str) -> Rows:
        if hasattr(rows, "iloc") and hasattr(rows, "columns"):
            rows = rows.to_dict("records")
        if hasattr(rows, "with_format"):
            raise DataError(f"this is a {type(rows).__name__}", file=place, remedy=dataset)
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
            raise DataError(f"a {type(rows).__name__} is no list of rows", file=place, remedy=remedy)
        for number, row in enumerate(rows, start=1):
            if isinstance(row, list | tuple) and len(row) == len(columns):
                row = dict(zip(columns, row, strict=True))
            if not isinstance(row, Mapping):
                raise DataError(f"the row is a {type(row).__name__}", file=place, line=number, remedy=remedy)
            yield number, row

    return read


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing: no value, blank text, or the nan of pandas."""
    if isinstance(cell, str):
        return not cell.strip()
    return cell is None or (isinstance(cell, float) and math.isnan(cell))


def _plain(cell: Any) -> Any:
    """An array of numpy, as pandas reads it from a Parquet file, as a list."""
    return cell.tolist() if hasattr(cell, "tolist") else cell
