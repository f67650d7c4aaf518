"""Paired tests: against scipy, against counting by hand, and right about how often they are wrong."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from companion.errors import EvaluationError
from companion.evaluation.paired import holm, mcnemar_test, paired_bootstrap, permutation_test


def accuracy(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def f1(sums: np.ndarray) -> np.ndarray:
    both = sums[:, 1] + sums[:, 2]
    return np.divide(2 * sums[:, 0], both, out=np.full(len(sums), np.nan), where=both > 0)


def answers(only_a: int, only_b: int, both: int = 5, neither: int = 3) -> tuple[list[bool], list[bool]]:
    a = [True] * only_a + [False] * only_b + [True] * both + [False] * neither
    b = [False] * only_a + [True] * only_b + [True] * both + [False] * neither
    return a, b


def rows_of(correct: list[bool]) -> np.ndarray:
    return np.stack([np.array(correct, float), np.ones(len(correct))], axis=1)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (3, 9), (9, 3), (7, 7), (0, 12), (400, 460)])
def test_mcnemar_is_the_binomial_test_of_the_rows_that_differ(only_a: int, only_b: int) -> None:
    found = mcnemar_test(*answers(only_a, only_b))
    assert (found.only_a, found.only_b, found.n) == (only_a, only_b, only_a + only_b + 8)
    n, fewer = only_a + only_b, min(only_a, only_b)
    assert found.exact == pytest.approx(binomtest(fewer, n).pvalue if n else 1.0, rel=1e-9)
    mid = 2 * binom.cdf(fewer, n, 0.5) - binom.pmf(fewer, n, 0.5) if n else 1.0
    assert found.p_value == pytest.approx(min(1.0, mid), rel=1e-9)
    assert 0 < found.p_value <= found.exact <= 1


def test_permutations_count_what_can_be_counted_by_hand() -> None:
    a, b = answers(1, 6)
    rows_a, rows_b = rows_of(a), rows_of(b)
    differing = 7
    extreme = sum(abs(2 * sum(signs) - differing) >= 5 for signs in product((0, 1), repeat=differing))
    found = permutation_test(rows_a, rows_b, accuracy, resamples=20_000)
    assert found.p_value == pytest.approx(extreme / 2**differing, abs=0.01)
    assert found.p_value == permutation_test(rows_b, rows_a, accuracy, resamples=20_000).p_value
    assert found == permutation_test(rows_a, rows_b, accuracy, resamples=20_000)


def test_equal_answers_show_nothing() -> None:
    rows = rows_of(answers(2, 3)[0])
    assert permutation_test(rows, rows, accuracy, resamples=100).p_value == 1.0
    interval = paired_bootstrap(rows, rows, accuracy, resamples=100)
    assert (interval.mean, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_the_bootstrap_draws_the_same_rows_for_both() -> None:
    generator = np.random.default_rng(0)
    hard = generator.random(300) < 0.5
    a, b = hard.copy(), hard.copy()
    b[:15] = True
    interval = paired_bootstrap(rows_of(b), rows_of(a), accuracy, resamples=2000)
    assert interval.mean == pytest.approx(b.mean() - a.mean())
    # The difference of two independent samples of 300 coins would be four times as wide.
    assert interval.high - interval.low < 0.06
    assert 0 <= interval.low < interval.mean < interval.high
    turned = paired_bootstrap(rows_of(a), rows_of(b), accuracy, resamples=2000)
    assert (turned.low, turned.high) == pytest.approx((-interval.high, -interval.low))


def test_an_undefined_swap_counts_against_the_difference() -> None:
    a = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    b = np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    found = permutation_test(a, b, f1, resamples=2000)
    assert found.p_value > 0.7
    with pytest.raises(EvaluationError, match="undefined on these rows"):
        permutation_test(np.zeros((2, 3)), a, f1)


def test_equal_systems_are_called_different_no_more_often_than_promised() -> None:
    generator = np.random.default_rng(1)
    false_mcnemar = false_permutation = 0
    trials = 400
    for number in range(trials):
        difficulty = generator.random(200)
        a, b = (generator.random(200) < difficulty for _ in range(2))
        false_mcnemar += mcnemar_test(a, b).p_value <= 0.05
        test = permutation_test(rows_of(a), rows_of(b), accuracy, resamples=199, seed=number)
        false_permutation += test.p_value <= 0.05
    # 400 trials at 5 %: 20 expected, standard deviation 4.4.
    assert 7 <= false_mcnemar <= 33
    assert 7 <= false_permutation <= 33


def test_what_is_no_pair_is_refused() -> None:
    for a, b in (([True], [True, False]), ([], [])):
        with pytest.raises(EvaluationError, match="pairs of rows have shapes"):
            mcnemar_test(a, b)
    with pytest.raises(EvaluationError, match="pairs of rows have shapes"):
        paired_bootstrap(np.ones((3, 2)), np.ones((4, 2)), accuracy)
    with pytest.raises(EvaluationError, match="resamples is 0"):
        permutation_test(np.ones((3, 2)), np.ones((3, 2)), accuracy, resamples=0)


def closed_testing(p_values: list[float]) -> list[float]:
    """What Holm's steps stand for: a test's worst Bonferroni p-value over all sets of hypotheses that hold it."""
    everything = range(len(p_values))
    sets = [chosen for size in range(1, len(p_values) + 1) for chosen in combinations(everything, size)]
    joint = {chosen: min(1.0, len(chosen) * min(p_values[place] for place in chosen)) for chosen in sets}
    return [max(value for chosen, value in joint.items() if place in chosen) for place in everything]


def test_holm_is_closed_testing() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    generator = np.random.default_rng(2)
    cases = [generator.choice([0.0, 0.004, 0.01, 0.02, 0.3, 1.0], size).tolist() for size in (1, 2, 3, 5, 7) * 8]
    for values in cases:
        assert holm(values) == pytest.approx(closed_testing(values))
        assert all(raised >= value for raised, value in zip(holm(values), values, strict=True))
    assert len(cases) == 40


@pytest.mark.parametrize("values", [[], [0.5, 1.1], [-0.1], [float("nan")]])
def test_holm_needs_p_values(values: list[float]) -> None:
    with pytest.raises(EvaluationError, match="p-values are"):
        holm(values)


def test_the_paired_bootstrap_hands_its_method_on() -> None:
    generator = np.random.default_rng(4)
    a, b = (np.stack([generator.exponential(size=40), np.ones(40)], axis=1) for _ in range(2))
    assert paired_bootstrap(a, b, accuracy).low != paired_bootstrap(a, b, accuracy, method="bca").low
    with pytest.raises(EvaluationError, match="unknown bootstrap method 'bac'"):
        paired_bootstrap(a, b, accuracy, method="bac")


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_a_tie_is_a_tie_at_any_size_of_the_scores(size: float) -> None:
    # One row differs, so that every swap gives the observed difference or its mirror image.
    errors = np.random.default_rng(0).random(300) * size
    other = errors.copy()
    other[7] *= 1.7
    a, b = (np.stack([column, np.ones(300)], axis=1) for column in (errors, other))
    assert permutation_test(a, b, accuracy, resamples=400).p_value == 1.0


@pytest.mark.parametrize("size", [1e-14, 1.0])
def test_small_scores_are_not_all_ties(size: float) -> None:
    a, b = (np.stack([np.full(30, value * size), np.ones(30)], axis=1) for value in (1.0, 2.0))
    assert permutation_test(a, b, accuracy, resamples=400).p_value < 0.01
