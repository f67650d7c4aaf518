"""The population stability index: how differently two samples fall into the same bins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from companion.errors import EvaluationError

BINS = 10
HALF_A_ROW = 0.5


def population_stability(expected: np.ndarray, observed: np.ndarray, *, smoothing: float = HALF_A_ROW) -> np.ndarray:
    """Sum over the bins of (q − p) · ln(q / p), the shares being p of the expected and q of the observed counts.

    Counts have shape [..., bins]; the result has shape [...]. It is 0 where the shares agree and grows without end; it
    is the sum of both Kullback-Leibler divergences. `smoothing` is added to every count, so that a bin which one sample
    leaves empty does not make it infinite. Equal populations do **not** give 0: with n and w rows in k bins about
    (k − 1) · (1/n + 1/w), so that no threshold suits all sizes.

    Raises:
        EvaluationError: the shapes differ, a count is negative, a sample is empty, or a bin is and `smoothing` is 0.

    Follows: Jeffreys (1946), "An Invariant Form for the Prior Probability in Estimation Problems", whose divergence it
        is; the name comes from credit scoring.
    Taught in: book/engineering/watching
    """
    counts = [np.asarray(side, dtype=np.float64) for side in (expected, observed)]
    if counts[0].shape[-1:] != counts[1].shape[-1:] or not all(side.size and side.ndim for side in counts):
        raise EvaluationError(
            f"the counts have shapes {list(counts[0].shape)} and {list(counts[1].shape)}",
            remedy="count both samples in the same bins",
        )
    if smoothing < 0 or any((side < 0).any() or (side.sum(-1) == 0).any() for side in counts):
        raise EvaluationError("a count is negative, or a sample is empty", remedy="give counts of at least one row")
    smooth = [side + smoothing for side in counts]
    if any((side == 0).any() for side in smooth):
        raise EvaluationError("a bin is empty, and its logarithm is not finite", remedy="leave smoothing above 0")
    p, q = (side / side.sum(-1, keepdims=True) for side in smooth)
    return ((q - p) * np.log(q / p)).sum(-1)


def bin_codes(values: Sequence[float | str], bins: int = BINS) -> tuple[np.ndarray, int]:
    """The bin of every value, and how many bins there are.

    Numbers are cut at the quantiles of all values together, so that the bins favour no part of them; where many are
    equal there are fewer bins. Each string is a bin of its own.

    Raises:
        EvaluationError: there is no value, one is not finite, or `bins` is below 2.

    Taught in: book/engineering/watching
    """
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 2 or not len(values):
        raise EvaluationError(f"{len(values)} values in {bins!r} bins", remedy="give values, and 2 bins or more")
    if isinstance(values[0], str):
        names, codes = np.unique(np.asarray(values, dtype=str), return_inverse=True)
        return codes, len(names)
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise EvaluationError("a value is not finite", remedy="leave it out, and say how many there were")
    inner = np.unique(np.quantile(numbers, np.linspace(0, 1, bins + 1)[1:-1], method="lower"))
    return np.searchsorted(inner, numbers, side="left"), len(inner) + 1
