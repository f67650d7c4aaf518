"""Texts with one label each: what text classification learns from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from companion.corpora.jsonl import records_of
from companion.corpora.records import SPLITS, check_rows, summary
from companion.corpora.split import positions_by_rule
from companion.corpora.tables import named_rows
from companion.corpora.tally import Tally
from companion.corpora.text import read_text
from companion.errors import ConfigError, DataError

if TYPE_CHECKING:
    from companion.corpora.records import Corpus

JOINT = "|"
"""What joins the labels of a text that has several; alone, it stands for a text that has none."""


def label_parts(label: str) -> tuple[str, ...]:
    """The labels of a text of a multi-label corpus.

    Taught in: book/reference/helpdesk
    """
    return tuple(part.strip() for part in label.split(JOINT) if part.strip())


@dataclass(frozen=True, kw_only=True, slots=True)
class Text:
    """A text and its label.

    Raises:
        DataError: the text or the label is empty, or no string.

    Taught in: book/reference/helpdesk
    """

    text: str
    """The text as it stands in its file."""
    label: str
    """Its label; several labels of a multi-label corpus are joined by `|`, and `|` alone stands for none."""
    source: str = ""
    """Where it stands: `train.csv:17` (file name and first line)."""
    meta: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What else the file says about it, for example `{"domain": ...}`."""

    def __post_init__(self) -> None:
        for name, value in (("text", self.text), ("label", self.label)):
            if not isinstance(value, str) or not value.strip():
                raise DataError(f"{self.source or 'a text'}: the {name} is {value!r}", remedy=_remedy(name, value))


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TextCorpus:
    """Labelled texts in up to three splits.

    Taught in: book/reference/helpdesk
    """

    name: str
    """What to call it in tables and records."""
    train: Sequence[Text]
    """Texts to learn from."""
    dev: Sequence[Text] = ()
    """Texts to choose settings with; may be empty."""
    test: Sequence[Text] = ()
    """Texts to measure with, once; may be empty."""
    notes: tuple[str, ...] = ()
    """Decisions of the readers in words: the rule of a split, what was left out."""
    licence: str = ""
    """The licence of the data, when known."""
    citation: str = ""
    """Whom to cite, when known."""

    def __post_init__(self) -> None:
        check_rows(self, Text, "Make the rows with [companion.Text(text=…, label=…), …].")

    def __repr__(self) -> str:
        return summary(self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all splits, sorted."""
        return tuple(sorted({text.label for part in self.splits.values() for text in part}))

    @property
    def splits(self) -> dict[str, Sequence[Text]]:
        """The splits that hold texts, by name, in the order train, dev, test."""
        return {name: getattr(self, name) for name in SPLITS if len(getattr(self, name))}

    def without(self, *labels: str) -> TextCorpus:
        """The corpus without the texts of these labels.

        Raises:
            DataError: no text has one of them.
        """
        for label in labels:
            if label not in self.labels:
                raise DataError(f"{self.name}: no text is labelled {label!r}", remedy=f"There are {self.labels}.")
        kept = {name: tuple(text for text in part if text.label not in labels) for name, part in self.splits.items()}
        note = f"left out: {', '.join(labels)}"
        return TextCorpus(
            name=self.name, **kept, notes=(*self.notes, note), licence=self.licence, citation=self.citation
        )

    def describe(self, kind: str = "single") -> str:
        """A text table: how often each label occurs in each split, and what should be known.

        `kind` is that of `TextTask`: "multi" counts the labels of a text one by one, "regression" none.
        """
        read = {"single": lambda label: (label,), "multi": label_parts, "regression": lambda label: ()}[kind]
        counts = {
            name: Counter(label for text in part for label in read(text.label)) for name, part in self.splits.items()
        }
        labels = sorted({label for found in counts.values() for label in found})
        width = max(len("label"), *map(len, labels)) if labels else len("texts")
        lines = [" ".join([f"{'label' if labels else '':{width}}", *(f"{name:>7}" for name in counts)])]
        for label in labels:
            lines.append(" ".join([f"{label:{width}}", *(f"{found[label]:>7,}" for found in counts.values())]))
        total = "all" if kind == "single" else "texts"
        lines.append(" ".join([f"{total:{width}}", *(f"{len(part):>7,}" for part in self.splits.values())]))
        lines += [f"note: {note}" for note in self.notes]
        known = counts.get("train", Counter())
        unknown = (label for label in labels if not known[label])
        lines += [f"warning: {label} never occurs in train, so it cannot be learned" for label in unknown]
        held = {text.text for text in self.train}
        for name in SPLITS[1:]:
            if again := sum(text.text in held for text in getattr(self, name)):
                lines.append(f"warning: {again:,} texts of {name} also stand in train")
        return "\n".join([" · ".join(part for part in (self.name, self.licence) if part), "", *lines])

    @classmethod
    def from_csv(
        cls,
        train: str | Path,
        *,
        dev: str | Path | None = None,
        test: str | Path | None = None,
        text: str = "text",
        label: str = "label",
        delimiter: str | None = None,
        encoding: str = "utf-8",
        split: bool = True,
        **about: str,
    ) -> TextCorpus:
        """Read CSV files with one text per row and named columns; a lone file is split by rule, or kept whole.

        `about` may give `name`, `licence` and `citation`; further columns become facts of the text. Spaces around a
        label are left out, and counted in the notes.

        Raises:
            DataError: with file and line, for a missing column, a ragged row, an empty text or label.
            ConfigError: a delimiter of more than one character, or one column for both.
        """

        if text == label:
            raise ConfigError(f"text and label are the same column {text!r}", remedy="Name two.")

        def read(path: Path, spaced: list[str]) -> Iterator[Text]:
            content = read_text(path, encoding=encoding)
            for line, row in named_rows(content, (text, label), delimiter=delimiter, path=path):
                if (row[text], row[label].strip()) == (text, label):
                    raise DataError("the header stands here again", file=path, line=line, remedy="Remove this line.")
                yield _text(row, text, label, path, line, spaced)

        return _corpus(read, train, dev, test, split, about)

    @classmethod
    def from_jsonl(
        cls,
        train: str | Path,
        *,
        dev: str | Path | None = None,
        test: str | Path | None = None,
        text: str = "text",
        label: str = "label",
        encoding: str = "utf-8",
        split: bool = True,
        **about: str,
    ) -> TextCorpus:
        """Read JSONL files with one object per line; a lone file is split by rule, or kept whole.

        A label is text, a number, or a list of labels, which are joined by `|`. Spaces around a label are left out,
        and counted in the notes.

        Raises:
            DataError: with file and line, for bad JSON, a missing key, an empty text or label.
        """

        def read(path: Path, spaced: list[str]) -> Iterator[Text]:
            for line, record in records_of(read_text(path, encoding=encoding), path, Tally()):
                if not isinstance(record, dict):
                    raise DataError("not a JSON object", file=path, line=line, remedy='Write {"text": …, "label": …}.')
                yield _text(record, text, label, path, line, spaced)

        return _corpus(read, train, dev, test, split, about)


def texts_of(corpus: Corpus, field: str) -> TextCorpus:
    """The sentences of a corpus as texts, labelled by one of their facts (Newsroom: "sentiment" or "topic").

    Raises:
        DataError: a sentence has no such fact.

    Taught in: book/reference/helpdesk
    """
    parts: dict[str, tuple[Text, ...]] = {}
    for name, part in corpus.splits.items():
        rows = []
        for sentence in part:
            if field not in sentence.meta:
                raise DataError(
                    f"{sentence.source}: the sentence says nothing about {field!r}",
                    remedy=f"It knows {', '.join(sentence.meta) or 'nothing'}.",
                )
            text = sentence.meta.get("text") or " ".join(sentence.words)
            rows.append(Text(text=text, label=sentence.meta[field], source=sentence.source, meta=sentence.meta))
        parts[name] = tuple(rows)
    return TextCorpus(name=f"{corpus.name}-{field}", **parts, licence=corpus.licence, citation=corpus.citation)


def _remedy(name: str, value: object) -> str:
    if name == "label" and isinstance(value, int | float):
        return f"A label is text: write {str(value)!r}."
    return "Give a text and a label for each."


def _text(row: Mapping[str, object], text: str, label: str, path: Path, line: int, spaced: list[str]) -> Text:
    """The text of a row; where its label had spaces at its ends, which make no other label, `spaced` gets the place."""
    for name in (text, label):
        if name not in row:
            raise DataError(
                f"no field {name!r}; there is {', '.join(map(repr, row)) or 'none'}",
                file=path,
                line=line,
                remedy="Name the fields with text= and label=.",
            )
    facts = {name: value for name, value in row.items() if name not in (text, label) and isinstance(value, str)}
    said, given = row[text], _label(row[label])
    for column, value in ((text, said), (label, given)):
        if not isinstance(value, str) or not value.strip():
            raise DataError(
                f"the {column} is {row[column]!r}", file=path, line=line, remedy="Give a text and a label for each."
            )
    place, bare = f"{path.name}:{line}", given.strip()  # type: ignore[union-attr]
    if bare != given:
        spaced.append(place)
    return Text(text=said, label=bare, source=place, meta=facts)  # type: ignore[arg-type]


def _label(value: object) -> object:
    """A label of JSON as text: several joined, a number or a truth value as JSON writes it, anything else as it is."""
    if isinstance(value, list) and all(isinstance(part, str) and part.strip() and JOINT not in part for part in value):
        return JOINT.join(value) or JOINT
    return json.dumps(value) if isinstance(value, int | float) else value


def _corpus(read, train, dev, test, split: bool, about: Mapping[str, str]) -> TextCorpus:
    unknown = set(about) - {"name", "licence", "citation"}
    if unknown:
        raise ConfigError(f"unknown option {min(unknown)!r}", remedy="Give name, licence or citation.")
    given = {part: Path(path) for part, path in zip(SPLITS, (train, dev, test), strict=True) if path is not None}
    spaced: list[str] = []
    parts: dict[str, Sequence[Text]] = {part: tuple(_filled(read(path, spaced), path)) for part, path in given.items()}
    notes: tuple[str, ...] = ()
    if list(parts) == ["train"] and split:
        whole = parts["train"]
        try:
            positions, notes = positions_by_rule(("text", text.text) for text in whole)
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=given["train"]) from None
        parts = {name: tuple(whole[place] for place in places) for name, places in positions.items()}
    if spaced:
        notes = (*notes, f"left out: spaces at the ends of {len(spaced):,} labels (first: {', '.join(spaced[:3])})")
    return TextCorpus(**{"name": given["train"].stem, **about}, **parts, notes=notes)


def _filled(texts: Iterable[Text], path: Path) -> list[Text]:
    rows = list(texts)
    if not rows:
        raise DataError("the file holds no text", file=path, remedy="It needs one text and one label per row.")
    return rows
