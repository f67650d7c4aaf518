"""A corpus in numbers, counted from its files: sizes, labels, lengths, what repeats, what leaks from split to split.

The data sheets draw these numbers, `companion corpora --report` prints them, and the tests hold them to their limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.corpora.originality import bare, distinct_trigram_ratio, near_duplicates, repeated, sample_words, shell
from companion.corpora.records import Sentence
from companion.corpora.report import summarise, unseen_share
from companion.corpora.words import split_words

if TYPE_CHECKING:
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus

Table = Mapping[str, Mapping[str, int]]
"""`{label: {split: how many}}`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Portrait:
    """What can be counted of a corpus."""

    name: str
    """What to call it."""
    sizes: Mapping[str, Mapping[str, int]]
    """For each split: articles (where there are any), texts, words."""
    labels: Mapping[str, Table]
    """For each kind of label: how often each occurs in each split."""
    lengths: Mapping[str, tuple[int, ...]]
    """Words of each text, by split."""
    rows: Sequence[tuple[str, ...]]
    """The words of all texts, for a comparison of originality."""
    exact_across: int
    """Texts that also stand in another split, ignoring case, punctuation and white space."""
    near_across: int
    """Pairs of texts of different splits that are nearly the same."""
    shells: int
    """Texts whose shell an earlier one has."""
    unseen: float | None = None
    """The share of test's distinct names that train does not have; None without names."""
    notes: Sequence[str] = field(default=())
    """What else should be known."""

    @property
    def texts(self) -> int:
        """Texts in all splits."""
        return sum(size["texts"] for size in self.sizes.values())

    def trigram_ratio(self, words: int, *, seed: int = 0) -> float:
        """Distinct word trigrams as a share of all, in a keyed sample of about this many words."""
        return distinct_trigram_ratio(sample_words(self.rows, words, seed=seed))


def newsroom_portrait(corpus: Corpus) -> Portrait:
    """Count Newsroom: names, sentiment and topic of its sentences, articles by split.

    Taught in: book/reference/newsroom
    """
    splits = {name: list(part) for name, part in corpus.splits.items()}
    texts = {name: [sentence.meta["text"] for sentence in part] for name, part in splits.items()}
    kinds = {name: summarise(part) for name, part in splits.items()}
    rows = [sentence.words for part in splits.values() for sentence in part]
    return Portrait(
        name=corpus.name,
        sizes={
            name: {"articles": len({sentence.meta["article"] for sentence in part}), **_size(part)}
            for name, part in splits.items()
        },
        labels={
            "names": _table({name: summary.types for name, summary in kinds.items()}),
            "sentiment": _labelled(splits, lambda sentence: sentence.meta["sentiment"]),
            "topic": _labelled(splits, lambda sentence: sentence.meta["topic"]),
        },
        lengths={name: tuple(len(sentence.words) for sentence in part) for name, part in splits.items()},
        rows=rows,
        shells=_again(shell(sentence) for part in splits.values() for sentence in part),
        unseen=unseen_share(kinds["train"], kinds["test"]),
        **_leaks(texts),
    )


def texts_portrait(corpus: TextCorpus, field: str = "label") -> Portrait:
    """Count a corpus of texts with one label each; a pair is counted as its two texts in a row.

    Taught in: book/reference/helpdesk
    """
    splits = {name: list(part) for name, part in corpus.splits.items()}
    texts = {name: [" ".join(row.texts) for row in part] for name, part in splits.items()}
    words = {name: [tuple(split_words(text)) for text in part] for name, part in texts.items()}
    return Portrait(
        name=corpus.name,
        sizes={name: {"texts": len(part), "words": sum(map(len, words[name]))} for name, part in splits.items()},
        labels={field: _labelled(splits, lambda text: text.label)},
        lengths={name: tuple(map(len, part)) for name, part in words.items()},
        rows=[row for part in words.values() for row in part],
        shells=_again(_plain_shell(row) for part in words.values() for row in part),
        **_leaks(texts),
    )


def plain_portrait(name: str, sentences: Sequence[str], *, articles: int | None = None) -> Portrait:
    """Count text without labels; every text is in one split called `all`.

    Taught in: book/reference/newsroom
    """
    rows = [tuple(split_words(sentence)) for sentence in sentences]
    size = {"texts": len(rows), "words": sum(map(len, rows))}
    return Portrait(
        name=name,
        sizes={"all": size if articles is None else {"articles": articles, **size}},
        labels={},
        lengths={"all": tuple(map(len, rows))},
        rows=rows,
        shells=_again(_plain_shell(row) for row in rows),
        exact_across=0,
        near_across=0,
    )


def _plain_shell(words: Sequence[str]) -> tuple[str, ...]:
    """Without labels: numbers become 0, and capitalised words behind the first become one name."""
    kept: list[str] = []
    for place, word in enumerate(words):
        mark = "0" if word[0].isdigit() else "<name>" if place and word[0].isupper() else word.casefold()
        if mark != "<name>" or kept[-1:] != ["<name>"]:
            kept.append(mark)
    return tuple(kept)


def _size(part: Sequence[Sentence]) -> dict[str, int]:
    return {"texts": len(part), "words": sum(len(sentence.words) for sentence in part)}


def _labelled(splits: Mapping[str, Sequence], label: Callable[..., str]) -> Table:
    return _table({name: Counter(map(label, part)) for name, part in splits.items()})


def _table(counts: Mapping[str, Mapping[str, int]]) -> Table:
    labels = sorted({label for part in counts.values() for label in part})
    return {label: {name: part.get(label, 0) for name, part in counts.items()} for label in labels}


def _again(keys: Iterable[object]) -> int:
    return sum(len(places) - 1 for places in repeated(keys).values())


def _leaks(texts: Mapping[str, Sequence[str]]) -> dict[str, int]:
    names = list(texts)
    pairs = [(one, other) for place, one in enumerate(names) for other in names[place + 1 :]]
    keys = {name: {bare(text) for text in part} for name, part in texts.items()}
    return {
        "exact_across": sum(len(keys[one] & keys[other]) for one, other in pairs),
        "near_across": sum(len(near_duplicates(texts[one], texts[other])) for one, other in pairs),
    }
