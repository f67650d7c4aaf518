"""When to say "I do not know": what every threshold on the confidence costs, and the cheapest one."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.intervals import array_of


@dataclass(frozen=True, kw_only=True, slots=True)
class CostCurve:
    """What every threshold costs on some texts, where a text is answered if its score reaches the threshold.

    Taught in: book/outlook/three-applications
    """

    thresholds: tuple[float, ...]
    """Every score once, rising, and infinity: nothing is answered."""
    costs: tuple[float, ...]
    """The mean cost of a text at each of them."""
    answered: tuple[float, ...]
    """The share of the texts that is answered at each of them."""
    n: int
    """How many texts the curve rests on."""

    @property
    def best(self) -> float:
        """The threshold with the lowest cost; of equal ones the highest, which answers least."""
        lowest = min(self.costs)
        return max(line for line, cost in zip(self.thresholds, self.costs, strict=True) if cost == lowest)

    def cost_at(self, threshold: float) -> float:
        """The mean cost of a text at any threshold."""
        return self.costs[self._place(threshold)]

    def answered_at(self, threshold: float) -> float:
        """The share of the texts that is answered at any threshold."""
        return self.answered[self._place(threshold)]

    def _place(self, threshold: float) -> int:
        if math.isnan(threshold):
            raise EvaluationError("the threshold is not a number", remedy="give a number; infinity answers nothing")
        return bisect_left(self.thresholds, threshold)


def cost_curve(
    scores: Sequence[float] | Any, right: Sequence[bool] | Any, *, wrong: float, handover: float
) -> CostCurve:
    """The cost of every threshold: 0 for a right answer, `wrong` for a wrong one, `handover` for a text passed on.

    `scores` says how sure the model is of its answer, higher is surer; `right` whether the answer is right. For a text
    that no answer fits (out of scope), every answer is wrong.

    Raises:
        EvaluationError: no texts, lists of different length, a score that is not finite, or costs that are not
            0 < handover < wrong: then it never, or always, pays to pass a text on.

    Follows: Chow (1970), "On optimum recognition error and reject tradeoff".
    Taught in: book/outlook/three-applications
    """
    scores_N, right_N = array_of(scores, np.float64), array_of(right, bool)
    if scores_N.ndim != 1 or scores_N.shape != right_N.shape or not len(scores_N) or not np.isfinite(scores_N).all():
        raise EvaluationError(
            f"scores of shape {list(scores_N.shape)} for answers of shape {list(right_N.shape)}",
            remedy="give one finite score, and whether the answer is right, for each of one or more texts",
        )
    _check_costs(wrong, handover)
    order, lines = np.argsort(scores_N), np.unique(scores_N)
    below = np.append(np.searchsorted(scores_N[order], lines), len(order))
    # The wrong answers among the so many least sure ones; all others are given.
    errors = np.concatenate([[0], np.cumsum(~right_N[order])])
    costs = (wrong * (errors[-1] - errors[below]) + handover * below) / len(order)
    return CostCurve(
        thresholds=(*lines.tolist(), math.inf),
        costs=tuple(costs.tolist()),
        answered=tuple((1 - below / len(order)).tolist()),
        n=len(order),
    )


def chow_threshold(*, wrong: float, handover: float) -> float:
    """The best threshold for a model whose scores are the true probabilities of being right: 1 - handover / wrong.

    An answer with probability p costs wrong * (1 - p) on average; passing it on costs `handover`.

    Raises:
        EvaluationError: the costs are not 0 < handover < wrong.

    Follows: Chow (1970), "On optimum recognition error and reject tradeoff".
    Taught in: book/outlook/three-applications
    """
    _check_costs(wrong, handover)
    return 1 - handover / wrong


def _check_costs(wrong: float, handover: float) -> None:
    if not 0 < handover < wrong < math.inf:
        raise EvaluationError(
            f"a wrong answer costs {wrong} and passing a text on {handover}",
            remedy="let a wrong answer cost more than passing on, and both more than nothing",
        )
