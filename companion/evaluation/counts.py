"""Entities counted: how many are right, predicted and gold, in one sentence or in all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from companion.corpora.schemes import Entity


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Correct, predicted and gold entities; a ratio without a denominator is None, never 0 and never a crash.

    Taught in: book/walkthroughs/train-a-tagger
    """

    correct: int = 0
    """Predicted entities that are in the gold labels (true positives)."""
    predicted: int = 0
    """Predicted entities."""
    gold: int = 0
    """Gold entities, the support."""

    @property
    def precision(self) -> float | None:
        """Share of the predicted entities that are correct; None when nothing was predicted."""
        return self.correct / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        """Share of the gold entities that were found; None when there is no gold entity."""
        return self.correct / self.gold if self.gold else None

    @property
    def f1(self) -> float | None:
        """2 · correct / (predicted + gold); None when there is neither a predicted nor a gold entity."""
        both = self.predicted + self.gold
        return 2 * self.correct / both if both else None

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            correct=self.correct + other.correct,
            predicted=self.predicted + other.predicted,
            gold=self.gold + other.gold,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityCounts:
    """What evaluation keeps of one sentence: a few numbers per type, no logits and no text.

    Counts of several sentences, batches or processes add up with `+`.

    Taught in: book/walkthroughs/train-a-tagger
    """

    by_type: Mapping[str, Counts]
    """Correct, predicted and gold entities of each type that occurs."""

    @property
    def total(self) -> Counts:
        """The counts over all types."""
        return sum(self.by_type.values(), Counts())

    def __add__(self, other: EntityCounts) -> EntityCounts:
        types = sorted({*self.by_type, *other.by_type})
        none = Counts()
        return EntityCounts(by_type={t: self.by_type.get(t, none) + other.by_type.get(t, none) for t in types})


def count_entities(gold: Iterable[Entity], predicted: Iterable[Entity]) -> EntityCounts:
    """Count the entities of one sentence; a prediction is correct when start, end and type all agree.

    Taught in: book/walkthroughs/train-a-tagger
    """
    gold, predicted = set(gold), set(predicted)
    numbers = {name: [0, 0, 0] for name in sorted({entity.type for entity in gold | predicted})}
    for column, group in enumerate((gold & predicted, predicted, gold)):
        for entity in group:
            numbers[entity.type][column] += 1
    return EntityCounts(by_type={name: Counts(correct=c, predicted=p, gold=g) for name, (c, p, g) in numbers.items()})
