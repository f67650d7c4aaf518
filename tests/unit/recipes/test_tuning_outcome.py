"""The optimism of a search: two independent errors add as squares, and the sentence says what the numbers say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, bootstrap_interval
from companion.recipes.tuning_outcome import Optimism, Repetition, measure_optimism


def interval(mean: float | None, sd: float | None = 0.02, n: int = 200) -> Interval:
    return Interval(mean=mean, low=None, high=None, n=n, sd=sd)


def test_the_gap_has_both_errors() -> None:
    gap = measure_optimism(interval(0.80, 0.03), interval(0.70, 0.04)).gap
    assert gap.mean == pytest.approx(0.10)
    assert gap.sd == pytest.approx(0.05)
    assert (gap.low, gap.high) == (pytest.approx(0.10 - 1.959964 * 0.05), pytest.approx(0.10 + 1.959964 * 0.05))
    assert gap.n == 400


def test_where_less_is_better_optimism_is_a_dev_error_that_is_too_small() -> None:
    assert measure_optimism(interval(1.0), interval(1.5), greater_is_better=False).gap.mean == pytest.approx(0.5)


@pytest.mark.parametrize("broken", [interval(None), interval(0.8, None)])
def test_a_score_without_an_error_has_no_gap(broken: Interval) -> None:
    with pytest.raises(EvaluationError, match="test score has no standard error"):
        measure_optimism(interval(0.8), broken)
    with pytest.raises(EvaluationError, match="dev score has no standard error"):
        measure_optimism(broken, interval(0.8))


def test_an_interval_over_seeds_needs_three() -> None:
    rows = tuple(Repetition(seed=n, dev=0.75, test=test) for n, test in enumerate((0.70, 0.72, 0.74)))
    assert measure_optimism(interval(0.80), interval(0.75), repetitions=rows[:2]).gap_over_seeds is None
    whole = measure_optimism(interval(0.80), interval(0.75), repetitions=rows)
    assert whole.gap_over_seeds.mean == pytest.approx(0.08)
    assert whole.repeats_test.mean == pytest.approx(0.72)
    assert whole.gap_over_seeds.high - whole.gap_over_seeds.mean == pytest.approx(
        4.3027 * 0.02 / math.sqrt(3), rel=1e-4
    )


@pytest.mark.parametrize(
    ("dev", "test", "word", "reading"),
    [
        (0.80, 0.60, "optimistic by 0.200", "more than the chance of the rows explains"),
        (0.80, 0.79, "optimistic by 0.010", "cannot tell it from none"),
        (0.60, 0.80, "pessimistic by 0.200", "test was the easier split"),
    ],
)
def test_the_sentence_says_what_the_interval_says(dev: float, test: float, word: str, reading: str) -> None:
    said = measure_optimism(interval(dev), interval(test)).sentence("macro_f1", 20)
    assert said.startswith(f"The best of 20 trials has macro F1 {dev:.3f} on dev")
    assert word in said
    assert reading in said
    assert "three repetitions" in said


def misses(*, sabotage: float = 1.0, searches: int = 400, rows: int = 150) -> float:
    """How often the interval misses the true gap, 0, of a model that is chosen beforehand; errors times `sabotage`."""
    generator = np.random.default_rng(5)
    missed = 0
    for right in generator.random((searches, 2, rows)) < 0.8:
        scores = [
            bootstrap_interval(lambda sums: sums[:, 0] / sums[:, 1], np.c_[row, np.ones(rows)], resamples=200)
            for row in right
        ]
        scores = [Interval(mean=s.mean, low=None, high=None, n=s.n, sd=s.sd * sabotage) for s in scores]
        gap = measure_optimism(*scores).gap
        missed += not gap.low <= 0.0 <= gap.high
    return missed / searches


def test_the_interval_covers_and_a_narrower_one_would_not() -> None:
    assert 0.02 <= misses() <= 0.08
    assert misses(sabotage=0.5) > 0.2


def test_an_optimism_keeps_its_parts() -> None:
    whole = measure_optimism(interval(0.8), interval(0.7))
    assert isinstance(whole, Optimism)
    assert (whole.dev.mean, whole.test.mean) == (0.8, 0.7)
