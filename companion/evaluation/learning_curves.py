"""Scores against the number of labels: a mean and a band at each size, and how many labels a score takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, seeds_interval
from companion.evaluation.report import html_table


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """The scores of several seeds with one number of labels.

    Taught in: book/walkthroughs/sentiment
    """

    labels: int
    """How many labelled rows each of them was trained on."""
    score: Interval
    """Their mean, with Student's interval over the seeds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearningCurve:
    """How a score grows with the number of labels; `print` it, or let a notebook draw its table.

    Taught in: book/walkthroughs/sentiment
    """

    points: tuple[CurvePoint, ...]
    """One point for each size, from few labels to many."""

    def __str__(self) -> str:
        return "\n".join(f"{labels:>8}  {seeds:>5}  {score}" for labels, score, seeds in self._rows())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(self._rows(), [f"in brackets the {self.points[0].score.level:.0%} intervals over the seeds"])

    def _rows(self) -> list[list[str]]:
        return [
            ["labels", "score", "seeds"],
            *([f"{point.labels:,}", str(point.score), str(point.score.n)] for point in self.points),
        ]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelsNeeded:
    """How many labels a score takes, read off a learning curve; `str` says it in words.

    Taught in: book/walkthroughs/sentiment
    """

    score: float
    """The score that is asked for."""
    labels: int | None
    """From so many labels on the mean is at or above it; None where it is below with the most that were tried."""
    low: int | None
    """The same for the upper end of the band: with fewer labels the score is out of reach."""
    high: int | None
    """The same for its lower end: with so many the mean over seeds is at or above it, at each size's own 95 %, though a
    single run may still fall below; None where no size that was tried is enough."""
    fewest: int
    """The fewest labels that were tried; an answer equal to it may be too large."""
    most: int
    """The most labels that were tried."""

    def __str__(self) -> str:
        if self.labels is None:
            return f"{self.score:.3f} is not reached with {self.most:,} labels"
        if self.labels == self.fewest:
            return f"{self.score:.3f} is reached with {self.fewest:,} labels, the fewest that were tried"
        safe = f"{self.high:,}" if self.high is not None else f"more than {self.most:,}"
        return f"{self.score:.3f} takes about {self.labels:,} labels (95 % band: {self.low:,} to {safe})"


def learning_curve(sizes: Sequence[int], scores_by_seed: Sequence[Sequence[float]]) -> LearningCurve:
    """The mean and Student's 95 % interval at each size, of scores with shape [seeds, sizes].

    Raises:
        EvaluationError: sizes that do not grow or are below 1, a seed with another number of scores, fewer than two
            seeds, or a score that is not finite.

    Taught in: book/walkthroughs/sentiment
    """
    if not len(sizes) or sizes[0] < 1 or any(one >= other for one, other in pairwise(sizes)):
        raise EvaluationError(
            f"the sizes are {list(sizes)}", remedy="give numbers of labels from few to many, each once"
        )
    for seed, scores in enumerate(scores_by_seed):
        if len(scores) != len(sizes):
            raise EvaluationError(
                f"seed number {seed} has {len(scores)} scores for {len(sizes)} sizes",
                remedy="give every seed one score for each size; leave out seeds that are not finished",
            )
    columns = [[scores[place] for scores in scores_by_seed] for place in range(len(sizes))]
    return LearningCurve(
        points=tuple(
            CurvePoint(labels=int(size), score=seeds_interval(column))
            for size, column in zip(sizes, columns, strict=True)
        )
    )


def labels_needed(curve: LearningCurve, score: float) -> LabelsNeeded:
    """From how many labels on the curve is at or above a score, on a straight line between sizes in log labels.

    A curve that touches the score and falls again has not reached it. Nothing is extrapolated: with the most labels
    that were tried below the score, the answer is None.

    Raises:
        EvaluationError: a score that is not finite.

    Taught in: book/walkthroughs/sentiment
    """
    if not math.isfinite(score):
        raise EvaluationError(f"the score is {score}", remedy="give a number")
    return LabelsNeeded(
        score=score,
        labels=_crossing(curve, score, lambda interval: interval.mean),
        low=_crossing(curve, score, lambda interval: interval.high),
        high=_crossing(curve, score, lambda interval: interval.low),
        fewest=curve.points[0].labels,
        most=curve.points[-1].labels,
    )


def _crossing(curve: LearningCurve, score: float, height: Callable[[Interval], float]) -> int | None:
    """The labels at which a line over the curve's points last comes up to the score."""
    heights = [height(point.score) for point in curve.points]
    below = [place for place, value in enumerate(heights) if value < score]
    if not below:
        return curve.points[0].labels
    if below[-1] == len(heights) - 1:
        return None
    left, right = below[-1], below[-1] + 1
    part = (score - heights[left]) / (heights[right] - heights[left])
    few, many = curve.points[left].labels, curve.points[right].labels
    # Rounded up to whole labels, but not because of the last bit of a logarithm.
    return math.ceil(few * (many / few) ** part - 1e-9)
