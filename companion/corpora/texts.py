"""Texts, or pairs of texts, with one label each: what text classification learns from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from companion.corpora.options import About, takes
from companion.corpora.records import SPLITS, check_splits, summary
from companion.corpora.text_pairs import check_pairs
from companion.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

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
    """A text, or a pair of texts, and its label.

    Raises:
        DataError: a text or the label is empty, or no string.

    Taught in: book/reference/helpdesk
    """

    text: str
    """The text as it stands in its file."""
    label: str
    """Its label; several labels of a multi-label corpus are joined by `|`, and `|` alone stands for none."""
    text_pair: str | None = None
    """Of a pair the second text, which the model reads behind the first."""
    source: str = ""
    """Where it stands: `train.csv:17` (file name and first line)."""
    meta: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What else the file says about it, for example `{"domain": ...}`."""

    def __post_init__(self) -> None:
        second = () if self.text_pair is None else (("text_pair", self.text_pair),)
        for name, value in (("text", self.text), *second, ("label", self.label)):
            if not isinstance(value, str) or not value.strip():
                raise DataError(f"{self.source or 'a text'}: the {name} is {value!r}", remedy=_remedy(name, value))

    @property
    def texts(self) -> tuple[str, ...]:
        """Its one text, or the two of a pair in order."""
        return (self.text,) if self.text_pair is None else (self.text, self.text_pair)


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class TextCorpus:
    """Labelled texts in up to three splits: pairs of texts in every row, or (else a `DataError`) in none.

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
        check_splits(self, Text, "Make the rows with [companion.Text(text=…, label=…), …].")
        check_pairs(text for part in self.splits.values() for text in part)

    def __repr__(self) -> str:
        return summary(self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of all splits, sorted."""
        return tuple(sorted({text.label for part in self.splits.values() for text in part}))

    @property
    def pairs(self) -> bool:
        """Whether the rows are pairs of texts."""
        return any(part[0].text_pair is not None for part in self.splits.values())

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
        from companion.corpora.report import doubts
        from companion.corpora.text_table import TextTable

        read = {"single": lambda label: (label,), "multi": label_parts, "regression": lambda label: ()}[kind]
        counts = {
            name: Counter(label for text in part for label in read(text.label)) for name, part in self.splits.items()
        }
        labels = sorted({label for found in counts.values() for label in found})
        rows = [[label, *(f"{found[label]:,}" for found in counts.values())] for label in labels]
        rows.append(["all" if kind == "single" else "texts", *(f"{len(part):,}" for part in self.splits.values())])
        heading = ["label" if labels else "", *counts]
        lines = [TextTable(heading=heading, rows=rows, left=1, least=6, ruled=False).text()]
        lines += [f"note: {note}" for note in self.notes]
        known = counts.get("train", Counter())
        unknown = (label for label in labels if not known[label])
        lines += [f"warning: {label} never occurs in train, so it cannot be learned" for label in unknown]
        lines += [f"warning: {doubt}" for doubt in doubts(self, labels)]
        return "\n".join([" · ".join(part for part in (self.name, self.licence) if part), "", *lines])

    @classmethod
    @takes(About)
    def from_csv(
        cls,
        train: str | Path,
        *,
        dev: str | Path | None = None,
        test: str | Path | None = None,
        text: str = "text",
        text_pair: str | None = None,
        label: str = "label",
        delimiter: str | None = None,
        encoding: str = "utf-8",
        split: bool = True,
        **about: Unpack[About],
    ) -> TextCorpus:
        """Read CSV files with one text per row and named columns; a lone file is split by rule, or kept whole.

        `text_pair` names the column of the second text, where each row is a pair (a column `text_pair` need not be
        named); pairs with the same first text fall into one split. `about` may give `name`, `licence` and `citation`;
        further columns become facts of the text. Spaces around a label are left out, and counted in the notes.

        Raises:
            DataError: with file and line, for a missing column, a ragged row, an empty text or label.
            ConfigError: a delimiter of more than one character, or one column for two of them.
        """
        from companion.corpora.text_rows import corpus_of, table_rows

        read = table_rows((text, label, text_pair), delimiter=delimiter, encoding=encoding)
        splits = {"train": train, "dev": dev, "test": test}
        return corpus_of(read, splits, (text, label, text_pair), about=about, split=split)

    @classmethod
    @takes(About)
    def from_jsonl(
        cls,
        train: str | Path,
        *,
        dev: str | Path | None = None,
        test: str | Path | None = None,
        text: str = "text",
        text_pair: str | None = None,
        label: str = "label",
        encoding: str = "utf-8",
        split: bool = True,
        **about: Unpack[About],
    ) -> TextCorpus:
        """Read JSONL files with one object per line, pairs as `from_csv`; a lone file is split by rule, or kept whole.

        A label is text, a number, or a list of labels, which are joined by `|`. Spaces around a label are left out,
        and counted in the notes. What Prodigy, Doccano and Label Studio export is read as it is.

        Raises:
            DataError: with file and line, for bad JSON, a missing key, an empty text or label.
        """
        from companion.corpora.tally import Tally
        from companion.corpora.text_rows import corpus_of, line_rows

        tally, splits = Tally(), {"train": train, "dev": dev, "test": test}
        read = line_rows(text, label, encoding, tally)
        return corpus_of(read, splits, (text, label, text_pair), about=about, split=split, tally=tally)

    @classmethod
    @takes(About)
    def from_rows(
        cls,
        train: Iterable[Any],
        *,
        dev: Iterable[Any] | None = None,
        test: Iterable[Any] | None = None,
        text: str = "text",
        text_pair: str | None = None,
        label: str = "label",
        split: bool = True,
        **about: Unpack[About],
    ) -> TextCorpus:
        """Read rows in memory: `(text, label)` or `((text, text_pair), label)`, dictionaries, or a pandas `DataFrame`.

        Raises:
            DataError: a row has no text or no label; split, row (from 1) and column are named: `rows/train:3`.
            ConfigError: one column for two of them, or an option that there is not.
        """
        from companion.corpora.rows import rows_in_memory
        from companion.corpora.text_rows import REMEDY, corpus_of

        read, about = rows_in_memory((text, label), REMEDY), {"name": "rows", **about}
        splits = {"train": train, "dev": dev, "test": test}
        return corpus_of(read, splits, (text, label, text_pair), about=about, split=split)

    @classmethod
    @takes(About)
    def from_datasets(
        cls,
        data: DatasetDict | Dataset | Mapping[str, Dataset],
        *,
        text: str = "text",
        text_pair: str | None = None,
        label: str = "label",
        names: Sequence[str] | None = None,
        train: str = "train",
        dev: str = "validation",
        test: str = "test",
        split: bool = True,
        **about: Unpack[About],
    ) -> TextCorpus:
        """Read a `datasets` object already at hand into memory; a lone split is divided by rule, or kept whole.

        `text`, `label` and `text_pair` (of pairs) name its columns, `train`, `dev` and `test` its splits. Numbers of a
        `ClassLabel` become its names; `names` gives the label of each number where the data set does not.

        Raises:
            DataError: a split or column is missing, or a row cannot be read; split, row (from 0) and column are named.
            ConfigError: one column for two of them, or an option that there is not.
        """
        from companion.corpora.hub import splits_of
        from companion.corpora.text_rows import corpus_of, dataset_rows

        about = {"name": "datasets", **about}
        splits = splits_of(data, (train, dev, test))
        columns = (text, label, text_pair)
        return corpus_of(dataset_rows(columns, names), splits, columns, about=about, split=split)


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
