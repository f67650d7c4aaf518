"""The burst alarm: scipy's test, a false-alarm rate that holds, busy days that do not ring, and bursts that do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.deployment import BurstAlarm
from companion.errors import ConfigError, DataError


@settings(max_examples=60, deadline=None)
@given(
    reference=st.tuples(st.integers(0, 30), st.integers(1, 30)),
    window=st.tuples(st.integers(0, 15), st.integers(0, 15)),
)
def test_the_chance_is_that_of_fishers_exact_test(reference, window):
    from scipy.stats import fisher_exact

    (hits, rest), (more, other) = reference, window
    alarm = BurstAlarm(hits=hits, total=hits + rest)
    expected = fisher_exact([[more, other], [hits, rest]], alternative="greater").pvalue
    assert alarm.p_value(more, more + other) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rate", [0.001, 0.05, 0.3])
def test_the_limit_is_the_first_count_that_is_rare_enough(rate):
    alarm = BurstAlarm(hits=40, total=120, false_alarm_rate=rate)
    for total in (0, 1, 2, 5, 20, 60):
        chances = [alarm.p_value(hits, total) for hits in range(total + 1)]
        assert chances == sorted(chances, reverse=True)
        assert alarm.limit(total) == next((hits for hits, chance in enumerate(chances) if chance <= rate), total + 1)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.8])
def test_false_alarms_keep_to_the_stated_rate(share):
    """A fresh reference for every window: the rate holds over both kinds of luck. Twice the rate would be noticed."""
    draw, rate, windows = np.random.default_rng(0), 0.05, 4000
    references = draw.binomial(200, share, windows)
    totals = draw.poisson(20, windows)
    hits = draw.binomial(totals, share)

    def rung(seen: np.ndarray) -> int:
        alarms = (BurstAlarm(hits=int(reference), total=200, false_alarm_rate=rate) for reference in references)
        return sum(
            alarm.rings([int(some)], [int(all_)])[0] for alarm, some, all_ in zip(alarms, seen, totals, strict=True)
        )

    # Three standard deviations of a binomial count above what is allowed.
    most = rate * windows + 3 * (rate * (1 - rate) * windows) ** 0.5
    assert 0 < rung(hits) <= most
    assert rung(draw.binomial(totals, min(0.99, share + 0.15))) > most


def test_a_busy_day_is_no_burst_and_a_quiet_bad_day_is_one():
    alarm = BurstAlarm(hits=100, total=300, false_alarm_rate=0.001)
    assert alarm.rings([27, 7, 15], [80, 20, 18]) == [False, False, True]


def test_a_wider_window_finds_what_is_weak_and_lasts():
    alarm = BurstAlarm(hits=100, total=300, false_alarm_rate=0.001)
    hits, totals = [7, 12, 12, 12, 12], [20] * 5
    assert alarm.rings(hits, totals) == [False] * 5
    assert alarm.rings(hits, totals, width=3) == [False, False, False, True, True]


@pytest.mark.parametrize(
    "setting", [{"hits": 3, "total": 2}, {"hits": 0, "total": 0}, {"hits": 1, "total": 2, "false_alarm_rate": 1}]
)
def test_a_reference_or_a_rate_that_cannot_be_is_refused(setting):
    with pytest.raises(ConfigError):
        BurstAlarm(**setting)


def test_counts_that_do_not_fit_are_refused():
    alarm = BurstAlarm(hits=1, total=4)
    with pytest.raises(DataError, match="3 hits in 2 texts"):
        alarm.p_value(3, 2)
    with pytest.raises(DataError, match="do not fit"):
        alarm.rings([3], [2])
    with pytest.raises(DataError, match="do not fit"):
        alarm.rings([1, 1], [2])
    with pytest.raises(ConfigError, match="width"):
        alarm.rings([1], [2], width=0)
