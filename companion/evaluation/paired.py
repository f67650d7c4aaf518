"""Two systems on the same rows: is the difference more than luck? McNemar's test, a paired bootstrap, permutations.

Pairing takes out what both systems owe to the rows; what it cannot take out is the luck of one training run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, bootstrap_interval
from companion.randomness import key

Statistic = Callable[[np.ndarray], np.ndarray]
# Swaps are drawn in blocks, so that memory stays near 64 MB however many rows differ; p-values depend on its size.
BLOCK_VALUES = 4_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class PairedTest:
    """How often two equally good systems would differ at least as much, by the luck of the rows alone.

    Taught in: book/walkthroughs/honest-experiments
    """

    method: str
    """Which test."""
    p_value: float
    """The two-sided p-value; McNemar's is the mid-p."""
    n: int
    """How many rows both systems answered."""
    exact: float | None = None
    """McNemar's exact conditional p-value, which is more cautious; None for other tests."""
    only_a: int | None = None
    """Rows that only the first system has right; None where a row is not simply right or wrong."""
    only_b: int | None = None
    """Rows that only the second system has right."""
    resamples: int | None = None
    """How many random swaps a permutation test tried."""

    def __str__(self) -> str:
        rows = "" if self.only_a is None else f", only A right {self.only_a:,}, only B right {self.only_b:,}"
        return f"{self.method}: p = {self.p_value:.3g}{rows}"


def mcnemar_test(correct_a: Sequence[bool], correct_b: Sequence[bool]) -> PairedTest:
    """McNemar's test: of the rows that only one system has right, does each have its half?

    `p_value` is the mid-p, less timid than the exact one. It kept its level in all the cases that its source tried, but
    has no guarantee; `exact` has.

    Raises:
        EvaluationError: the lists differ in length or are empty.

    Follows: Fagerland, Lydersen and Laake (2013), "The McNemar test for binary matched-pairs data: mid-p and asymptotic
        are better than exact conditional".
    Taught in: book/walkthroughs/honest-experiments
    """
    a, b = (np.asarray(rows, dtype=bool) for rows in (correct_a, correct_b))
    _check_pairs(a, b, axes=1)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    discordant, fewer = only_a + only_b, min(only_a, only_b)
    # log C(n, k) - n log 2: a coin thrown for every row on which the systems disagree.
    terms = [
        math.exp(
            math.lgamma(discordant + 1)
            - math.lgamma(k + 1)
            - math.lgamma(discordant - k + 1)
            - discordant * math.log(2)
        )
        for k in range(fewer + 1)
    ]
    tail = math.fsum(terms)
    return PairedTest(
        method="McNemar's test, mid-p",
        p_value=min(1.0, 2 * tail - terms[-1]),
        exact=min(1.0, 2 * tail),
        n=len(a),
        only_a=only_a,
        only_b=only_b,
    )


def paired_bootstrap(
    rows_a: np.ndarray,
    rows_b: np.ndarray,
    statistic: Statistic,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    method: str = "percentile",
) -> Interval:
    """Bootstrap interval of the difference of a statistic, first minus second, drawing the same rows for both.

    Rows, statistic and method are those of `bootstrap_interval`: counts of shape [rows, columns], and a function of
    their sums.

    Raises:
        EvaluationError: the two have different shapes, or as `bootstrap_interval`.

    Follows: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", section 13.3.
    Taught in: book/walkthroughs/honest-experiments
    """
    a, b = (np.asarray(rows, dtype=np.float64) for rows in (rows_a, rows_b))
    _check_pairs(a, b, axes=2)
    columns = a.shape[1]

    def difference(sums: np.ndarray) -> np.ndarray:
        return statistic(sums[:, :columns]) - statistic(sums[:, columns:])

    rows = np.concatenate([a, b], axis=1)
    return bootstrap_interval(difference, rows, resamples=resamples, level=level, seed=seed, method=method)


def permutation_test(
    rows_a: np.ndarray, rows_b: np.ndarray, statistic: Statistic, *, resamples: int = 10_000, seed: int = 0
) -> PairedTest:
    """Swap the two systems' answers on every row with probability ½: how often do they then differ at least as much?

    Rows and statistic are those of `paired_bootstrap`. The observed answers count as one of the swaps, so that the
    p-value is never 0 and keeps its level. A swap on which the statistic is undefined counts against the difference.

    Raises:
        EvaluationError: the two have different shapes, there is no row, `resamples` is below 1, or the statistic is
            undefined on the rows as they are.

    Follows: Noreen (1989), "Computer-Intensive Methods for Testing Hypotheses"; Phipson and Smyth (2010).
    Taught in: book/walkthroughs/honest-experiments
    """
    a, b = (np.asarray(rows, dtype=np.float64) for rows in (rows_a, rows_b))
    _check_pairs(a, b, axes=2)
    if resamples < 1:
        raise EvaluationError(f"resamples is {resamples}", remedy="use a positive number such as 10000")
    sums_a, sums_b = a.sum(0, keepdims=True), b.sum(0, keepdims=True)
    score_a, score_b = (float(statistic(sums)[0]) for sums in (sums_a, sums_b))
    observed = abs(score_a - score_b)
    if math.isnan(observed):
        raise EvaluationError(
            "the statistic is undefined on these rows", remedy="give rows on which there is something"
        )
    # Rows on which both agree stay what they are under every swap.
    change = (b - a)[(a != b).any(1)]
    generator = np.random.Generator(np.random.PCG64(key(seed, "permutation")))
    extreme, block = 0, max(1, BLOCK_VALUES // max(1, len(change)))
    for start in range(0, resamples, block):
        swapped = generator.integers(0, 2, size=(min(block, resamples - start), len(change)), dtype=np.int8)
        moved = swapped.astype(np.float64) @ change
        difference = np.abs(statistic(sums_a + moved) - statistic(sums_b - moved))
        # A difference that is equal but for rounding, at the size of the scores, is as large; NaN compares as False,
        # hence the negation.
        extreme += int((~(difference < observed - 1e-12 * max(abs(score_a), abs(score_b)))).sum())
    return PairedTest(method="permutation test", p_value=(extreme + 1) / (resamples + 1), n=len(a), resamples=resamples)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values of several tests made together, raised so that each can be held against the same level, in order.

    If every adjusted value at or below 5 % is called a difference, the chance of one false call or more is at most
    5 %, however many tests there are and however they depend on each other.

    Raises:
        EvaluationError: no value, or one outside 0 to 1.

    Follows: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".
    Taught in: book/walkthroughs/honest-experiments
    """
    values = [float(value) for value in p_values]
    if not values or not all(0 <= value <= 1 for value in values):
        raise EvaluationError(f"p-values are {values}", remedy="give one number from 0 to 1 for each test")
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        # A test must not look better than one with a smaller p-value.
        largest = max(largest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = largest
    return adjusted


def _check_pairs(a: np.ndarray, b: np.ndarray, *, axes: int) -> None:
    if a.shape != b.shape or a.ndim != axes or len(a) == 0:
        raise EvaluationError(
            f"pairs of rows have shapes {list(a.shape)} and {list(b.shape)}",
            remedy="give what two systems did on the same rows, in the same order, and at least one row",
        )
