"""What a corpus is made of: sentences of words and tags, three splits, and a report of how they were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from companion.corpora.options import (
    ColumnOptions,
    DatasetOptions,
    LineOptions,
    RowOptions,
    SpanOptions,
    TableOptions,
    takes,
)
from companion.corpora.schemes import Entity, entities
from companion.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from companion.corpora.texts import TextCorpus

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """Words and their IOB2 tags, one tag per word, and where they stand.

    Raises:
        DataError: a sentence is empty, a word is empty, or words and tags differ in number.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    words: tuple[str, ...]
    """The words as the file has them; a word may contain any character, also none that can be seen."""
    tags: tuple[str, ...]
    """One IOB2 tag per word."""
    source: str = ""
    """Where it stands: `train.conll:17` (file name and first line) or `newsroom/markets-003#4`."""
    meta: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What the file says about the sentence, for example `{"article": ..., "topic": ...}`."""

    def __post_init__(self) -> None:
        place = self.source or "a sentence"
        if not self.words:
            raise DataError(f"{place}: the sentence has no words")
        if len(self.words) != len(self.tags):
            raise DataError(
                f"{place}: {len(self.words)} words but {len(self.tags)} tags",
                remedy="Every word needs exactly one tag; use 'O' for words outside entities.",
            )
        for position, word in enumerate(self.words, start=1):
            if not isinstance(word, str) or not word:
                raise DataError(f"{place}: word {position} is {word!r}, not a piece of text")

    def entities(self) -> list[Entity]:
        """The entities of the sentence, strictly read.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        return entities(self.tags)

    def surface(self, entity: Entity) -> str:
        """The words of an entity, joined by spaces: its surface form.

        Taught in: book/walkthroughs/train-a-tagger
        """
        return " ".join(self.words[entity.start : entity.end])


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitCounts:
    """How much one split holds."""

    sentences: int = 0
    """Number of sentences."""
    words: int = 0
    """Number of words."""
    entities: int = 0
    """Number of entities."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadReport:
    """What was read, and everything that was changed or left out on the way.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    counts: Mapping[str, SplitCounts] = field(default_factory=dict)
    """Sentences, words and entities of each split that is there."""
    repairs: Mapping[str, int] = field(default_factory=dict)
    """Tags that were changed, by kind of repair."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Lines or rows that carry no word, by kind (comment lines, document marks)."""
    places: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The first few places of every kind of repair, as `file:line`."""
    notes: tuple[str, ...] = ()
    """Decisions of the readers in words: the scheme of each file, the rule of a split."""


def check_splits(corpus: Corpus | TextCorpus, kind: type, remedy: str) -> None:
    """Look at the first row of every split of a new corpus, so that a table or a list of tuples is named as such.

    Raises:
        DataError: a split is no sequence, or does not hold rows of this kind.
    """
    for name in SPLITS:
        part = getattr(corpus, name)
        if isinstance(part, str | bytes) or not (hasattr(part, "__len__") and hasattr(part, "__getitem__")):
            raise DataError(f"{corpus.name}: {name} is a {type(part).__name__}, not a list of rows", remedy=remedy)
        if not len(part):
            continue
        try:
            first = part[0]
        except KeyError:
            first = part
        if not isinstance(first, kind):
            holds = f"is a {type(part).__name__}" if first is part else f"holds a {type(first).__name__}"
            raise DataError(f"{corpus.name}: {name} {holds}, not a {kind.__name__} in every row", remedy=remedy)


def summary(corpus: Corpus | TextCorpus) -> str:
    """A corpus in one line: what a notebook or an error shows instead of all its rows."""
    counts = "".join(f", {name}={len(part):,} rows" for name, part in corpus.splits.items())
    labels = corpus.labels
    shown = ", ".join(labels[:8]) + (f", … ({len(labels):,})" if len(labels) > 8 else "")
    return f"{type(corpus).__name__}({corpus.name!r}{counts}, labels: {shown})"


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Corpus:
    """Labelled sentences in up to three splits, with the types they use and the report of their reading.

    A split is any sequence of `Sentence`: a tuple when small, a view of a memory-mapped data set when large.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    name: str
    """What to call it in tables and records."""
    train: Sequence[Sentence]
    """Sentences to learn from."""
    dev: Sequence[Sentence] = ()
    """Sentences to choose settings with; may be empty."""
    test: Sequence[Sentence] = ()
    """Sentences to measure with, once; may be empty."""
    types: tuple[str, ...] = ()
    """The entity types, sorted."""
    report: ReadReport = field(default_factory=ReadReport)
    """How it was read."""
    licence: str = ""
    """The licence of the data, when known."""
    citation: str = ""
    """Whom to cite, when known."""

    def __post_init__(self) -> None:
        check_splits(
            self,
            Sentence,
            "Read them with Corpus.from_rows, from_spans, from_conll, from_csv, from_jsonl or from_datasets.",
        )

    def __repr__(self) -> str:
        return summary(self)

    @property
    def labels(self) -> tuple[str, ...]:
        """The IOB2 labels: `O` first, then `B-X` and `I-X` for each type in sorted order."""
        return ("O", *(f"{prefix}-{kind}" for kind in self.types for prefix in "BI"))

    @property
    def splits(self) -> dict[str, Sequence[Sentence]]:
        """The splits that hold sentences, by name, in the order train, dev, test."""
        return {name: getattr(self, name) for name in SPLITS if len(getattr(self, name))}

    def describe(self) -> str:
        """A text table: counts per split, types, longest sentence, overlaps, unseen surface forms, repairs.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        from companion.corpora.report import describe

        return describe(self)

    def texts(self, field: str) -> TextCorpus:
        """The sentences as texts, labelled by one of their facts (Newsroom: "sentiment" or "topic").

        Raises:
            DataError: a sentence has no such fact.

        Taught in: book/reference/helpdesk
        """
        from companion.corpora.texts import texts_of

        return texts_of(self, field)

    @classmethod
    @takes(ColumnOptions)
    def from_conll(cls, train: str | Path, **options: Unpack[ColumnOptions]) -> Corpus:
        """Read column files; the options are those of `companion.corpora.files.from_conll`.

        Taught in: book/walkthroughs/train-a-tagger
        """
        from companion.corpora.files import from_conll

        return from_conll(train, **options)

    @classmethod
    @takes(TableOptions)
    def from_csv(cls, train: str | Path, **options: Unpack[TableOptions]) -> Corpus:
        """Read CSV files with one word per row; the options are those of `companion.corpora.files.from_csv`.

        Taught in: book/walkthroughs/train-a-tagger
        """
        from companion.corpora.files import from_csv

        return from_csv(train, **options)

    @classmethod
    @takes(LineOptions)
    def from_jsonl(cls, train: str | Path, **options: Unpack[LineOptions]) -> Corpus:
        """Read JSONL files with words and tags, or text and spans; see `companion.corpora.files.from_jsonl`.

        Taught in: book/walkthroughs/train-a-tagger
        """
        from companion.corpora.files import from_jsonl

        return from_jsonl(train, **options)

    @classmethod
    @takes(RowOptions)
    def from_rows(cls, train: Iterable[Any], **options: Unpack[RowOptions]) -> Corpus:
        """Read lists of words and tags from memory; see `companion.corpora.rows.from_rows`.

        Taught in: book/walkthroughs/train-a-tagger
        """
        from companion.corpora.rows import from_rows

        return from_rows(train, **options)

    @classmethod
    @takes(SpanOptions)
    def from_spans(cls, train: Sequence[Mapping[str, Any]], **options: Unpack[SpanOptions]) -> Corpus:
        """Read texts with character spans from memory; see `companion.corpora.files.from_spans`.

        Taught in: book/walkthroughs/train-a-tagger
        """
        from companion.corpora.files import from_spans

        return from_spans(train, **options)

    @classmethod
    @takes(DatasetOptions)
    def from_datasets(cls, data: DatasetDict | Dataset, **options: Unpack[DatasetOptions]) -> Corpus:
        """View a `datasets` object without copying it; see `companion.corpora.hub.from_datasets`.

        Taught in: book/walkthroughs/train-a-tagger
        """
        from companion.corpora.hub import from_datasets

        return from_datasets(data, **options)
