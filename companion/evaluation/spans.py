"""The entities of a whole corpus at once: columns of tags are compared instead of one tag after another.

`companion.corpora.schemes.entities` reads one row and says what an entity is; here all rows are read together, which is
what makes scoring fast. The tests hold one against the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

import numpy as np

from companion.corpora.schemes import PREFIXES, Entity, parse_tag
from companion.errors import DataError
from companion.evaluation.counts import Counts, EntityCounts

OUTSIDE, BEGIN, INSIDE, END, SINGLE = range(5)
LETTERS = {"O": OUTSIDE, "B": BEGIN, "I": INSIDE, "E": END, "L": END, "S": SINGLE, "U": SINGLE}
NONE = -1
"""The number of the type that `O` does not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spans:
    """The entities of one side, in order of sentence and position.

    Taught in: book/walkthroughs/train-a-tagger
    """

    sentence: np.ndarray
    """Which sentence each lies in, from 0."""
    start: np.ndarray
    """Position of its first word in that sentence."""
    end: np.ndarray
    """Position after its last word."""
    kind: np.ndarray
    """Number of its type among `types`."""
    types: tuple[str, ...]
    """The names of the types, sorted."""
    sentences: int
    """How many sentences were read, with and without entities."""
    ill_formed: int
    """How many tags break the scheme."""

    def entities(self) -> list[Entity]:
        """All of them as entities, without their sentences."""
        names = [self.types[kind] for kind in self.kind.tolist()]
        return list(map(Entity, self.start.tolist(), self.end.tolist(), names))

    def cuts(self) -> list[int]:
        """Sentence `i` has the entities from `cuts[i]` up to `cuts[i + 1]`."""
        return np.searchsorted(self.sentence, np.arange(self.sentences + 1)).tolist()


def read_tags(tags: Iterable[str], scheme: str) -> list[tuple[int, str]]:
    """The letter's number and the type of each tag.

    Raises:
        DataError: something that is no tag, or a prefix that the scheme does not have.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    read = []
    for tag in tags:
        if not isinstance(tag, str):
            raise DataError(f"{tag!r} is not a string")
        letter, name = parse_tag(tag)
        if letter != "O" and letter not in PREFIXES[scheme]:
            raise DataError(f"{tag!r} has a prefix that {scheme} does not have")
        read.append((LETTERS[letter], name))
    return read


def find_spans(
    sides: Sequence[Sequence[Sequence[str]]], *, scheme: str = "IOB2", strict: bool = True
) -> tuple[Spans, ...]:
    """The entities of several sides (gold, predicted) that share their types; `scheme` is a standard name.

    Raises:
        DataError: as `read_tags`.
        TypeError: a tag that cannot be hashed.

    Follows: Nakayama (2018), seqeval, for strict reading; Tjong Kim Sang and Buchholz (2000), conlleval, for lenient.
    Taught in: book/walkthroughs/train-a-tagger
    """
    # Each tag is looked at once, wherever it stands: a tag that is met for the first time gets the next number.
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    columns = [np.fromiter(map(numbers.__getitem__, chain.from_iterable(rows)), dtype=np.int32) for rows in sides]
    read = read_tags(numbers, scheme)
    types = tuple(sorted({name for letter, name in read if letter != OUTSIDE}))
    letter_of = np.array([letter for letter, _ in read], dtype=np.int8)
    kind_of = np.array([types.index(name) if letter != OUTSIDE else NONE for letter, name in read], dtype=np.int32)
    return tuple(
        _side([len(row) for row in rows], letter_of[column], kind_of[column], types, scheme, strict)
        for rows, column in zip(sides, columns, strict=True)
    )


def correct_spans(gold: Spans, predicted: Spans) -> np.ndarray:
    """Which of the predicted spans are in gold with start, end and type, shape [predicted].

    Taught in: book/walkthroughs/train-a-tagger
    """
    width = 1 + max((int(side.start.max()) for side in (gold, predicted) if len(side.start)), default=0)
    at_gold, at_predicted = (side.sentence * width + side.start for side in (gold, predicted))
    if not len(at_gold):
        return np.zeros(len(at_predicted), dtype=bool)
    # At most one entity of a side begins at a word, so that the place finds its only possible partner.
    place = np.minimum(np.searchsorted(at_gold, at_predicted), len(at_gold) - 1)
    return (at_gold[place] == at_predicted) & (gold.end[place] == predicted.end) & (gold.kind[place] == predicted.kind)


def count_spans(gold: Spans, predicted: Spans) -> tuple[np.ndarray, dict[str, Counts], tuple[EntityCounts, ...]]:
    """Correct, predicted and gold entities: of each sentence as a table, of each type, and of each type per sentence.

    The table has shape [sentences, 3]; types that do not occur are left out.

    Taught in: book/walkthroughs/train-a-tagger
    """
    right = correct_spans(gold, predicted)
    groups = (predicted.sentence[right], predicted.sentence, gold.sentence)
    table = np.stack([np.bincount(group, minlength=gold.sentences) for group in groups], axis=1)
    many = max(1, len(gold.types))
    keys = [side.sentence * many + side.kind for side in (predicted, gold)]
    cells, place = np.unique(np.concatenate(keys), return_inverse=True)
    said, there = place[: len(keys[0])], place[len(keys[0]) :]
    numbers = np.stack([np.bincount(part, minlength=len(cells)) for part in (said[right], said, there)], axis=1)
    by_type = {
        gold.types[kind]: _counts(*numbers[cells % many == kind].sum(0).tolist())
        for kind in np.unique(cells % many).tolist()
    }
    by_sentence: dict[int, dict[str, Counts]] = {}
    for cell, row in zip(cells.tolist(), numbers.tolist(), strict=True):
        by_sentence.setdefault(cell // many, {})[gold.types[cell % many]] = _counts(*row)
    counts = [EntityCounts(by_type={})] * gold.sentences
    for index, row in by_sentence.items():
        counts[index] = EntityCounts(by_type=row)
    return table, by_type, tuple(counts)


# Most sentences have one of a few results, and counts never change, so that these are made once.
@lru_cache(maxsize=4096)
def _counts(correct: int, predicted: int, gold: int) -> Counts:
    return Counts(correct=correct, predicted=predicted, gold=gold)


def _side(
    lengths: Sequence[int], letters: np.ndarray, kinds: np.ndarray, types: tuple[str, ...], scheme: str, strict: bool
) -> Spans:
    # An "O" before each row, and one at the end, keep neighbours of different sentences apart.
    first = np.cumsum([1, *(length + 1 for length in lengths)])
    place = np.arange(len(letters)) + np.repeat(np.arange(1, len(lengths) + 1), lengths)
    letter = np.zeros(first[-1], dtype=np.int8)
    kind = np.full(first[-1], NONE, dtype=np.int32)
    letter[place], kind[place] = letters, kinds
    before, now = letter[:-1], letter[1:]
    goes_on = np.zeros(len(letter), dtype=bool)
    goes_on[1:] = ((now == INSIDE) | (now == END)) & ((before == BEGIN) | (before == INSIDE)) & (kind[1:] == kind[:-1])
    starts = np.flatnonzero((letter != OUTSIDE) & ~goes_on)
    ends = np.flatnonzero((before != OUTSIDE) & ~goes_on[1:]) + 1
    good = _well_formed(letter, kind, starts, ends, scheme)
    ill_formed = int(np.count_nonzero(letter) - (ends - starts)[good].sum())
    if strict:
        starts, ends = starts[good], ends[good]
    sentence = np.searchsorted(first, starts, side="right") - 1
    return Spans(
        sentence=sentence,
        start=starts - first[sentence],
        end=ends - first[sentence],
        kind=kind[starts].astype(np.int64),
        types=types,
        sentences=len(lengths),
        ill_formed=ill_formed,
    )


def _well_formed(letter: np.ndarray, kind: np.ndarray, starts: np.ndarray, ends: np.ndarray, scheme: str) -> np.ndarray:
    """Which pieces are entities in strict reading; read leniently, all of them are."""
    first = letter[starts]
    if scheme == "IOB2":
        return first == BEGIN
    if scheme == "IOB1":
        # The column begins with an "O", so that every piece has a neighbour before it.
        return (first == BEGIN) == (kind[starts - 1] == kind[starts])
    return (first == SINGLE) | ((first == BEGIN) & (letter[ends - 1] == END))
