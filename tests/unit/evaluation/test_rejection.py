"""The cheapest threshold: against every threshold tried by hand, and against Chow's rule where its premise holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import EvaluationError
from companion.evaluation import chow_threshold, cost_curve

ROWS = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), st.booleans()), min_size=1, max_size=30)


def by_hand(rows: list[tuple[float, bool]], threshold: float) -> float:
    costs = [(0.0 if right else 5.0) if score >= threshold else 2.0 for score, right in rows]
    return math.fsum(costs) / len(costs)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_every_threshold_costs_what_it_costs_by_hand(rows):
    scores, right = zip(*rows, strict=True)
    curve = cost_curve(scores, right, wrong=5, handover=2)
    for threshold in (-1.0, 0.1, 0.2, 0.5, 0.9, 0.91, math.inf):
        assert curve.cost_at(threshold) == pytest.approx(by_hand(rows, threshold))
        assert curve.answered_at(threshold) == pytest.approx(np.mean([score >= threshold for score in scores]))
    assert curve.cost_at(curve.best) == min(curve.costs)
    assert min(curve.costs) == pytest.approx(min(by_hand(rows, line) for line in (*scores, math.inf)))


def test_of_equal_thresholds_it_takes_the_one_that_answers_least():
    curve = cost_curve([0.2, 0.8], [True, True], wrong=4, handover=1)
    assert curve.best == 0.2
    hopeless = cost_curve([0.2, 0.8], [False, False], wrong=4, handover=1)
    assert hopeless.best == math.inf and hopeless.cost_at(hopeless.best) == 1


def test_honest_probabilities_meet_the_rule_and_dishonest_ones_do_not():
    draw = np.random.default_rng(0)
    honest = draw.random(40_000)
    right = draw.random(40_000) < honest
    rule = chow_threshold(wrong=5, handover=1)
    assert rule == 0.8
    assert abs(cost_curve(honest, right, wrong=5, handover=1).best - rule) < 0.05
    boastful = cost_curve(np.sqrt(honest), right, wrong=5, handover=1)
    assert boastful.best > rule + 0.05
    assert boastful.cost_at(rule) > boastful.cost_at(boastful.best) + 0.005


@pytest.mark.parametrize("costs", [(1, 1), (1, 2), (5, 0), (math.inf, 1)])
def test_costs_without_a_choice_are_refused(costs):
    wrong, handover = costs
    with pytest.raises(EvaluationError, match="passing a text on"):
        chow_threshold(wrong=wrong, handover=handover)
    with pytest.raises(EvaluationError, match="passing a text on"):
        cost_curve([0.5], [True], wrong=wrong, handover=handover)


@pytest.mark.parametrize(
    ("scores", "right"), [([], []), ([0.5], [True, False]), ([math.nan], [True]), ([[1]], [[True]])]
)
def test_rows_that_do_not_fit_are_refused(scores, right):
    with pytest.raises(EvaluationError, match="finite score"):
        cost_curve(scores, right, wrong=5, handover=1)
    with pytest.raises(EvaluationError, match="not a number"):
        cost_curve([0.5], [True], wrong=5, handover=1).cost_at(math.nan)
