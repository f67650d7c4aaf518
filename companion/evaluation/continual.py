"""What a sequence of tasks leaves behind: the accuracy matrix, and the numbers that are read off it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from companion.errors import EvaluationError
from companion.evaluation.report import html_table


@dataclass(frozen=True, kw_only=True, slots=True)
class AccuracyMatrix:
    """R[i][j]: the score on task j after stage i, both in the order in which the tasks were learned.

    A score that was not taken is None. On and below the diagonal none may be missing: a task that was learned can be
    scored. Above it stand tasks that are still to come; only forward transfer needs those. Scores grow as they get
    better, such as accuracy or F1.

    Raises:
        EvaluationError: there is no task, the matrix is not square, or a score is missing or no finite number.

    Follows: Lopez-Paz and Ranzato (2017), "Gradient Episodic Memory for Continual Learning", section 2; forgetting:
    Chaudhry et al. (2018), "Riemannian Walk for Incremental Learning", section 3.
    Taught in: book/hybrid/continual-learning
    """

    tasks: tuple[str, ...]
    """The names of the tasks, in the order of the stages."""
    scores: tuple[tuple[float | None, ...], ...]
    """A row for each stage, a column for each task."""
    baseline: tuple[float, ...] | None = None
    """The score of an untrained model on each task; for forward transfer."""

    def __post_init__(self) -> None:
        size = len(self.tasks)
        if not size or len(self.scores) != size or any(len(row) != size for row in self.scores):
            raise EvaluationError(
                f"{len(self.scores)} stages of {sorted({len(row) for row in self.scores})} scores for {size} tasks",
                remedy="give one row for each stage and one score for each task",
            )
        if self.baseline is not None and len(self.baseline) != size:
            raise EvaluationError(
                f"{len(self.baseline)} scores of an untrained model for {size} tasks", remedy="give one for each task"
            )
        for stage, row in enumerate(self.scores):
            for task, score in enumerate(row):
                if score is None and task <= stage:
                    raise EvaluationError(
                        f"no score on {self.tasks[task]!r} after stage {stage + 1} ({self.tasks[stage]!r})",
                        remedy="score every task that was learned after every stage",
                    )
                if score is not None and not math.isfinite(score):
                    raise EvaluationError(
                        f"the score on {self.tasks[task]!r} after stage {stage + 1} is {score}",
                        remedy="give a finite number",
                    )

    def average_accuracy(self, stage: int = -1) -> float:
        """The mean score on the tasks learned so far, after a stage (from 0; the last one if it is not said).

        1 / (i + 1) · Σ over j ≤ i of R[i][j].
        """
        stage = range(len(self.tasks))[stage]
        return _mean([self._score(stage, task) for task in range(stage + 1)])

    @property
    def forgetting(self) -> float:
        """How far the tasks before the last have fallen from their best.

        The mean over them of (max over earlier stages l of R[l][j]) − R[last][j]; negative where they went on rising.

        Raises:
            EvaluationError: there is only one task.
        """
        falls = []
        for task in self._earlier():
            known = [row[task] for row in self.scores[:-1] if row[task] is not None]
            falls.append(max(score for score in known if score is not None) - self._score(-1, task))
        return _mean(falls)

    @property
    def backward_transfer(self) -> float:
        """What learning later tasks did to the earlier ones: the mean of R[last][j] − R[j][j]; below 0 it is a loss.

        Raises:
            EvaluationError: there is only one task.
        """
        return _mean([self._score(-1, task) - self._score(task, task) for task in self._earlier()])

    @property
    def forward_transfer(self) -> float:
        """What the tasks before did to a task not yet learned: the mean over j > 0 of R[j − 1][j] − baseline[j].

        With a head for each task it is about 0 whatever the body has learned: the head has not been trained yet.

        Raises:
            EvaluationError: there is only one task, or a score above the diagonal or the baseline is missing.
        """
        self._earlier()
        ahead = [self.scores[task - 1][task] for task in range(1, len(self.tasks))]
        if self.baseline is None or None in ahead:
            raise EvaluationError(
                "forward transfer needs a score on each task just before it is learned, and one without training",
                remedy="score tasks ahead of time (look_ahead=True), with a head for each task",
            )
        return _mean(
            [score - before for score, before in zip(ahead, self.baseline[1:], strict=True) if score is not None]
        )

    def __str__(self) -> str:
        return "\n".join("  ".join(f"{cell:>12}" for cell in row) for row in self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows(), ["one row for each stage, one column for each task"])

    def _rows(self) -> list[list[str]]:
        rows = [["after", *self.tasks]]
        for name, row in zip(self.tasks, self.scores, strict=True):
            rows.append([name, *("–" if score is None else f"{score:.3f}" for score in row)])
        return rows

    def _score(self, stage: int, task: int) -> float:
        score = self.scores[stage][task]
        # The matrix was checked when it was made: what was learned has a score.
        assert score is not None
        return score

    def _earlier(self) -> range:
        if len(self.tasks) < 2:
            raise EvaluationError("with one task, nothing can be transferred or forgotten", remedy="learn two or more")
        return range(len(self.tasks) - 1)


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
