"""Alarms against bursts: every count by hand, reports that add up, and times that cannot be."""

from __future__ import annotations

import pytest

from companion.errors import EvaluationError
from companion.evaluation import AlarmReport, score_alarms


def ringing(*days: int, days_in_all: int = 20) -> list[bool]:
    return [day in days for day in range(days_in_all)]


def test_days_in_a_row_are_one_alarm_and_the_first_one_gives_the_delay():
    found = score_alarms(ringing(2, 6, 7, 8, 15), [(5, 9), (12, 14)])
    assert found == AlarmReport(alarms=3, true_alarms=1, bursts=2, delays=(1,))
    assert found.precision.mean == pytest.approx(1 / 3) and found.recall.mean == 0.5 and found.delay == 1


def test_an_alarm_that_looks_back_may_ring_after_the_end():
    assert score_alarms(ringing(14), [(12, 14)]).true_alarms == 0
    assert score_alarms(ringing(14), [(12, 14)], grace=1) == AlarmReport(alarms=1, true_alarms=1, bursts=1, delays=(2,))


def test_an_alarm_that_was_ringing_already_is_no_delay():
    assert score_alarms(ringing(3, 4, 5), [(4, 8)]).delays == (0,)


def test_silence_is_no_precision_and_calm_no_recall():
    silent = score_alarms(ringing(), [(3, 4)])
    assert silent.precision is None and silent.delay is None and silent.recall.mean == 0
    calm = score_alarms(ringing(3), [])
    assert calm.recall is None and calm.precision.mean == 0


def test_reports_add_up():
    one, other = score_alarms(ringing(5), [(5, 7)]), score_alarms(ringing(9, 12), [(11, 13)])
    assert sum([one, other], AlarmReport()) == AlarmReport(alarms=3, true_alarms=2, bursts=2, delays=(0, 1))


@pytest.mark.parametrize("bursts", [[(3, 3)], [(-1, 2)], [(18, 21)], [(2, 5), (4, 8)], [(2, 5), (6, 8)]])
def test_bursts_that_cannot_be_are_refused(bursts):
    with pytest.raises(EvaluationError, match="bursts"):
        score_alarms(ringing(1), bursts, grace=2)
    with pytest.raises(EvaluationError, match="grace"):
        score_alarms(ringing(1), [], grace=-1)
