"""Classification scores: accuracy, precision, recall and F1 per class and averaged, with an interval, no 0/0 hidden."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.corpora.text_table import TextTable
from companion.errors import EvaluationError
from companion.evaluation.counts import Counts
from companion.evaluation.intervals import Interval, bootstrap_interval
from companion.evaluation.report import html_table
from companion.evaluation.taxonomy import visible

AVERAGES = ("macro", "micro", "weighted")
QUANTITIES = ("precision", "recall", "f1")
CONFUSIONS_SHOWN = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassificationReport:
    """How good the labels of a classifier are, one label per text or any number of them.

    Taught in: book/reference/helpdesk
    """

    accuracy: Interval
    """The share of texts with the right label (all of them, and no other), with its 95 % bootstrap interval by text."""
    macro_f1: Interval
    """The mean of the classes' F1 (0 for a class without a right answer), with its interval; classes are those that
    occur in the gold or in the predicted labels."""
    per_class: Mapping[str, Counts]
    """Correct, predicted and gold texts of each class."""
    confusion: Mapping[str, Mapping[str, int]]
    """`{gold: {predicted: texts}}`, without zeros; empty where a text may have several labels."""
    texts: int
    """How many texts."""
    gold: tuple[str | frozenset[str], ...]
    """The right label of each text, or the set of its labels, for tests that pair two systems."""
    predicted: tuple[str | frozenset[str], ...]
    """What was predicted for each text."""

    @property
    def micro(self) -> Counts:
        """The counts over all classes; of one label per text, precision, recall and F1 are then all the accuracy."""
        return sum(self.per_class.values(), Counts())

    def average(self, quantity: str, how: str) -> float | None:
        """The "macro", "micro" or "weighted" average of "precision", "recall" or "f1"; None where it is 0/0 as a whole.

        "macro" weighs classes equally, "weighted" by their gold texts; the undefined ratio of a single class counts as
        0 in both. "micro" pools the counts of all classes.

        Raises:
            EvaluationError: an unknown quantity or average.
        """
        if quantity not in QUANTITIES or how not in AVERAGES:
            raise EvaluationError(
                f"no {how!r} average of {quantity!r}",
                remedy="Ask for precision, recall or f1, macro, micro or weighted.",
            )
        if how == "micro":
            return getattr(self.micro, quantity)
        values = [getattr(counts, quantity) or 0.0 for counts in self.per_class.values()]
        weights = [1 if how == "macro" else counts.gold for counts in self.per_class.values()]
        total = sum(weights)
        return sum(value * weight for value, weight in zip(values, weights, strict=True)) / total if total else None

    def confused(self, most: int = CONFUSIONS_SHOWN) -> list[tuple[str, str, int]]:
        """The wrong pairs (gold, predicted, texts) that occur most often; the more frequent first, then by name."""
        wrong = [
            (gold, guess, number)
            for gold, row in self.confusion.items()
            for guess, number in row.items()
            if gold != guess
        ]
        return sorted(wrong, key=lambda pair: (-pair[2], pair[0], pair[1]))[: max(most, 0)]

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
            **{how: {quantity: self.average(quantity, how) for quantity in QUANTITIES} for how in AVERAGES},
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
            "confusion": {name: dict(row) for name, row in self.confusion.items()},
        }

    def to_text(self, width: int | None = None) -> str:
        """The scores as a table, within `width` columns of the screen if it is given, and the notes."""
        heading, *rows = self._rows()
        rows.insert(len(self.per_class), None)
        table = TextTable(heading=heading, rows=rows, left=1, least=10)
        return "\n".join([table.text(width), "", *self._notes()])

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(self._rows(), self._notes())

    def _rows(self) -> list[list[str]]:
        rows = [["", *QUANTITIES, "gold", "predicted"]]
        for name, counts in self.per_class.items():
            scores = [_number(getattr(counts, quantity)) for quantity in QUANTITIES]
            rows.append([visible(name), *scores, f"{counts.gold:,}", f"{counts.predicted:,}"])
        for how in AVERAGES:
            totals = [f"{self.micro.gold:,}", f"{self.micro.predicted:,}"] if how == "micro" else ["", ""]
            rows.append([how, *(_number(self.average(quantity, how)) for quantity in QUANTITIES), *totals])
        return rows

    def _notes(self) -> list[str]:
        notes = [f"macro F1 {self.macro_f1}, accuracy {self.accuracy}, {self.texts:,} texts"]
        if self.accuracy.low is not None:
            notes.append(f"in brackets the {self.accuracy.level:.0%} intervals by text")
        if wrong := self.confused():
            pairs = ", ".join(f"{visible(gold)} → {visible(guess)} {number:,}" for gold, guess, number in wrong)
            notes.append(f"most often confused: {pairs}")
        return notes


def score_labels(
    gold: Sequence[str] | Sequence[Collection[str]],
    predicted: Sequence[str] | Sequence[Collection[str]],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    method: str = "percentile",
) -> ClassificationReport:
    """Compare gold and predicted labels text by text: one label each, or any number of them as a list, tuple or set.

    `bootstrap` is the number of resamples behind the two intervals, `method` that of `bootstrap_interval`: "bca" where
    there are many classes of a dozen texts each.

    Raises:
        EvaluationError: the lists differ in length, are empty, or mix single labels with collections; an unknown
            method.

    Follows: scikit-learn's `precision_recall_fscore_support` with `zero_division=0`.
    Taught in: book/reference/helpdesk
    """
    if len(gold) != len(predicted) or not len(gold):
        raise EvaluationError(
            f"{len(gold)} gold and {len(predicted)} predicted labels", remedy="Give one of each for every text."
        )
    single = isinstance(gold[0], str)
    if any(isinstance(row, str) != single for rows in (gold, predicted) for row in rows):
        raise EvaluationError(
            "some texts have one label and some a list of them", remedy="Give strings only, or lists only."
        )
    truths, guesses = ([{row} if single else set(row) for row in rows] for rows in (gold, predicted))
    classes = sorted({label for row in (*truths, *guesses) for label in row})
    truth, guess = (indicators(rows, classes) for rows in (truths, guesses))
    correct = truth & guess
    sums = [part.sum(0) for part in (correct, guess, truth)]
    per_class = {
        name: Counts(correct=int(found), predicted=int(said), gold=int(there))
        for name, found, said, there in zip(classes, *sums, strict=True)
    }
    accuracy, macro = _intervals(truth, guess, bootstrap, seed, method)
    confusion: dict[str, dict[str, int]] = {}
    if single:
        matrix = truth.T.astype(np.int64) @ guess.astype(np.int64)
        confusion = {
            name: {other: int(number) for other, number in zip(classes, row, strict=True) if number}
            for name, row in zip(classes, matrix, strict=True)
        }
    kept_gold, kept_predicted = (
        tuple(row if isinstance(row, str) else frozenset(row) for row in rows) for rows in (gold, predicted)
    )
    return ClassificationReport(
        accuracy=accuracy,
        macro_f1=macro,
        per_class=per_class,
        confusion=confusion,
        texts=len(gold),
        gold=kept_gold,
        predicted=kept_predicted,
    )


def indicators(rows: Sequence[str | Collection[str]], classes: Sequence[str]) -> np.ndarray:
    """Which of the classes each text has, shape [texts, classes].

    Taught in: book/walkthroughs/honest-experiments
    """
    return np.array([[name == row if isinstance(row, str) else name in row for name in classes] for row in rows], bool)


def label_counts(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """What each text adds to the counts: correct, predicted and gold of each class, then all right, and one text.

    `truth` and `guess` are `indicators`; the shape is [texts, 3 · classes + 2].

    Taught in: book/walkthroughs/honest-experiments
    """
    right = (truth == guess).all(1, keepdims=True)
    return np.concatenate([truth & guess, guess, truth, right, np.ones_like(right)], axis=1).astype(np.float64)


def accuracy_of(sums: np.ndarray) -> np.ndarray:
    """The accuracy of each row of summed `label_counts`.

    Taught in: book/walkthroughs/honest-experiments
    """
    return sums[:, -2] / sums[:, -1]


def macro_f1_of(sums: np.ndarray) -> np.ndarray:
    """The macro F1 of each row of summed `label_counts`; NaN where no text has a class.

    Taught in: book/walkthroughs/honest-experiments
    """
    found, said, there = np.split(sums[:, :-2], 3, axis=1)
    both = said + there
    f1 = np.divide(2 * found, both, out=np.zeros_like(both), where=both > 0)
    # A class that a resample happens to hold nowhere is no class of this resample.
    present = (both > 0).sum(-1)
    return np.divide(f1.sum(-1), present, out=np.full(len(sums), np.nan), where=present > 0)


def _intervals(truth: np.ndarray, guess: np.ndarray, resamples: int, seed: int, method: str) -> list[Interval]:
    """Bootstrap intervals of accuracy and macro F1."""
    rows = label_counts(truth, guess)
    return [
        bootstrap_interval(score, rows, resamples=resamples, seed=seed, method=method)
        for score in (accuracy_of, macro_f1_of)
    ]


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
