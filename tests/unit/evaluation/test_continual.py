"""The accuracy matrix: its numbers on a matrix that can be added up by hand, and on random ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.errors import EvaluationError
from companion.evaluation import AccuracyMatrix

TASKS = ("first", "second", "third")
SCORES = ((0.9, 0.2, 0.1), (0.5, 0.8, 0.3), (0.4, 0.9, 0.7))


def matrix(scores=SCORES, baseline=(0.1, 0.1, 0.1), tasks=TASKS):
    return AccuracyMatrix(tasks=tasks, scores=scores, baseline=baseline)


def test_a_matrix_that_can_be_added_up_by_hand():
    found = matrix()
    assert found.average_accuracy() == pytest.approx((0.4 + 0.9 + 0.7) / 3)
    assert found.average_accuracy(0) == 0.9
    assert found.average_accuracy(1) == pytest.approx((0.5 + 0.8) / 2)
    # The first task fell from 0.9 to 0.4; the second rose from 0.8 to 0.9.
    assert found.forgetting == pytest.approx((0.5 - 0.1) / 2)
    assert found.backward_transfer == pytest.approx((-0.5 + 0.1) / 2)
    assert found.forward_transfer == pytest.approx((0.1 + 0.2) / 2)


def test_forgetting_looks_at_the_best_stage_and_backward_transfer_at_the_own_one():
    found = matrix(((0.5, None, None), (0.9, 0.8, None), (0.3, 0.8, 0.7)), None)
    assert found.forgetting == pytest.approx((0.9 - 0.3 + 0.0) / 2)
    assert found.backward_transfer == pytest.approx((0.3 - 0.5 + 0.0) / 2)


@given(
    st.integers(2, 6).flatmap(
        lambda n: st.lists(st.lists(st.floats(0, 1), min_size=n, max_size=n), min_size=n, max_size=n)
    )
)
def test_random_matrices_by_hand(rows):
    size = len(rows)
    found = matrix(tuple(map(tuple, rows)), tuple(rows[0]), tuple(f"t{n}" for n in range(size)))
    falls, moves, ahead = [], [], []
    for task in range(size - 1):
        falls.append(max(rows[stage][task] for stage in range(size - 1)) - rows[size - 1][task])
        moves.append(rows[size - 1][task] - rows[task][task])
        ahead.append(rows[task][task + 1] - rows[0][task + 1])
    assert found.forgetting == pytest.approx(sum(falls) / len(falls), abs=1e-12)
    assert found.backward_transfer == pytest.approx(sum(moves) / len(moves), abs=1e-12)
    assert found.forward_transfer == pytest.approx(sum(ahead) / len(ahead), abs=1e-12)
    assert found.forgetting >= -found.backward_transfer - 1e-12


def test_scores_ahead_of_time_may_be_missing_and_only_forward_transfer_asks_for_them():
    found = matrix(((0.9, None, None), (0.5, 0.8, None), (0.4, 0.9, 0.7)), None)
    assert found.average_accuracy() == pytest.approx(2 / 3)
    with pytest.raises(EvaluationError, match="forward transfer needs a score"):
        _ = found.forward_transfer
    with pytest.raises(EvaluationError, match="forward transfer needs a score"):
        _ = matrix(baseline=None).forward_transfer


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        (((0.9, None, None), (None, 0.8, None), (0.4, 0.9, 0.7)), r"no score on 'first' after stage 2 \('second'\)"),
        (((0.9, 0.1, 0.1), (0.5, 0.8, 0.3)), "2 stages"),
        (((0.9,), (0.5, 0.8), (0.4, 0.9, 0.7)), "scores for 3 tasks"),
        (((float("nan"), None, None), (0.5, 0.8, None), (0.4, 0.9, 0.7)), "after stage 1 is nan"),
        ((), "0 stages"),
    ],
)
def test_a_matrix_that_is_incomplete_is_refused(scores, problem):
    with pytest.raises(EvaluationError, match=problem):
        matrix(scores)


def test_other_things_that_do_not_fit():
    with pytest.raises(EvaluationError, match="2 scores of an untrained model for 3 tasks"):
        matrix(baseline=(0.1, 0.1))
    alone = AccuracyMatrix(tasks=("one",), scores=((0.5,),), baseline=(0.1,))
    assert alone.average_accuracy() == 0.5
    for name in ("forgetting", "backward_transfer", "forward_transfer"):
        with pytest.raises(EvaluationError, match="with one task"):
            getattr(alone, name)
    with pytest.raises(IndexError):
        alone.average_accuracy(1)


def test_it_prints_as_a_table():
    found = matrix(((0.9, None, None), (0.5, 0.8, None), (0.4, 0.9, 0.7)), None)
    lines = str(found).splitlines()
    assert lines[0].split() == ["after", *TASKS]
    assert lines[1].split() == ["first", "0.900", "–", "–"]
    assert len(lines) == 4
    assert "0.700" in found._repr_html_()
