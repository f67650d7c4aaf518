"""Is a model as good for every kind of row? Scores by subgroup, each against all other rows."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, bootstrap_interval

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True, slots=True)
class SubgroupGap:
    """One subgroup against the rest.

    Taught in: book/engineering/explaining
    """

    rows: int
    """Rows of the subgroup."""
    score: Interval
    """Its score."""
    gap: Interval
    """Its score minus that of all other rows; the level is raised for the number of subgroups."""

    @property
    def apart(self) -> bool:
        """Whether the interval of the gap leaves 0 out."""
        low, high = self.gap.low, self.gap.high
        return low is not None and high is not None and (low > 0 or high < 0)


def subgroup_gaps(
    counts: np.ndarray,
    groups: Sequence[Hashable],
    statistic: Statistic,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Mapping[Hashable, SubgroupGap]:
    """The score of every subgroup, and its gap to the rest, with bootstrap intervals by row.

    `counts` holds a row of counts for each sentence or text, shape [rows, columns], `groups` its subgroup; `statistic`
    maps summed counts to a score, as `bootstrap_interval` wants it (`accuracy_of`, `entity_f1_of`). With g subgroups
    the gaps' intervals have the level 1 − (1 − level) / g (Bonferroni): if the model is equally good everywhere, the
    chance that any of them leaves 0 out is at most 1 − level.

    Raises:
        EvaluationError: not one subgroup for each row, or fewer than two.

    Taught in: book/engineering/explaining
    """
    table = np.asarray(counts, dtype=np.float64)
    names = list(dict.fromkeys(groups))
    if table.ndim != 2 or len(table) != len(groups) or len(names) < 2:
        raise EvaluationError(
            f"counts of shape {list(table.shape)}, {len(groups)} rows in {len(names)} subgroups",
            remedy="give one row of counts and one subgroup for each row, and two subgroups or more",
        )
    columns, found = table.shape[1], {}

    def difference(sums: np.ndarray) -> np.ndarray:
        return statistic(sums[:, :columns]) - statistic(sums[:, columns:])

    for name in names:
        own = np.array([group == name for group in groups])[:, None]
        sides = np.concatenate([table * own, table * ~own], axis=1)
        strict = 1 - (1 - level) / len(names)
        found[name] = SubgroupGap(
            rows=int(own.sum()),
            score=bootstrap_interval(statistic, table[own[:, 0]], resamples=resamples, level=level, seed=seed),
            gap=bootstrap_interval(difference, sides, resamples=resamples, level=strict, seed=seed),
        )
    return found
