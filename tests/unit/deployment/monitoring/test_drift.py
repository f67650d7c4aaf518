"""The monitor keeps its stated rate, sees what it should see, and its guards have sabotaged twins."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.deployment.monitoring import DriftMonitor, Observation, bin_codes, population_stability
from companion.deployment.monitoring.observations import signals_of
from companion.errors import ConfigError, DataError, EvaluationError

LABELS = ("billing", "delivery", "returns")


def traffic(count, seed, *, longer=0.0, surer=0.0, shares=(0.5, 0.3, 0.2)):
    """Made-up observations whose signals hang together: long texts are answered with less confidence."""
    draw = np.random.default_rng(seed)
    words = 1 + draw.poisson(12 * (1 + longer), count)
    pieces = words + draw.binomial(words, 0.2)
    confidence = np.clip(0.95 - 0.01 * words + 0.05 * draw.standard_normal(count) + surer, 0, 1)
    labels = draw.choice(LABELS, count, p=shares)
    return [
        Observation(words=int(w), pieces=int(p), unknown=0, confidence=float(c), answer=(str(label),))
        for w, p, c, label in zip(words, pieces, confidence, labels, strict=True)
    ]


def alarms(rate, *, streams=200, window=25, reference=100, **change):
    """How many of so many independent references and windows of unchanged traffic gave an alarm."""
    found = 0
    for seed in range(streams):
        monitor = DriftMonitor(
            reference=traffic(reference, 2 * seed), window=window, false_alarms=rate, permutations=99, seed=seed
        )
        found += monitor.judge(traffic(window, 2 * seed + 1, **change)).alarm
    return found


def most_by_chance(trials, rate, level=1e-4):
    from scipy.stats import binom

    return int(binom.isf(level, trials, rate))


def test_the_rate_of_false_alarms_is_the_stated_one():
    found = alarms(0.1)
    assert found <= most_by_chance(200, 0.1), f"{found} of 200 windows"
    # It is the rate, not merely a bound: a monitor that never speaks would pass the line above.
    assert found >= 200 - most_by_chance(200, 0.9)


def test_a_rule_of_thumb_does_not_keep_it():
    """The sabotaged twin: an index above 0.2 in any signal, on windows of the same size."""
    loud = 0
    for seed in range(100):
        monitor = DriftMonitor(reference=traffic(100, 2 * seed), window=25, false_alarms=0.1, permutations=9)
        loud += max(monitor.judge(traffic(25, 2 * seed + 1)).stability.values()) > 0.2
    assert loud > most_by_chance(100, 0.5)


def test_changed_traffic_is_seen_and_named():
    monitor = DriftMonitor(reference=traffic(300, 0), window=50)
    quiet, loud = monitor.judge(traffic(50, 1)), monitor.judge(traffic(50, 2, surer=-0.2))
    assert not quiet.alarm
    assert loud.alarm
    assert "confidence" in loud.moved
    assert "words" not in loud.moved
    shifted = monitor.judge(traffic(50, 3, shares=(0.05, 0.05, 0.9)))
    assert shifted.moved == ("label",)


def test_a_stream_is_watched_window_by_window():
    monitor = DriftMonitor(reference=traffic(200, 0), window=40)
    stream = [*traffic(120, 1), *traffic(130, 2, longer=1.5)]
    report = monitor.watch(stream)
    assert [(one.start, one.end) for one in report.windows] == [(n, n + 40) for n in range(0, 240, 40)]
    assert report.left_over == 10
    assert report.delay(120) == 40
    assert report.delay(10_000) is None
    read = json.loads(report.to_json())
    assert read["alarms"] == len(report.alarms)
    assert len(read["windows"]) == 6
    assert "windows with an alarm" in str(report)


def test_a_false_alarm_before_the_change_is_no_early_warning():
    monitor = DriftMonitor(reference=traffic(200, 0), window=40)
    report = monitor.watch([*traffic(40, 1, longer=2.0), *traffic(40, 2)])
    assert report.windows[0].alarm
    assert not report.windows[1].alarm
    assert report.delay(40) is None


def test_the_same_traffic_gives_the_same_verdict():
    monitor = DriftMonitor(reference=traffic(100, 0), window=20)
    assert monitor.judge(traffic(20, 5)) == monitor.judge(traffic(20, 5))


def test_a_window_that_is_the_strangest_possible_has_the_smallest_p_value():
    monitor = DriftMonitor(reference=traffic(100, 0), window=20, permutations=199, false_alarms=0.005)
    strange = [replace(one, confidence=0.0) for one in traffic(20, 1)]
    assert monitor.judge(strange).p_value == 1 / 200


def test_nothing_of_a_text_is_kept():
    assert set(Observation.__dataclass_fields__) == {
        "words", "pieces", "unknown", "confidence", "answer", "entities"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"window": 1}, ConfigError),
        ({"window": 101}, DataError),
        ({"bins": 1}, ConfigError),
        ({"permutations": 0}, ConfigError),
        ({"permutations": 50}, ConfigError),
        ({"false_alarms": 0.0}, ConfigError),
        ({"reference": []}, DataError),
    ],
)
def test_what_cannot_work_is_refused(change, error):
    with pytest.raises(error):
        DriftMonitor(**{"reference": traffic(100, 0), "window": 20, **change})


def test_taggers_and_classifiers_are_not_mixed():
    rows = traffic(20, 0)
    with pytest.raises(DataError):
        signals_of([*rows, replace(rows[0], entities=2)])
    assert "entities" in signals_of([replace(row, entities=1) for row in rows])


def test_the_index_by_hand():
    # Shares ½ ½ against ¼ ¾: −¼ · ln ½ + ¼ · ln 3/2.
    found = population_stability(np.array([2, 2]), np.array([1, 3]), smoothing=0.0)
    assert found == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))
    assert population_stability(np.array([5, 7, 2]), np.array([5, 7, 2])) == 0


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=8))
def test_the_index_is_never_negative_and_does_not_care_who_is_first(pairs):
    a, b = (np.array(side) for side in zip(*pairs, strict=True))
    if a.sum() and b.sum():
        assert population_stability(a, b) >= -1e-12
        assert population_stability(a, b) == pytest.approx(population_stability(b, a))


def test_equal_populations_do_not_give_zero():
    draw = np.random.default_rng(0)
    counts = [draw.multinomial(size, [0.1] * 10, size=400) for size in (500, 50)]
    mean = population_stability(*counts).mean()
    assert mean == pytest.approx(9 * (1 / 500 + 1 / 50), rel=0.2)


@pytest.mark.parametrize(
    ("a", "b", "smoothing"),
    [([1, 2], [1, 2, 3], 0.5), ([0, 0], [1, 2], 0.5), ([-1, 2], [1, 2], 0.5), ([0, 2], [1, 2], 0.0)],
)
def test_counts_that_mean_nothing_are_refused(a, b, smoothing):
    with pytest.raises(EvaluationError):
        population_stability(np.array(a), np.array(b), smoothing=smoothing)


def test_bins_hold_about_equal_parts_and_ties_stay_together():
    codes, bins = bin_codes(list(range(100)), 4)
    assert bins == 4
    assert np.bincount(codes).max() <= 26
    tied, fewer = bin_codes([0] * 90 + [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10)
    assert len(set(tied[:90])) == 1
    assert fewer < 10
    named, count = bin_codes(["b", "a", "b"], 10)
    assert (named.tolist(), count) == ([1, 0, 1], 2)
    for values, wrong in (([], 10), ([1.0, float("nan")], 10), ([1, 2], 1)):
        with pytest.raises(EvaluationError):
            bin_codes(values, wrong)
