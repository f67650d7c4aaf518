"""How high the right one stands: hits among the first k, and the area under the ROC curve, ties shared fairly."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.calibration import Z_95
from companion.evaluation.intervals import Interval, array_of, bootstrap_interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Rank:
    """Where one item stands among the candidates.

    Taught in: book/outlook/three-applications
    """

    better: int
    """Candidates with a higher score."""
    tied: int
    """Other candidates with the same score."""
    others: int
    """All other candidates."""

    def hit(self, k: int) -> float:
        """The chance that the item stands among the first k, if ties are broken at random; from 0 to 1."""
        return min(1.0, max(0.0, (k - self.better) / (self.tied + 1)))

    @property
    def auc(self) -> float:
        """The share of the other candidates that stand lower, ties counting half."""
        return (self.others - self.better - self.tied / 2) / self.others


def rank_of(scores: Sequence[float] | Any, item: int, *, exclude: Collection[int] = ()) -> Rank:
    """The rank of one item by its score, among all that are not excluded (what a reader has already read).

    Raises:
        EvaluationError: the item does not exist or is itself excluded, it has no rival, or a score is not finite.

    Taught in: book/outlook/three-applications
    """
    scores_N = array_of(scores, np.float64)
    if scores_N.ndim != 1 or not 0 <= item < len(scores_N) or item in exclude or not np.isfinite(scores_N).all():
        raise EvaluationError(
            f"item {item} cannot be ranked among scores of shape {list(scores_N.shape)}",
            remedy="give finite scores and the place of an item that is not excluded",
        )
    rival_N = np.ones(len(scores_N), dtype=bool)
    rival_N[[item, *exclude]] = False
    rivals = scores_N[rival_N]
    if not len(rivals):
        raise EvaluationError(f"item {item} has no rival", remedy="leave at least one other candidate")
    better, tied = int((rivals > scores_N[item]).sum()), int((rivals == scores_N[item]).sum())
    return Rank(better=better, tied=tied, others=len(rivals))


def hit_rate(ranks: Sequence[Rank], k: int, *, level: float = 0.95, seed: int = 0) -> Interval:
    """The mean chance of standing among the first k, with its bootstrap interval over ranks (one for each reader).

    Raises:
        EvaluationError: there is no rank.

    Taught in: book/outlook/three-applications
    """
    return _mean([rank.hit(k) for rank in ranks], level, seed)


def mean_auc(ranks: Sequence[Rank], *, level: float = 0.95, seed: int = 0) -> Interval:
    """The mean AUC of the ranks, with its bootstrap interval; 0.5 is what chance gives.

    Raises:
        EvaluationError: there is no rank.

    Taught in: book/outlook/three-applications
    """
    return _mean([rank.auc for rank in ranks], level, seed)


def auroc(scores: Sequence[float] | Any, positive: Sequence[bool] | Any) -> Interval:
    """The chance that a positive scores above a negative, ties counting half, with its 95 % interval.

    Raises:
        EvaluationError: lists of different length, a score that is not finite, or fewer than two of either kind.

    Follows: DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver
        operating characteristic curves"; the interval is cut at 0 and 1.
    Taught in: book/outlook/three-applications
    """
    scores_N, positive_N = array_of(scores, np.float64), array_of(positive, bool)
    if scores_N.ndim != 1 or scores_N.shape != positive_N.shape or not np.isfinite(scores_N).all():
        raise EvaluationError(
            f"scores of shape {list(scores_N.shape)} for answers of shape {list(positive_N.shape)}",
            remedy="give one finite score, and whether it is a positive, for each text",
        )
    high, low = scores_N[positive_N], scores_N[~positive_N]
    if min(len(high), len(low)) < 2:
        raise EvaluationError(
            f"{len(high)} positives and {len(low)} negatives", remedy="give at least two of either kind"
        )
    above = (high[:, None] > low[None]) + 0.5 * (high[:, None] == low[None])
    mean = float(above.mean())
    sd = float(np.sqrt(above.mean(1).var(ddof=1) / len(high) + above.mean(0).var(ddof=1) / len(low)))
    ends = (max(0.0, mean - Z_95 * sd), min(1.0, mean + Z_95 * sd))
    return Interval(mean=mean, low=ends[0], high=ends[1], n=len(scores_N), sd=sd)


def _mean(values: list[float], level: float, seed: int) -> Interval:
    if not values:
        raise EvaluationError("there is no rank to average", remedy="rank at least one item")
    rows = [[value, 1.0] for value in values]
    return bootstrap_interval(lambda sums: sums[:, 0] / sums[:, 1], rows, level=level, seed=seed)
