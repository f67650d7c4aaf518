"""Written or stamped? Shells that repeat, word trigrams that repeat, and texts that are nearly the same.

A *shell* is a sentence with its names replaced by their types: "ORG raised its forecast ." A corpus that a program
filled into templates has few shells; one that was written has as many as sentences.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from companion.corpora.records import Sentence
from companion.randomness import permutation

SIMILAR = 0.6
"""Texts that share at least this much of their words' trigrams (Jaccard) count as nearly the same."""
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


class Pair(NamedTuple):
    """Two texts that are nearly the same."""

    left: int
    """The place of the first in its sequence."""
    right: int
    """The place of the second in its sequence."""
    similarity: float
    """Shared trigrams as a share of all trigrams of both (Jaccard)."""


def shell(sentence: Sentence) -> tuple[str, ...]:
    """The words of a sentence in lower case, each name replaced by its type and each number by `0`.

    Taught in: book/reference/newsroom
    """
    words = [_NUMBER.sub("0", word.casefold()) for word in sentence.words]
    for entity in reversed(sentence.entities()):
        words[entity.start : entity.end] = [f"<{entity.type}>"]
    return tuple(words)


def bare(text: str) -> str:
    """A text for comparison: lower case, without marks, punctuation and repeated white space.

    Taught in: book/reference/newsroom
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s]|_", " ", folded).split())


def repeated(keys: Iterable[object]) -> dict[object, list[int]]:
    """The keys that occur more than once, each with its places.

    Taught in: book/reference/newsroom
    """
    places: dict[object, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    return {key: found for key, found in places.items() if len(found) > 1}


def distinct_trigram_ratio(rows: Iterable[Sequence[str]]) -> float:
    """Distinct word trigrams as a share of all, ignoring case; trigrams never cross from one row into the next.

    The ratio falls with the size of the sample, so compare samples of equal size (`sample_words`).

    Taught in: book/reference/newsroom
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for row in rows:
        for trigram in _trigrams(row):
            seen.add(trigram)
            total += 1
    return len(seen) / total if total else 1.0


def sample_words(rows: Sequence[Sequence[str]], words: int, *, seed: int = 0) -> list[Sequence[str]]:
    """Rows in keyed order until they hold this many words together (or all rows, if they hold fewer).

    Taught in: book/reference/newsroom
    """
    chosen: list[Sequence[str]] = []
    held = 0
    for place in permutation(len(rows), seed, "originality sample"):
        if held >= words:
            break
        chosen.append(rows[place])
        held += len(rows[place])
    return chosen


def near_duplicates(
    left: Sequence[str], right: Sequence[str] | None = None, *, similarity: float = SIMILAR
) -> list[Pair]:
    """Pairs of texts that share at least `similarity` of their word trigrams; within `left` alone without `right`.

    Texts of fewer than five words are compared by their words instead, since they hold hardly any trigram.

    Taught in: book/reference/newsroom
    """
    within = right is None
    others = left if right is None else right
    index: dict[object, list[int]] = defaultdict(list)
    sets = [_features(text) for text in others]
    for place, features in enumerate(sets):
        for feature in features:
            index[feature].append(place)
    found = []
    for place, text in enumerate(left):
        features = sets[place] if within else _features(text)
        shared: dict[int, int] = defaultdict(int)
        for feature in features:
            for other in index[feature]:
                shared[other] += 1
        for other, common in shared.items():
            if within and other <= place:
                continue
            score = common / (len(features) + len(sets[other]) - common)
            if score >= similarity:
                found.append(Pair(place, other, score))
    return sorted(found)


def _features(text: str) -> set[object]:
    words = bare(text).split()
    return set(words) if len(words) < 5 else set(_trigrams(words))


def _trigrams(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    folded = [word.casefold() for word in words]
    return zip(folded, islice(folded, 1, None), islice(folded, 2, None), strict=False)
