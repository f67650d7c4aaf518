"""From rows to a `TextCorpus`: the same few steps for files, rows in memory and `datasets` objects.

Read each split row by row, take text and label from every row, split a lone one by rule, and note what was left out.
"""

from __future__ import annotations

import json
import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.corpora.exports import spans_key, unfolded
from companion.corpora.hub import name_of, names_of, opened
from companion.corpora.jsonl import COLUMNWISE, records_of
from companion.corpora.options import About
from companion.corpora.rows import Rows, is_empty
from companion.corpora.split import positions_by_rule
from companion.corpora.tables import named_rows
from companion.corpora.tally import Tally, unlabelled
from companion.corpora.text import path_of, read_text
from companion.corpora.text_pairs import PAIR_COLUMN
from companion.corpora.texts import JOINT, Text, TextCorpus
from companion.errors import ConfigError, DataError

if TYPE_CHECKING:
    from datasets import Dataset

Columns = tuple[str, str, str | None]
"""The columns of text and label, and of a pair's second text where it is named."""
REMEDY = (
    'Give (text, label) or ((text, text_pair), label) tuples, {"text": …, "label": …} each, or a DataFrame; files are '
    "read by from_csv."
)
UNLABELLED = (
    "Label them, or take them out: TextCorpus.from_rows(pandas.read_csv(file).dropna(subset=['label'])) reads the "
    "rest. A text to which none of several labels applies is labelled: [] in JSON, | in CSV."
)


def corpus_of(
    read: Callable[[Any, str], Rows],
    splits: Mapping[str, Any],
    columns: Columns,
    *,
    about: About,
    split: bool,
    tally: Tally | None = None,
) -> TextCorpus:
    """The corpus of train and of the splits that are not None: `read(source, place)` gives the numbered rows of one.

    A source is a file, or rows, whose place is the name of the corpus and of the split: `rows/train`. The notes
    say what `tally` has counted as left out.

    Raises:
        DataError: a row has no text or no label, with its place; a split is empty, or too small to be split.
        ConfigError: two of the columns are the same.
    """
    for one, other in combinations(zip(("text", "label", PAIR_COLUMN), columns, strict=True), 2):
        if one[1] == other[1]:
            raise ConfigError(f"{one[0]} and {other[0]} are the same column {one[1]!r}", remedy="Name two.")
    parts: dict[str, Sequence[Text]] = {}
    spaced: list[str] = []
    for part, source in splits.items():
        if source is None and part != "train":
            continue
        is_file = isinstance(source, str | Path)
        place = str(source) if is_file else f"{about.get('name', 'rows')}/{part}"
        name = f"{Path(source).name}:" if is_file else f"{place}#"
        numbered = list(read(source, place))
        _check_labelled(numbered, columns[1], place)
        rows = tuple(_text(row, columns, place, line, f"{name}{line}", spaced) for line, row in numbered)
        if not rows:
            problem = f"the {'file' if is_file else 'split'} holds no text"
            raise DataError(problem, file=place, remedy="It needs one text and one label per row.")
        parts[part] = rows
    notes: tuple[str, ...] = ()
    if list(parts) == ["train"] and split:
        try:
            # By the first text alone, so that what was written about one premise is not asked in another split.
            positions, notes = positions_by_rule(
                ("text" if row.text_pair is None else "first text", row.text) for row in rows
            )
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=place) from None
        parts = {name: tuple(rows[position] for position in chosen) for name, chosen in positions.items()}
    if spaced:
        notes = (*notes, f"left out: spaces at the ends of {len(spaced):,} labels (first: {', '.join(spaced[:3])})")
    notes += tuple(f"left out: {number:,} × {kind}" for kind, number in tally.skipped.items()) if tally else ()
    if "name" not in about:
        about = {"name": Path(splits["train"]).stem, **about}
    return TextCorpus(**about, **parts, notes=notes)


def table_rows(columns: Columns, *, delimiter: str | None, encoding: str) -> Callable[[Any, str], Rows]:
    """A reader of CSV files, numbered by their lines.

    Raises:
        DataError: when it reads a missing column, a ragged row, or the header once more; file and line are named.
    """

    def read(path: str | Path, place: str) -> Rows:
        path = path_of(path)
        content = read_text(path, encoding=encoding)
        for line, row in named_rows(content, _named(columns), delimiter=delimiter, path=path):
            if (row[columns[0]], row[columns[1]].strip()) == columns[:2]:
                raise DataError("the header stands here again", file=path, line=line, remedy="Remove this line.")
            yield line, row

    return read


def line_rows(text: str, label: str, encoding: str, tally: Tally) -> Callable[[Any, str], Rows]:
    """A reader of JSONL files, numbered by their lines, which counts what it leaves out.

    Raises:
        DataError: when it reads a line that holds no JSON object; file and line are named.
    """

    def read(path: str | Path, place: str) -> Rows:
        path = path_of(path)
        for line, exported in records_of(read_text(path, encoding=encoding), path, tally):
            try:
                record = unfolded(exported, tally, text=text)
            except DataError as error:
                raise DataError(error.problem, remedy=error.remedy, file=path, line=line) from None
            if record is None:
                continue
            if not isinstance(record, dict):
                raise DataError("not a JSON object", file=path, line=line, remedy='Write {"text": …, "label": …}.')
            if spans_key(record, empty=False) == label:
                raise DataError(
                    f"the {label} holds character spans, and a text needs a label",
                    file=path,
                    line=line,
                    remedy=f"Read it with Corpus.from_jsonl (--task tokens, --columns spans={label}).",
                )
            yield line, record

    return read


def dataset_rows(columns: Columns, names: Sequence[str] | None) -> Callable[[Any, str], Rows]:
    """A reader of a `Dataset`, numbered from 0 as it is; the numbers of a `ClassLabel` become its names.

    Raises:
        DataError: when it reads something else, or a number without a name; split, row and column are named.
    """
    label = columns[1]

    def read(dataset: Dataset, place: str) -> Rows:
        dataset, known = opened(dataset, _named(columns), place, "text= and label="), tuple(names or ())
        known = known or names_of(dataset, label)
        # Pictures and sounds are not read: of what stands beside text and label, only text becomes a fact.
        kept = [name for name, kind in dataset.features.items() if getattr(kind, "dtype", "") == "string"]
        dataset = dataset.select_columns(list(dict.fromkeys([*_named(columns), *kept]))).with_format(None)
        for number, row in enumerate(dataset):
            if known and row[label] is not None:
                several = isinstance(row[label], list)
                found = [
                    name_of(value, known, f"{place}#{number}: {label}")
                    for value in (row[label] if several else [row[label]])
                ]
                row = {**row, label: found if several else found[0]}
            yield number, row

    return read


def _named(columns: Columns) -> list[str]:
    return [column for column in columns if column is not None]


def _text(row: Mapping[str, Any], columns: Columns, file: str, line: int, source: str, spaced: list[str]) -> Text:
    """The text of a row; where its label had spaces at its ends, which make no other label, `spaced` gets the place."""
    text, label, pair = columns
    if isinstance(both := row.get(text), tuple) and len(both) == 2:
        row = {**row, text: both[0], pair or PAIR_COLUMN: both[1]}
    if pair is None and row.get(PAIR_COLUMN) is not None and PAIR_COLUMN not in columns:
        pair = PAIR_COLUMN
    wanted = _named((text, label, pair))
    for name in wanted:
        if name not in row:
            raise DataError(
                f"no field {name!r}; there is {', '.join(map(repr, row)) or 'none'}",
                file=file,
                line=line,
                remedy="Name the fields with text= and label= (and text_pair=, of pairs).",
            )
    facts = {name: value for name, value in row.items() if name not in wanted and isinstance(value, str)}
    found = {name: _label(row[name]) if name == label else row[name] for name in wanted}
    for column, value in found.items():
        if not isinstance(value, str) or not value.strip():
            problem = f"the {column} is {reprlib.repr(row[column])}"
            raise DataError(problem, file=file, line=line, remedy=_remedy(row[column], column, columns))
    bare = found[label].strip()
    if bare != found[label]:
        spaced.append(source)
    second = None if pair is None else found[pair]
    return Text(text=found[text], label=bare, text_pair=second, source=source, meta=facts)


def _remedy(cell: Any, column: str, columns: Columns) -> str:
    """What to do about a cell that holds no text."""
    text, _, pair = columns
    if column == text and isinstance(cell, list | tuple) and len(cell) in {2, 3}:
        return "Give a text and a label for each. Two texts are two fields, text and text_pair, or a tuple of two."
    if column == pair and is_empty(cell):
        return "Give both texts and a label for each, or take the row out."
    return f"Give a text and a label for each{COLUMNWISE if isinstance(cell, list | dict) else '.'}"


def _check_labelled(rows: Sequence[tuple[int, Mapping[str, Any]]], label: str, place: str) -> None:
    """Name all rows together that nobody has labelled; one alone, and a field that no row has, are named by `_text`.

    Raises:
        DataError: there are several.
    """
    values = [(line, row.get(label)) for line, row in rows]
    bare = [line for line, value in values if is_empty(value)]
    if len(bare) > 1 and any(label in row for _, row in rows):
        raise unlabelled(bare, len(rows), "label", file=place, remedy=UNLABELLED)


def _label(value: Any) -> Any:
    """A label as text: several joined, a number or a truth value as JSON writes it, anything else as it is."""
    if isinstance(value, list) and all(isinstance(part, str) and part.strip() and JOINT not in part for part in value):
        return JOINT.join(value) or JOINT
    if getattr(value, "shape", None) == ():
        value = value.item()  # a number of numpy
    return json.dumps(value) if isinstance(value, int | float) and math.isfinite(value) else value
