"""`datasets` objects as a corpus: a view that reads rows when they are asked for, so a split of any size fits.

Two passes over the rows check every tag and count; they hold one batch at a time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

from companion.corpora.labels import LabelledRow, TagRules, clean, settle_scheme, settle_tags
from companion.corpora.options import TagOptions
from companion.corpora.records import SPLITS, Corpus, Sentence, SplitCounts
from companion.corpora.split import SHARES, assign_splits
from companion.corpora.tally import Tally
from companion.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

BATCH = 1000


def from_datasets(
    data: DatasetDict | Dataset | Mapping[str, Dataset],
    *,
    words: str = "tokens",
    tags: str = "ner_tags",
    names: Sequence[str] | None = None,
    train: str = "train",
    dev: str = "validation",
    test: str = "test",
    name: str = "datasets",
    split: bool = True,
    shares: Sequence[float] = SHARES,
    licence: str = "",
    citation: str = "",
    **options: Unpack[TagOptions],
) -> Corpus:
    """A corpus that views a `Dataset` or `DatasetDict` already at hand; nothing is downloaded or copied.

    `words` and `tags` name its columns; `train`, `dev` and `test` its splits. Tags are texts, or numbers of a
    `ClassLabel`; `names` gives the label of each number where the data set does not. A lone split is divided by rule.

    Raises:
        DataError: a column or split is missing, or a row cannot be read; it is named.

    Taught in: book/walkthroughs/train-a-tagger
    """
    rules, tally = TagRules(**options), Tally()
    views = {}
    counts: dict[str, SplitCounts] = {}
    types: Counter[str] = Counter()
    for part, dataset in splits_of(data, (train, dev, test)).items():
        views[part] = DatasetView(dataset, words, tags, names, rules, tally, f"{name}/{part}")
        counts[part] = views[part].check(tally, types)
    if split and list(views) == ["train"]:
        whole = views["train"]
        positions = assign_splits(whole, tally, shares=shares)
        views = {part: whole.choose(chosen) for part, chosen in positions.items()}
        counts = {part: view.check(Tally(), Counter()) for part, view in views.items()}
    return Corpus(
        name=name,
        **{part: views.get(part, ()) for part in SPLITS},
        types=tuple(sorted(set(types) | set(rules.types or ()))),
        report=tally.report(counts),
        licence=licence,
        citation=citation,
    )


def splits_of(data: Any, names: Sequence[str]) -> dict[str, Any]:
    """The splits that are there, as train, dev and test; `names` are those that the data set gives them.

    Raises:
        DataError: there is no split to train on.
    """
    if not isinstance(data, Mapping):
        return {"train": data}
    given = {part: data[key] for part, key in zip(SPLITS, names, strict=True) if key in data}
    if "train" not in given:
        raise DataError(
            f"no split {names[0]!r}; the data set has {', '.join(map(repr, data)) or 'none'}",
            remedy="Name the splits with train=, dev= and test=.",
        )
    return given


def opened(dataset: Any, columns: Sequence[str], name: str, options: str) -> Dataset:
    """The data set, after a look whether it is one and has these columns; `options` name them.

    Raises:
        DataError: it is none, has no length, or lacks a column.
    """
    if not hasattr(dataset, "with_format"):
        raise DataError(
            f"{name}: a {type(dataset).__name__} is no Dataset of the library datasets",
            remedy="Rows in memory are read by TextCorpus.from_rows, Corpus.from_rows and Corpus.from_spans.",
        )
    if not hasattr(dataset, "__len__"):
        raise DataError(f"{name}: a stream has no length", remedy="Load the data set without streaming=True.")
    for column in columns:
        if column not in dataset.column_names:
            raise DataError(
                f"{name}: no column {column!r}; the data set has {', '.join(map(repr, dataset.column_names))}",
                remedy=f"Name the columns with {options}.",
            )
    return dataset


def names_of(dataset: Dataset, column: str) -> tuple[str, ...]:
    """The names of a column of `ClassLabel`, or of lists of them; of any other, none."""
    feature = dataset.features[column]
    return tuple(getattr(getattr(feature, "feature", feature), "names", None) or ())


def name_of(value: object, names: Sequence[str], place: str) -> str:
    """A label as text: the name of its number, or itself.

    Raises:
        DataError: the number has no name.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    known = f"the labels have numbers below {len(names)}" if names else "the column names no labels"
    raise DataError(
        f"{place}: {value!r} is no label; {known}",
        remedy="Give the labels in the order of their numbers with names=[…].",
    )


class DatasetView(Sequence[Sentence]):
    """The sentences of a `Dataset`, made when they are asked for; rows without words are left out and counted.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(
        self,
        dataset: Dataset,
        words: str,
        tags: str,
        names: Sequence[str] | None,
        rules: TagRules,
        tally: Tally,
        name: str,
    ) -> None:
        dataset = opened(dataset, (words, tags), name, "words= and tags=")
        self._dataset = dataset.select_columns([words, tags]).with_format(None)
        self._words, self._tags, self._rules, self._name = words, tags, rules, name
        self._names = tuple(names or names_of(dataset, tags))
        self._positions: Sequence[int] = range(len(dataset))
        empty = [position for position, row in self._raw() if not row[0]]
        if empty:
            left_out = set(empty)
            tally.skip("rows without words", len(empty))
            self._positions = [position for position in self._positions if position not in left_out]
        if not len(self._positions):
            raise DataError(f"{name}: there is no sentence", remedy="Check the split and its columns.")
        self._scheme = settle_scheme(
            (clean(self._row(*raw), rules, Tally(), path=name, name=name) for raw in self._raw()),
            rules,
            tally,
            path=name,
            name=name,
        )

    def __len__(self) -> int:
        return len(self._positions)

    @overload
    def __getitem__(self, position: int) -> Sentence: ...
    @overload
    def __getitem__(self, position: slice) -> DatasetView: ...
    def __getitem__(self, position: int | slice) -> Sentence | DatasetView:
        if isinstance(position, slice):
            return self.choose(range(len(self))[position])
        row = self._positions[position]
        record = self._dataset[int(row)]
        return self._sentence(row, (record[self._words], record[self._tags]), Tally())

    def __iter__(self) -> Iterator[Sentence]:
        return self._sentences(Tally())

    def choose(self, positions: Sequence[int]) -> DatasetView:
        """The view of some of the sentences, in the order given.

        Taught in: book/walkthroughs/train-a-tagger
        """
        view = object.__new__(DatasetView)
        view.__dict__ = self.__dict__ | {"_positions": [self._positions[position] for position in positions]}
        return view

    def check(self, tally: Tally, types: Counter[str]) -> SplitCounts:
        """Read every row once, count its repairs and types, and return how much there is.

        Raises:
            DataError: the tags of a row cannot be read; it is named.

        Taught in: book/walkthroughs/train-a-tagger
        """
        rows = words = 0
        before = types.total()
        for sentence in self._sentences(tally):
            rows += 1
            words += len(sentence.words)
            types.update(tag[2:] for tag in sentence.tags if tag.startswith("B-"))
        return SplitCounts(sentences=rows, words=words, entities=types.total() - before)

    def _sentences(self, tally: Tally) -> Iterator[Sentence]:
        for position, raw in self._raw():
            yield self._sentence(position, raw, tally)

    def _raw(self) -> Iterator[tuple[int, tuple[Any, Any]]]:
        for first in range(0, len(self._positions), BATCH):
            chosen = self._positions[first : first + BATCH]
            batch = self._dataset[chosen if isinstance(chosen, range) else list(chosen)]
            for position, words, tags in zip(chosen, batch[self._words], batch[self._tags], strict=True):
                yield position, (words, tags)

    def _row(self, position: int, raw: tuple[Any, Any]) -> LabelledRow:
        words, tags = raw
        if not isinstance(words, list) or not isinstance(tags, list) or len(words) != len(tags):
            raise DataError(
                f"{self._name}#{position}: the words {str(words)[:40]} and tags {str(tags)[:40]} do not match",
                remedy="Both columns hold lists, with one tag per word.",
            )
        labels = tuple(name_of(tag, self._names, f"{self._name}#{position}: {self._tags}") for tag in tags)
        return LabelledRow(words=tuple(words), labels=labels, lines=(position,) * len(words))

    def _sentence(self, position: int, raw: tuple[Any, Any], tally: Tally) -> Sentence:
        row = self._row(position, raw)
        tags = clean(row, self._rules, tally, path=self._name, name=self._name)
        final = settle_tags(tags, row, self._rules, tally, scheme=self._scheme, path=self._name, name=self._name)
        return Sentence(words=row.words, tags=final, source=f"{self._name}#{position}")
