"""Classification scores: accuracy, precision, recall and F1 per class and averaged, with an interval, no 0/0 hidden."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.counts import Counts
from companion.evaluation.intervals import Interval, bootstrap_interval

AVERAGES = ("macro", "weighted")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationReport:
    """How good the labels of a classifier are.

    Taught in: book/foundations/what-fine-tuning-is
    """

    accuracy: Interval
    """The share of texts with the right label, with its 95 % bootstrap interval by text."""
    macro_f1: Interval
    """The mean of the classes' F1 (0 for a class without a right answer), with its interval; classes are those that
    occur in the gold or in the predicted labels."""
    per_class: Mapping[str, Counts]
    """Correct, predicted and gold texts of each class."""
    confusion: Mapping[str, Mapping[str, int]]
    """`{gold: {predicted: texts}}`, without zeros."""
    texts: int
    """How many texts."""

    def average(self, quantity: str, how: str) -> float:
        """The mean over classes of "precision", "recall" or "f1"; an undefined one counts as 0.

        "macro" weighs classes equally, "weighted" by their gold texts. (The micro average of one label per text is
        accuracy.)

        Raises:
            EvaluationError: an unknown quantity or average.
        """
        if quantity not in {"precision", "recall", "f1"} or how not in AVERAGES:
            raise EvaluationError(
                f"no {how!r} average of {quantity!r}", remedy="Ask for precision, recall or f1, macro or weighted."
            )
        values = [getattr(counts, quantity) or 0.0 for counts in self.per_class.values()]
        weights = [1 if how == "macro" else counts.gold for counts in self.per_class.values()]
        return sum(value * weight for value, weight in zip(values, weights, strict=True)) / sum(weights)

    def to_dict(self) -> dict[str, Any]:
        """The scores as JSON-ready values; an undefined score is None."""
        return {
            "accuracy": self.accuracy.mean,
            "accuracy_low": self.accuracy.low,
            "accuracy_high": self.accuracy.high,
            "macro_f1": self.macro_f1.mean,
            "low": self.macro_f1.low,
            "high": self.macro_f1.high,
            "weighted_f1": self.average("f1", "weighted"),
            "texts": self.texts,
            "per_class": {
                name: {
                    "precision": counts.precision,
                    "recall": counts.recall,
                    "f1": counts.f1,
                    "support": counts.gold,
                    "predicted": counts.predicted,
                    "correct": counts.correct,
                }
                for name, counts in self.per_class.items()
            },
        }

    def __str__(self) -> str:
        width = max(len("accuracy"), *map(len, self.per_class))
        lines = [f"{'':{width}}  precision  recall     F1  support"]
        for name, counts in self.per_class.items():
            shown = [f"{'–' if value is None else format(value, '.3f')}" for value in _scores(counts)]
            lines.append(f"{name:{width}}  {shown[0]:>9}  {shown[1]:>6}  {shown[2]:>5}  {counts.gold:>7,}")
        means = [self.average(quantity, "macro") for quantity in ("precision", "recall", "f1")]
        lines.append(f"{'macro':{width}}  {means[0]:9.3f}  {means[1]:6.3f}  {means[2]:5.3f}  {self.texts:>7,}")
        lines.append(
            f"macro F1 {self.macro_f1}, accuracy {self.accuracy} ({self.accuracy.level:.0%} intervals by text)"
        )
        return "\n".join(lines)


def score_labels(
    gold: Sequence[str], predicted: Sequence[str], *, bootstrap: int = 1000, seed: int = 0
) -> ClassificationReport:
    """Compare one gold and one predicted label per text.

    Raises:
        EvaluationError: the lists differ in length, or are empty.

    Follows: scikit-learn's `precision_recall_fscore_support` with `zero_division=0`.
    Taught in: book/foundations/what-fine-tuning-is
    """
    if len(gold) != len(predicted) or not len(gold):
        raise EvaluationError(
            f"{len(gold)} gold and {len(predicted)} predicted labels", remedy="Give one of each for every text."
        )
    classes = sorted({*gold, *predicted})
    number = {name: place for place, name in enumerate(classes)}
    truth = np.array([number[label] for label in gold])
    guess = np.array([number[label] for label in predicted])
    matrix = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(matrix, (truth, guess), 1)
    per_class = {
        name: Counts(
            correct=int(matrix[place, place]), predicted=int(matrix[:, place].sum()), gold=int(matrix[place].sum())
        )
        for name, place in number.items()
    }
    accuracy, macro = _intervals(truth, guess, len(classes), bootstrap, seed)
    return ClassificationReport(
        accuracy=accuracy,
        macro_f1=macro,
        per_class=per_class,
        confusion={
            name: {other: int(matrix[place, at]) for other, at in number.items() if matrix[place, at]}
            for name, place in number.items()
        },
        texts=len(gold),
    )


def _intervals(truth: np.ndarray, guess: np.ndarray, classes: int, resamples: int, seed: int) -> list[Interval]:
    """Bootstrap intervals of accuracy and macro F1; a row holds what one text adds to the counts of each class."""
    eye = np.eye(classes)
    correct = eye[truth] * (truth == guess)[:, None]
    rows = np.concatenate([correct, eye[guess], eye[truth]], axis=1)

    def accuracy(sums: np.ndarray) -> np.ndarray:
        return sums[..., :classes].sum(-1) / sums[..., 2 * classes :].sum(-1)

    def macro_f1(sums: np.ndarray) -> np.ndarray:
        found, said, there = (sums[..., part * classes : (part + 1) * classes] for part in range(3))
        both = said + there
        f1 = np.divide(2 * found, both, out=np.zeros_like(both), where=both > 0)
        # A class that a resample happens to hold nowhere is no class of this resample.
        return f1.sum(-1) / (both > 0).sum(-1)

    return [bootstrap_interval(statistic, rows, resamples=resamples, seed=seed) for statistic in (accuracy, macro_f1)]


def _scores(counts: Counts) -> tuple[float | None, float | None, float | None]:
    return counts.precision, counts.recall, counts.f1
