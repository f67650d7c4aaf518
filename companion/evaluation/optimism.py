"""The winner's curse, computed: what the best of several trials promises on dev, and what it is worth on test."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from companion.errors import EvaluationError


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedBest:
    """What to expect of a search that keeps the trial with the best dev score.

    Taught in: book/walkthroughs/honest-experiments
    """

    trials: int
    """How many trials the search has."""
    dev: float
    """The mean dev score of its winner."""
    test: float
    """The mean test score of its winner."""

    @property
    def optimism(self) -> float:
        """How much better the winner looks on dev than it is on test."""
        return self.dev - self.test


def expected_best(dev_scores: Sequence[float], test_scores: Sequence[float], trials: int) -> ExpectedBest:
    """The winner's mean dev and test score over all searches of so many trials among these, each tried at most once.

    Exact, by order statistics: of n trials sorted by dev score, number i wins in C(i - 1, k - 1) of the C(n, k)
    searches of k. Equal dev scores win equally often. More is better; for a loss, give its negative.

    Raises:
        EvaluationError: lists of different length, no trial, a score that is not finite, or `trials` outside 1 to n.

    Follows: Dodge et al. (2019), "Show Your Work: Improved Reporting of Experimental Results", which draws with
        replacement; without, the mean is unbiased: Tang et al. (2020), "Showing Your Work Doesn't Always Work".
    Taught in: book/walkthroughs/honest-experiments
    """
    if len(dev_scores) != len(test_scores):
        raise EvaluationError(
            f"{len(dev_scores)} dev scores and {len(test_scores)} test scores",
            remedy="give both scores of every trial, in the same order",
        )
    if not all(map(math.isfinite, (*dev_scores, *test_scores))):
        raise EvaluationError("a score is not finite", remedy="leave out trials that failed, and say how many")
    if not 1 <= trials <= len(dev_scores):
        raise EvaluationError(
            f"a search of {trials} among {len(dev_scores)} trials",
            remedy="give at least one, and no more than there are",
        )
    groups: dict[float, list[float]] = defaultdict(list)
    for dev, test in zip(dev_scores, test_scores, strict=True):
        groups[dev].append(test)
    searches, passed = math.comb(len(dev_scores), trials), 0
    before, chances = 0, []
    for dev in sorted(groups):
        passed += len(groups[dev])
        # The searches that hold nothing better, less those that hold nothing as good.
        up_to = math.comb(passed, trials)
        chances.append(((up_to - before) / searches, dev, math.fsum(groups[dev]) / len(groups[dev])))
        before = up_to
    return ExpectedBest(
        trials=trials,
        dev=math.fsum(chance * dev for chance, dev, _ in chances),
        test=math.fsum(chance * test for chance, _, test in chances),
    )
