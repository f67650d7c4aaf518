"""From files to a `Corpus`: the same few steps for every format.

Read each split, split a lone file by rule, take the types of all splits together, count, and refuse an overlap that
is larger than allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Unpack

from companion.corpora.conll import read_conll
from companion.corpora.jsonl import read_jsonl, read_records
from companion.corpora.options import TagOptions
from companion.corpora.records import SPLITS, Corpus, Sentence
from companion.corpora.report import overlap
from companion.corpora.split import SHARES, assign_splits
from companion.corpora.tables import read_csv
from companion.corpora.tally import Tally, count
from companion.errors import DataError

PathLike = str | Path
SPANS = 'Give {"text": "…", "spans": [(start, end, label), …]} each; a file of them is read by from_jsonl.'


def from_conll(
    train: PathLike,
    *,
    dev: PathLike | None = None,
    test: PathLike | None = None,
    name: str | None = None,
    split: bool = True,
    shares: Sequence[float] = SHARES,
    max_overlap: float | None = None,
    licence: str = "",
    citation: str = "",
    word_column: int | None = None,
    tag_column: int = -1,
    columns: int | Sequence[int] | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    **options: Unpack[TagOptions],
) -> Corpus:
    """A corpus from column files; a lone file is split by rule (`split=False` keeps it whole).

    `max_overlap` is the share of dev or test sentences that may also stand in train. The other options are those of
    `companion.corpora.conll.read_conll`.

    Raises:
        DataError: a file cannot be read as asked; file and line are named.
        ConfigError: an option outside its allowed values.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def read(path: PathLike, tally: Tally) -> list[Sentence]:
        return read_conll(
            path,
            word_column=word_column,
            tag_column=tag_column,
            columns=columns,
            delimiter=delimiter,
            encoding=encoding,
            tally=tally,
            **options,
        )

    return assemble(read, train, dev, test, name, split, shares, max_overlap, options, licence, citation)


def from_csv(
    train: PathLike,
    *,
    dev: PathLike | None = None,
    test: PathLike | None = None,
    name: str | None = None,
    split: bool = True,
    shares: Sequence[float] = SHARES,
    max_overlap: float | None = None,
    licence: str = "",
    citation: str = "",
    sentence: str = "sentence",
    word: str = "word",
    tag: str = "tag",
    delimiter: str | None = None,
    quoted: bool = True,
    encoding: str = "utf-8",
    **options: Unpack[TagOptions],
) -> Corpus:
    """A corpus from CSV files with one word per row; see `from_conll` and `companion.corpora.tables.read_csv`.

    Raises:
        DataError: a file cannot be read as asked; file and line are named.
        ConfigError: an option outside its allowed values.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def read(path: PathLike, tally: Tally) -> list[Sentence]:
        return read_csv(
            path,
            sentence=sentence,
            word=word,
            tag=tag,
            delimiter=delimiter,
            quoted=quoted,
            encoding=encoding,
            tally=tally,
            **options,
        )

    return assemble(read, train, dev, test, name, split, shares, max_overlap, options, licence, citation)


def from_jsonl(
    train: PathLike,
    *,
    dev: PathLike | None = None,
    test: PathLike | None = None,
    name: str | None = None,
    split: bool = True,
    shares: Sequence[float] = SHARES,
    max_overlap: float | None = None,
    licence: str = "",
    citation: str = "",
    words: str = "words",
    tags: str = "tags",
    text: str = "text",
    spans: str = "spans",
    faults: Literal["error", "repair"] = "error",
    encoding: str = "utf-8",
    **options: Unpack[TagOptions],
) -> Corpus:
    """A corpus from JSONL files; see `from_conll` and `companion.corpora.jsonl.read_jsonl`.

    Raises:
        DataError: a file cannot be read as asked; file and line are named.
        ConfigError: an option outside its allowed values.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def read(path: PathLike, tally: Tally) -> list[Sentence]:
        return read_jsonl(
            path,
            words=words,
            tags=tags,
            text=text,
            spans=spans,
            faults=faults,
            encoding=encoding,
            tally=tally,
            **options,
        )

    return assemble(read, train, dev, test, name, split, shares, max_overlap, options, licence, citation)


def from_spans(
    train: Iterable[Mapping[str, Any]],
    *,
    dev: Iterable[Mapping[str, Any]] | None = None,
    test: Iterable[Mapping[str, Any]] | None = None,
    name: str = "spans",
    split: bool = True,
    shares: Sequence[float] = SHARES,
    max_overlap: float | None = None,
    licence: str = "",
    citation: str = "",
    text: str = "text",
    spans: str = "spans",
    faults: Literal["error", "repair"] = "error",
    **options: Unpack[TagOptions],
) -> Corpus:
    """A corpus from records in memory, `{"text": ..., "spans": [(start, end, label), ...]}` each.

    Raises:
        DataError: a record has a fault; its number (from 1) is the line.
        ConfigError: an option outside its allowed values.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def read(records: Iterable[Mapping[str, Any]], tally: Tally) -> list[Sentence]:
        if isinstance(records, str | bytes | Mapping) or not isinstance(records, Iterable):
            raise DataError(f"a {type(records).__name__} is no list of records", file=name, remedy=SPANS)
        return read_records(
            enumerate(records, start=1),
            keys=(None, None, text, spans),
            faults=faults,
            tally=tally,
            path=name,
            name=name,
            unit="#",
            **options,
        )

    return assemble(read, train, dev, test, name, split, shares, max_overlap, options, licence, citation)


def build(
    parts: Mapping[str, Sequence[Sentence]],
    tally: Tally,
    *,
    name: str,
    max_overlap: float | None = None,
    types: Sequence[str] | None = None,
    licence: str = "",
    citation: str = "",
) -> Corpus:
    """Join read splits into a corpus: types of all splits together, counts, and the check for overlap.

    Raises:
        DataError: more than `max_overlap` of a split's sentences also stand in train.

    Taught in: book/walkthroughs/train-a-tagger
    """
    found = {tag[2:] for part in parts.values() for sentence in part for tag in sentence.tags if tag != "O"}
    corpus = Corpus(
        name=name,
        **{split: _frozen(parts.get(split, ())) for split in SPLITS},
        types=tuple(sorted(found | set(types or ()))),
        report=tally.report({split: count(part) for split, part in parts.items()}),
        licence=licence,
        citation=citation,
    )
    for split in SPLITS[1:] if max_overlap is not None else ():
        meeting = overlap(corpus, split)
        if meeting.share > max_overlap:
            raise DataError(
                f"{name}: {meeting.repeated} of {meeting.sentences} {split} sentences also stand in train "
                f"({meeting.share:.1%}, allowed {max_overlap:.1%})",
                remedy="Remove them from train, or allow more with max_overlap=.",
            )
    return corpus


def _frozen(part: Sequence[Sentence]) -> Sequence[Sentence]:
    return tuple(part) if isinstance(part, list) else part


def assemble(
    read: Callable[[Any, Tally], list[Sentence]],
    train: Any,
    dev: Any,
    test: Any,
    name: str | None,
    split: bool,
    shares: Sequence[float],
    max_overlap: float | None,
    options: TagOptions,
    licence: str,
    citation: str,
) -> Corpus:
    """The corpus of what `read` makes of train and of each split that is not None; a lone train is split by rule."""
    tally = Tally()
    sources = dict(zip(SPLITS, (train, dev, test), strict=True))
    given = {part: source for part, source in sources.items() if part == "train" or source is not None}
    parts: dict[str, Sequence[Sentence]] = {part: read(source, tally) for part, source in given.items()}
    if split and list(parts) == ["train"]:
        whole = parts["train"]
        positions = assign_splits(whole, tally, shares=shares)
        parts = {part: [whole[position] for position in chosen] for part, chosen in positions.items()}
    return build(
        parts,
        tally,
        name=name or Path(train).stem,
        max_overlap=max_overlap,
        types=options.get("types"),
        licence=licence,
        citation=citation,
    )
