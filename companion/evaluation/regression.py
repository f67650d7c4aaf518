"""Scores of predicted numbers: mean squared and absolute error, and correlation, with intervals by text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, bootstrap_interval

NUMBERS = ("mean_squared_error", "mean_absolute_error", "correlation")


@dataclass(frozen=True, kw_only=True, slots=True)
class RegressionReport:
    """How close predicted numbers are to the gold ones.

    Taught in: book/reference/helpdesk
    """

    mean_squared_error: Interval
    """The mean of the squared differences, with its 95 % bootstrap interval by text."""
    mean_absolute_error: Interval
    """The mean of the differences without their sign, with its interval."""
    correlation: Interval
    """Pearson's r; undefined where all gold or all predicted numbers are the same."""
    texts: int
    """How many texts."""
    gold: tuple[float, ...]
    """The right number of each text, for tests that pair two systems."""
    predicted: tuple[float, ...]
    """What was predicted for each text."""

    def to_dict(self) -> dict[str, Any]:
        """The scores as JSON-ready values; an undefined one is None."""
        values: dict[str, Any] = {}
        for name in NUMBERS:
            interval: Interval = getattr(self, name)
            values |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return {**values, "texts": self.texts}

    def to_text(self, width: int | None = None) -> str:
        """The numbers, a line each: as the other reports have it, though no `width` is too narrow for them."""
        longest = max(map(len, NUMBERS))
        lines = [f"{name.replace('_', ' '):{longest}}  {getattr(self, name)}" for name in NUMBERS]
        return "\n".join([*lines, f"{self.texts:,} texts; in brackets the 95% intervals by text"])

    def __str__(self) -> str:
        return self.to_text()


def score_numbers(
    gold: Sequence[float], predicted: Sequence[float], *, bootstrap: int = 1000, seed: int = 0
) -> RegressionReport:
    """Compare one gold and one predicted number per text.

    Raises:
        EvaluationError: the lists differ in length or are empty, or a number is not finite.

    Follows: scikit-learn's `mean_squared_error` and `mean_absolute_error`, scipy's `pearsonr`.
    Taught in: book/reference/helpdesk
    """
    if len(gold) != len(predicted) or not len(gold):
        raise EvaluationError(
            f"{len(gold)} gold and {len(predicted)} predicted numbers", remedy="Give one of each for every text."
        )
    for side, numbers in (("gold", gold), ("predicted", predicted)):
        for place, number in enumerate(numbers):
            if not math.isfinite(number):
                raise EvaluationError(f"{side} number {place} is {number}", remedy="Leave out what is no number.")
    x, y = np.asarray(gold, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    # Centred first, because a correlation from raw sums loses its digits where the mean is large.
    a, b = x - x.mean(), y - y.mean()
    rows = np.stack([np.ones_like(x), (x - y) ** 2, np.abs(x - y), a, b, a * a, b * b, a * b], axis=1)
    statistics = (lambda sums: sums[:, 1] / sums[:, 0], lambda sums: sums[:, 2] / sums[:, 0], _correlation)
    intervals = [bootstrap_interval(statistic, rows, resamples=bootstrap, seed=seed) for statistic in statistics]
    return RegressionReport(
        **dict(zip(NUMBERS, intervals, strict=True)),
        texts=len(gold),
        gold=tuple(x.tolist()),
        predicted=tuple(y.tolist()),
    )


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Pearson's r of each row of sums; NaN where one side does not vary beyond rounding."""
    n, _, _, a, b, aa, bb, ab = sums.T
    spread_a, spread_b = aa - a * a / n, bb - b * b / n
    varies = (spread_a > 1e-12 * aa) & (spread_b > 1e-12 * bb)
    bottom = np.sqrt(np.where(varies, spread_a * spread_b, 1.0))
    return np.where(varies, np.clip((ab - a * b / n) / bottom, -1.0, 1.0), np.nan)
