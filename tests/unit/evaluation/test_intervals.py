"""Intervals: coverage, repeatability, Student's t, and input that cannot be used."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import EvaluationError
from companion.evaluation import Interval, bootstrap_interval, paired_difference, seeds_interval, student_quantile
from companion.evaluation import intervals as module
from companion.evaluation.classification import label_counts, macro_f1_of
from companion.evaluation.entities import entity_f1_of

NUMBERS = st.floats(-100, 100, allow_nan=False)


def mean_of(sums: np.ndarray) -> np.ndarray:
    return sums[:, 0] / sums[:, 1]


def draw_sentences(generator: np.random.Generator, number: int) -> np.ndarray:
    """Counts of sentences whose difficulty varies, so that the errors of one sentence hang together."""
    gold = generator.poisson(1.5, number)
    correct = generator.binomial(gold, generator.beta(2.0, 2.0, number))
    return np.stack([correct, correct + generator.poisson(0.5, number), gold], axis=1)


def coverage(interval_of, *, simulations: int = 1_500, sentences: int = 200) -> float:
    # E[correct] = 1.5 · 0.5, E[predicted] = E[correct] + 0.5, E[gold] = 1.5: the F1 of an endless corpus.
    truth = 2 * 0.75 / (0.75 + 0.5 + 1.5)
    generator = np.random.default_rng(7)
    hits = 0
    for simulation in range(simulations):
        interval = interval_of(draw_sentences(generator, sentences), simulation)
        hits += interval.low <= truth <= interval.high
    return hits / simulations


def test_bootstrap_covers_the_truth_93_to_97_times_in_a_hundred():
    share = coverage(lambda rows, seed: bootstrap_interval(entity_f1_of, rows, resamples=400, seed=seed))
    assert 0.93 <= share <= 0.97


def test_sabotaged_twin_an_interval_of_half_the_width_is_caught():
    def half(rows: np.ndarray, seed: int) -> Interval:
        i = bootstrap_interval(entity_f1_of, rows, resamples=200, seed=seed)
        return Interval(mean=i.mean, low=(i.low + i.mean) / 2, high=(i.high + i.mean) / 2, n=i.n, sd=i.sd)

    assert coverage(half, simulations=400) < 0.93


def test_sabotaged_twin_resampling_entities_instead_of_sentences_is_caught():
    """Where whole sentences are right or wrong, drawing single entities makes the interval far too narrow."""
    generator = np.random.default_rng(3)
    hits = {"sentences": 0, "entities": 0}
    for seed in range(300):
        right = generator.random(60) < 0.5
        sentences = np.stack([right * 6, np.full(60, 6), np.full(60, 6)], axis=1)
        for name, rows in (("sentences", sentences), ("entities", np.repeat(sentences // 6, 6, axis=0))):
            interval = bootstrap_interval(entity_f1_of, rows, resamples=200, seed=seed)
            hits[name] += interval.low <= 0.5 <= interval.high
    assert hits["sentences"] / 300 > 0.91
    assert hits["entities"] / 300 < 0.7


def test_bootstrap_gives_the_same_bits_for_the_same_seed():
    rows = draw_sentences(np.random.default_rng(0), 300)
    first, again, other = (bootstrap_interval(entity_f1_of, rows, seed=seed) for seed in (1, 1, 2))
    assert repr(first) == repr(again)
    assert repr(first) != repr(other)
    assert first.mean == other.mean == 2 * rows[:, 0].sum() / (rows[:, 1].sum() + rows[:, 2].sum())


def test_block_size_does_not_change_the_interval(monkeypatch):
    rows = draw_sentences(np.random.default_rng(0), 50)
    whole = bootstrap_interval(entity_f1_of, rows, resamples=101)
    monkeypatch.setattr(module, "BLOCK_VALUES", 350)
    assert repr(bootstrap_interval(entity_f1_of, rows, resamples=101)) == repr(whole)


def test_bootstrap_of_a_mean_has_the_known_standard_error():
    values = np.random.default_rng(1).normal(size=400)
    interval = bootstrap_interval(mean_of, np.stack([values, np.ones(400)], axis=1), resamples=4_000)
    assert interval.sd == pytest.approx(values.std() / 20, rel=0.05)
    assert interval.n == 400
    assert interval.low < interval.mean < interval.high


def test_bootstrap_matches_scipy_on_the_same_statistic():
    from scipy.stats import bootstrap

    rows = draw_sentences(np.random.default_rng(2), 400).astype(float)
    ours = bootstrap_interval(entity_f1_of, rows, resamples=4_000)
    theirs = bootstrap(
        tuple(rows.T),
        lambda c, p, g, axis: 2 * c.sum(axis) / (p.sum(axis) + g.sum(axis)),
        paired=True,
        vectorized=True,
        n_resamples=4_000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.004)


def test_bca_matches_scipy_where_it_differs_from_percentiles():
    from scipy.stats import bootstrap

    values = np.random.default_rng(2).exponential(size=30)
    rows = np.stack([values, np.ones(30)], axis=1)
    ours, percentile = (bootstrap_interval(mean_of, rows, resamples=20_000, method=m) for m in ("bca", "percentile"))
    drawn = np.random.default_rng(0)
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=drawn).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.08 * ours.sd)
    assert ours.high - percentile.high > 0.2 * ours.sd
    assert ours.mean == percentile.mean


def test_bca_covers_a_macro_f1_over_many_small_classes_more_often_than_percentiles():
    classes, share, rows = 30, 0.85, 100
    truth = share + (1 - share) / classes
    generator = np.random.default_rng(8)
    hits = dict.fromkeys(module.METHODS, 0)
    simulations = 300
    for seed in range(simulations):
        gold = generator.integers(0, classes, rows)
        guess = np.where(generator.random(rows) < share, gold, generator.integers(0, classes, rows))
        counts = label_counts(*(np.eye(classes, dtype=bool)[side] for side in (gold, guess)))
        for method in hits:
            interval = bootstrap_interval(macro_f1_of, counts, resamples=300, seed=seed, method=method)
            hits[method] += interval.low <= truth <= interval.high
    assert hits["bca"] - hits["percentile"] > 0.05 * simulations
    assert 0.85 < hits["bca"] / simulations < 0.97


def test_bca_where_nothing_varies_or_nothing_is_defined():
    same = bootstrap_interval(entity_f1_of, [[1, 1, 1]] * 3, resamples=50, method="bca")
    assert (same.mean, same.low, same.high) == (1.0, 1.0, 1.0)
    one = bootstrap_interval(entity_f1_of, [[1, 2, 2]], resamples=50, method="bca")
    assert (one.low, one.high) == (0.5, 0.5)
    nothing = bootstrap_interval(entity_f1_of, [[0, 0, 0]] * 3, resamples=50, method="bca")
    assert (nothing.mean, nothing.low, nothing.high) == (None, None, None)
    with pytest.raises(EvaluationError, match="unknown bootstrap method 'BCa'"):
        bootstrap_interval(entity_f1_of, [[1, 1, 1]], method="BCa")


def test_undefined_resamples_are_left_out_and_counted():
    rows = [[1, 1, 1]] + [[0, 0, 0]] * 3
    interval = bootstrap_interval(entity_f1_of, rows, resamples=1_000)
    assert interval.mean == interval.low == interval.high == 1.0
    # A resample of four rows misses the only useful one with probability (3/4)^4 = 0.316.
    assert 250 < interval.undefined < 390


def test_undefined_everywhere():
    interval = bootstrap_interval(entity_f1_of, [[0, 0, 0]] * 5, resamples=20)
    assert (interval.mean, interval.low, interval.high, interval.sd) == (None, None, None, None)
    assert interval.undefined == 20
    assert str(interval) == "undefined"


def test_no_resamples_gives_the_number_alone():
    interval = bootstrap_interval(entity_f1_of, [[1, 2, 2]], resamples=0)
    assert str(interval) == "0.500"
    assert interval.low is None


@pytest.mark.parametrize("rows", [[], [1, 2, 3], np.zeros((0, 3))])
def test_bootstrap_needs_rows(rows):
    with pytest.raises(EvaluationError, match="rows of counts"):
        bootstrap_interval(entity_f1_of, rows)


def test_bootstrap_names_a_statistic_of_wrong_shape():
    with pytest.raises(EvaluationError, match="the statistic gave shape"):
        bootstrap_interval(lambda sums: sums, [[1, 2, 3]])


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, math.nan])
def test_levels_outside_the_open_unit_interval(level):
    for call in (
        lambda: bootstrap_interval(entity_f1_of, [[1, 1, 1]], level=level),
        lambda: seeds_interval([1, 2], level=level),
        lambda: student_quantile(level, 3),
    ):
        with pytest.raises(EvaluationError, match="level is"):
            call()


def test_negative_resamples_and_degrees():
    with pytest.raises(EvaluationError, match="resamples is -1"):
        bootstrap_interval(entity_f1_of, [[1, 1, 1]], resamples=-1)
    with pytest.raises(EvaluationError, match="degrees of freedom are 0"):
        student_quantile(0.95, 0)


def test_student_quantiles_equal_scipy():
    from scipy.stats import t

    seen = 0
    for degrees in [*range(1, 41), 99, 500, 2_001]:
        for level in (0.5, 0.8, 0.9, 0.95, 0.99, 0.999):
            assert student_quantile(level, degrees) == pytest.approx(t.ppf((1 + level) / 2, degrees), rel=1e-11)
            seen += 1
    assert seen == 43 * 6


def test_seeds_interval_equals_scipy():
    from scipy.stats import t

    values = [0.412, 0.431, 0.405, 0.420, 0.417]
    interval = seeds_interval(values)
    low, high = t.interval(0.95, 4, loc=np.mean(values), scale=np.std(values, ddof=1) / math.sqrt(5))
    assert (interval.mean, interval.low, interval.high) == pytest.approx((np.mean(values), low, high), abs=1e-13)
    assert interval.sd == pytest.approx(np.std(values, ddof=1))
    assert (interval.n, interval.level, interval.undefined) == (5, 0.95, 0)
    assert str(interval) == "0.417 [0.405, 0.429]"


def test_seeds_interval_covers_small_normal_samples():
    values = np.random.default_rng(11).normal(size=(3_000, 5))
    hits = sum(interval.low <= 0 <= interval.high for interval in map(seeds_interval, values.tolist()))
    assert 0.93 <= hits / 3_000 <= 0.97


@pytest.mark.parametrize("values", [[], [0.4]])
def test_one_seed_has_no_interval(values):
    with pytest.raises(EvaluationError, match=f"at least two values, got {len(values)}"):
        seeds_interval(values)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_failed_run_is_named(bad):
    with pytest.raises(EvaluationError, match="value 1 is"):
        seeds_interval([0.4, bad, 0.5])
    with pytest.raises(EvaluationError, match="value 0 is"):
        paired_difference([bad, 1.0], [0.0, 1.0])


def test_paired_difference_takes_out_what_both_arms_share():
    a, b = [0.50, 0.60, 0.70, 0.40], [0.49, 0.58, 0.69, 0.38]
    paired = paired_difference(a, b)
    assert paired.mean == pytest.approx(0.015)
    assert paired.low > 0
    assert seeds_interval(a).low < seeds_interval(b).mean


def test_paired_difference_needs_pairs():
    with pytest.raises(EvaluationError, match="got 2 and 3 values"):
        paired_difference([1, 2], [1, 2, 3])


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=2, max_size=8))
@settings(max_examples=150, deadline=None)
def test_paired_difference_changes_sign_with_its_arms(pairs):
    a, b = zip(*pairs, strict=True)
    forth, back = paired_difference(a, b), paired_difference(b, a)
    assert forth.low <= forth.mean <= forth.high
    assert (forth.mean, forth.low, forth.high) == pytest.approx((-back.mean, -back.high, -back.low), abs=1e-9)


def test_format_takes_a_specification():
    interval = Interval(mean=0.41749, low=0.3916, high=0.4412, n=5, sd=0.01)
    assert str(interval) == "0.417 [0.392, 0.441]"
    assert f"{interval:.1%}" == "41.7% [39.2%, 44.1%]"
