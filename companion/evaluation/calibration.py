"""Does a classifier's confidence mean what it says: calibration errors, a reliability table, and one temperature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, array_of

SMALLEST, LARGEST = 0.05, 20.0
"""The temperatures between which the best one is looked for."""
Z_95 = 1.959963984540054


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfidenceBin:
    """The answers whose confidence lies in one range.

    Taught in: book/walkthroughs/sentiment
    """

    low: float
    """Lower end of the range, not included (0 is)."""
    high: float
    """Upper end, included."""
    confidence: float
    """Mean confidence of the answers in it."""
    accuracy: Interval
    """Share of them that are right, with Wilson's 95 % interval."""

    @property
    def count(self) -> int:
        """How many answers there are."""
        return self.accuracy.n


@dataclass(frozen=True, kw_only=True, slots=True)
class CalibrationReport:
    """How well confidence and accuracy agree; `print` it.

    Taught in: book/walkthroughs/sentiment
    """

    error: float
    """Expected calibration error: mean distance of accuracy and confidence over bins of equal width, weighted by their
    answers. Few answers in a bin make it too large, even for a perfect model."""
    error_equal_mass: float
    """The same over bins that hold equally many answers."""
    brier: float
    """Brier score: mean squared distance of the probabilities from the right answer's 1 and 0s, from 0 to 2."""
    loss: float
    """Mean negative log-likelihood of the right label, in nats; infinite when a right label had probability 0."""
    confidence: float
    """Mean probability of the predicted label."""
    accuracy: float
    """Share of answers that are right."""
    bins: tuple[ConfidenceBin, ...]
    """The bins of equal width that hold an answer, from low confidence to high."""
    n: int
    """How many answers."""

    def __str__(self) -> str:
        rows = [f"{'confidence':>13}  {'answers':>7}  accuracy"]
        rows += [f"{one.low:.2f} to {one.high:.2f}  {one.count:>7,}  {one.accuracy}" for one in self.bins]
        return "\n".join(
            [
                *rows,
                f"expected calibration error {self.error:.3f} (bins of equal mass {self.error_equal_mass:.3f})",
                f"mean confidence {self.confidence:.3f}, accuracy {self.accuracy:.3f}, {self.n:,} answers",
                f"Brier score {self.brier:.3f}, loss {self.loss:.3f} nats",
            ]
        )

    def __repr__(self) -> str:
        return str(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Temperature:
    """The number by which logits are divided so that confidence fits accuracy.

    Taught in: book/walkthroughs/sentiment
    """

    value: float
    """Above 1 it lowers confidence, below 1 it raises it; answers never change."""
    loss_before: float
    """Mean negative log-likelihood at temperature 1, in nats."""
    loss_after: float
    """The same at `value`."""
    at_bound: bool
    """Whether the search ended at its border (0.05 or 20), so that no finite temperature is best."""


def calibration_report(probabilities_NC: Any, gold: Sequence[int] | Any, *, bins: int = 15) -> CalibrationReport:
    """Compare the confidence of single-label answers with how often they are right.

    `probabilities_NC` has shape [texts, labels], rows that sum to 1; `gold` holds the number of the right label of each
    text. Arrays, tensors and lists will do. The answer is the label with the highest probability.

    Raises:
        EvaluationError: shapes that do not fit, no text, fewer than two labels, label numbers out of range, or rows
            that are no probabilities.

    Follows: Guo et al. (2017), "On Calibration of Modern Neural Networks", section 2; Wilson (1927) for the intervals.
    Taught in: book/walkthroughs/sentiment
    """
    table, right = _checked(probabilities_NC, gold)
    if (table < 0).any() or not np.allclose(table.sum(1), 1.0, atol=1e-4):
        raise EvaluationError(
            "the rows are no probabilities: a value is negative, or a row does not sum to 1",
            remedy="give probabilities, such as softmax gives; fit_temperature takes logits",
        )
    if bins < 1:
        raise EvaluationError(f"bins is {bins}", remedy="give 1 or more; 15 is usual")
    sure, hit = table.max(1), table.argmax(1) == right
    width = _equal_width(sure, bins)
    mass = np.empty(len(sure), dtype=int)
    mass[np.argsort(sure, kind="stable")] = np.arange(len(sure)) * bins // len(sure)
    chosen = table[np.arange(len(right)), right]
    with np.errstate(divide="ignore"):
        loss = float(-np.log(chosen).mean())
    return CalibrationReport(
        error=_expected_error(width, sure, hit),
        error_equal_mass=_expected_error(mass, sure, hit),
        brier=float((np.square(table).sum(1) - 2 * chosen + 1).mean()),
        loss=loss,
        confidence=float(sure.mean()),
        accuracy=float(hit.mean()),
        bins=tuple(
            ConfidenceBin(
                low=place / bins,
                high=(place + 1) / bins,
                confidence=float(sure[width == place].mean()),
                accuracy=wilson_interval(int(hit[width == place].sum()), int((width == place).sum())),
            )
            for place in np.unique(width).tolist()
        ),
        n=len(right),
    )


def expected_calibration_error(confidences: Any, right: Sequence[bool] | Any, *, bins: int = 15) -> float:
    """The `error` of a `calibration_report`, for those who kept only confidences and which answers were right.

    Raises:
        EvaluationError: lists of different length or empty, a confidence outside 0 to 1, or `bins` below 1.

    Follows: Guo et al. (2017), equation 3.
    """
    sure, hit = array_of(confidences, np.float64), array_of(right, bool)
    if (
        sure.ndim != 1
        or sure.shape != hit.shape
        or not len(sure)
        or bins < 1
        or not ((sure >= 0) & (sure < 1 + 1e-4)).all()
    ):
        raise EvaluationError(
            f"confidences of shape {list(sure.shape)}, answers of shape {list(hit.shape)}, {bins} bins",
            remedy="give a confidence from 0 to 1 and whether it was right for each answer, and 1 bin or more",
        )
    return _expected_error(_equal_width(sure, bins), sure, hit)


def fit_temperature(logits_NC: Any, gold: Sequence[int] | Any) -> Temperature:
    """The temperature that makes the right labels most likely; fit it on dev, never on the texts it is judged on.

    `logits_NC` has shape [texts, labels]; logarithms of probabilities are logits too. `gold` is as in
    `calibration_report`.

    Raises:
        EvaluationError: shapes that do not fit, no text, fewer than two labels, or logits that are not finite.

    Follows: Guo et al. (2017), section 4.2.
    Taught in: book/walkthroughs/sentiment
    """
    table, right = _checked(logits_NC, gold)

    def loss(log_temperature: float) -> float:
        scaled = table / math.exp(log_temperature)
        top = scaled.max(1)
        total = np.log(np.exp(scaled - top[:, None]).sum(1)) + top
        return float((total - scaled[np.arange(len(right)), right]).mean())

    low, high = math.log(SMALLEST), math.log(LARGEST)
    best = _smallest_between(loss, low, high)
    return Temperature(
        value=math.exp(best),
        loss_before=loss(0.0),
        loss_after=loss(best),
        at_bound=min(best - low, high - best) < 1e-3,
    )


def apply_temperature(logits_NC: Any, temperature: Temperature | float) -> np.ndarray:
    """Probabilities of shape [texts, labels]: the softmax of logits (or of log-probabilities) over the temperature.

    Raises:
        EvaluationError: a temperature that is not above 0, or logits that are no table.

    Taught in: book/walkthroughs/sentiment
    """
    value = temperature.value if isinstance(temperature, Temperature) else float(temperature)
    if not 0 < value < math.inf:
        raise EvaluationError(f"the temperature is {value}", remedy="give a number above 0")
    scaled = _table(logits_NC) / value
    powers = np.exp(scaled - scaled.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def wilson_interval(right: int, n: int) -> Interval:
    """A proportion with Wilson's 95 % interval, which stays inside 0 and 1 and does not vanish at either end.

    Raises:
        EvaluationError: no rows, or more successes than rows.

    Follows: Wilson (1927), "Probable Inference, the Law of Succession, and Statistical Inference".
    Taught in: book/walkthroughs/sentiment
    """
    if not 0 <= right <= n or n == 0:
        raise EvaluationError(f"{right} of {n}", remedy="give at least one row, and no more successes than rows")
    share, extra = right / n, Z_95**2 / n
    centre, half = share + extra / 2, Z_95 * math.sqrt(share * (1 - share) / n + extra / (4 * n))
    return Interval(
        mean=share,
        low=max(0.0, (centre - half) / (1 + extra)),
        high=min(1.0, (centre + half) / (1 + extra)),
        n=n,
        sd=math.sqrt(share * (1 - share) / n),
    )


def _equal_width(sure: np.ndarray, bins: int) -> np.ndarray:
    """The bin of each confidence: bin k holds those in (k / bins, (k + 1) / bins]."""
    return np.searchsorted(np.arange(1, bins) / bins, sure)


def _expected_error(place: np.ndarray, sure: np.ndarray, hit: np.ndarray) -> float:
    gaps = np.bincount(place, weights=hit - sure)
    return float(np.abs(gaps).sum() / len(sure))


def _smallest_between(function: Any, low: float, high: float) -> float:
    """Golden-section search: the loss is convex in 1 / T, so it has one valley in log T as well."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-7:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return (low + high) / 2


def _table(values: Any) -> np.ndarray:
    table = array_of(values, np.float64)
    if table.ndim != 2 or len(table) == 0 or table.shape[1] < 2 or not np.isfinite(table).all():
        raise EvaluationError(
            f"expected finite numbers of shape [texts, labels] with two labels or more, got shape {list(table.shape)}",
            remedy="give one row for each text and one column for each label",
        )
    return table


def _checked(values: Any, gold: Any) -> tuple[np.ndarray, np.ndarray]:
    table, right = _table(values), array_of(gold)
    if right.shape != (len(table),) or right.dtype.kind not in "iu":
        raise EvaluationError(
            f"{len(table)} rows, but gold has shape {list(right.shape)} and kind {right.dtype}",
            remedy="give the number of the right label for each row",
        )
    if right.min() < 0 or right.max() >= table.shape[1]:
        raise EvaluationError(
            f"a label number lies outside 0 to {table.shape[1] - 1}", remedy="number the labels as the columns"
        )
    return table, right.astype(int)
