"""The winner's curse: exact means against every search there is, and a curse where there is nothing to choose."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from companion.errors import EvaluationError
from companion.evaluation.optimism import expected_best


def every_search(dev: list[float], test: list[float], trials: int) -> tuple[float, float]:
    """The winner's mean scores over all searches, one by one; equal winners share."""
    scores = []
    for chosen in combinations(range(len(dev)), trials):
        best = max(dev[place] for place in chosen)
        winners = [test[place] for place in chosen if dev[place] == best]
        scores.append((best, sum(winners) / len(winners)))
    return tuple(np.mean(scores, axis=0))


@pytest.mark.parametrize("trials", [1, 2, 3, 5, 7])
def test_it_is_the_mean_over_every_search(trials: int) -> None:
    generator = np.random.default_rng(trials)
    for _ in range(10):
        # Three possible dev scores among seven trials: ties are the rule.
        dev, test = generator.integers(0, 3, 7).tolist(), generator.random(7).tolist()
        found = expected_best(dev, test, trials)
        assert (found.dev, found.test) == pytest.approx(every_search(dev, test, trials))
        assert found.optimism == found.dev - found.test


def test_one_trial_is_the_mean_and_all_trials_are_the_best() -> None:
    dev, test = [0.6, 0.8, 0.7], [0.65, 0.6, 0.75]
    one, every = expected_best(dev, test, 1), expected_best(dev, test, 3)
    assert (one.dev, one.test) == pytest.approx((0.7, 2 / 3))
    assert (every.dev, every.test) == (0.8, 0.6)


def test_where_all_trials_are_equally_good_dev_climbs_and_test_stays() -> None:
    generator = np.random.default_rng(0)
    dev, test = (generator.binomial(60, 0.8, 20_000) / 60 for _ in range(2))
    curve = [expected_best(dev.tolist(), test.tolist(), trials) for trials in (1, 5, 25, 125)]
    promised = [one.dev for one in curve]
    assert promised == sorted(promised) and promised[-1] - promised[0] > 0.1
    assert all(abs(one.test - 0.8) < 0.02 for one in curve)


def test_it_follows_what_random_searches_do() -> None:
    generator = np.random.default_rng(1)
    dev, test = generator.random(30), generator.random(30)
    draws = [generator.choice(30, 6, replace=False) for _ in range(4_000)]
    winners = [chosen[dev[chosen].argmax()] for chosen in draws]
    found = expected_best(dev, test, 6)
    assert (found.dev, found.test) == pytest.approx((dev[winners].mean(), test[winners].mean()), abs=0.02)


@pytest.mark.parametrize(
    ("dev", "test", "trials", "message"),
    [
        ([0.1], [0.1, 0.2], 1, "1 dev scores and 2 test scores"),
        ([], [], 1, "a search of 1 among 0 trials"),
        ([0.1], [0.1], 0, "a search of 0 among 1 trials"),
        ([0.1], [0.1], 2, "a search of 2 among 1 trials"),
        ([0.1, float("nan")], [0.1, 0.2], 1, "not finite"),
        ([0.1, 0.2], [0.1, float("inf")], 1, "not finite"),
    ],
)
def test_what_cannot_be_searched_is_refused(dev: list[float], test: list[float], trials: int, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        expected_best(dev, test, trials)
