"""How often accuracy, precision, recall and F1 agree to the printed digits by chance."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from companion.errors import EvaluationError

WINDOW = 8
"""Standard deviations on either side of the mean that are summed over; what lies beyond is below 1e-14."""


def chance_of_equal_metrics(accuracy: float | Fraction, total: int, digits: int = 3) -> float:
    """The probability that accuracy, precision, recall and F1 of a two-class test all print as the same number.

    Both classes have total/2 items, and each item is right with probability `accuracy`, whatever the others are. Right
    positives and right negatives are then two binomial numbers, and the probability is summed over both of them,
    without simulation. Numbers are rounded half up.

    Raises: EvaluationError for an accuracy outside (0, 1), fewer than two items, or no digit.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    if not 0 < accuracy < 1 or total < 2 or digits < 1:
        raise EvaluationError(
            f"accuracy {accuracy}, {total} items, {digits} digits",
            remedy="give an accuracy strictly between 0 and 1, at least two items, and at least one digit",
        )
    half = total // 2
    weights = list(_binomial(half, float(accuracy)))
    unit = 10**digits
    chance = 0.0
    for right, weight in weights:
        recall = _rounded(right, half, unit)
        for kept, other in weights:
            wrong = half - kept
            if right == 0 or recall != _rounded(right + kept, 2 * half, unit):
                continue
            if recall == _rounded(right, right + wrong, unit) == _rounded(2 * right, right + wrong + half, unit):
                chance += weight * other
    return chance


def _rounded(numerator: int, denominator: int, unit: int) -> int:
    return (2 * numerator * unit + denominator) // (2 * denominator)


def _binomial(trials: int, probability: float) -> Iterator[tuple[int, float]]:
    """The likely numbers of successes with their probabilities, from the mode outward by the ratio of neighbours."""
    mode = min(int((trials + 1) * probability), trials)
    reach = math.ceil(WINDOW * math.sqrt(trials * probability * (1 - probability))) + WINDOW
    first, last = max(0, mode - reach), min(trials, mode + reach)
    odds = probability / (1 - probability)
    weights = {mode: 1.0}
    for number in range(mode, last):
        weights[number + 1] = weights[number] * (trials - number) / (number + 1) * odds
    for number in range(mode, first, -1):
        weights[number - 1] = weights[number] * number / (trials - number + 1) / odds
    scale = math.fsum(weights.values())
    return ((number, weights[number] / scale) for number in range(first, last + 1))
