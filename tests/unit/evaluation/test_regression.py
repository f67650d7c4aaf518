"""Scores of numbers equal scikit-learn's and scipy's, and what is undefined is None."""

import random

import pytest
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error, mean_squared_error

from companion.errors import EvaluationError
from companion.evaluation.regression import score_numbers


def test_scores_equal_the_libraries() -> None:
    for seed in range(500):
        draw = random.Random(seed)
        shift = 10.0 ** draw.randint(0, 6)
        gold = [shift + draw.gauss(0, 3) for _ in range(draw.randint(3, 40))]
        said = [number + draw.gauss(0, 2) for number in gold]
        report = score_numbers(gold, said, bootstrap=0)
        assert report.mean_squared_error.mean == pytest.approx(mean_squared_error(gold, said), rel=1e-9)
        assert report.mean_absolute_error.mean == pytest.approx(mean_absolute_error(gold, said), rel=1e-9)
        assert report.correlation.mean == pytest.approx(pearsonr(gold, said).statistic, abs=1e-6)


def test_no_variation_leaves_the_correlation_undefined() -> None:
    for gold, said in (([3.0, 3.0], [1.0, 2.0]), ([1.0, 2.0], [0.1, 0.1]), ([1.0], [2.0]), ([0.1] * 3, [0.1] * 3)):
        report = score_numbers(gold, said, bootstrap=50)
        assert report.correlation.mean is None
        assert report.to_dict()["correlation"] is None
        assert "undefined" in str(report)
        assert report.mean_squared_error.mean is not None


def test_intervals_hold_the_number_and_depend_on_the_seed_alone() -> None:
    draw = random.Random(0)
    gold = [draw.gauss(0, 1) for _ in range(200)]
    said = [number + draw.gauss(0, 0.5) for number in gold]
    one, again, other = score_numbers(gold, said), score_numbers(gold, said), score_numbers(gold, said, seed=1)
    for name in ("mean_squared_error", "mean_absolute_error", "correlation"):
        interval = getattr(one, name)
        assert interval.low < interval.mean < interval.high
        assert interval == getattr(again, name) and interval.low != getattr(other, name).low
    assert one.texts == 200 and "200 texts" in str(one)


def test_what_cannot_be_scored_is_refused() -> None:
    for gold, said, message in (
        ([], [], "0 gold and 0"),
        ([1.0], [1.0, 2.0], "1 gold and 2"),
        ([1.0, float("nan")], [1.0, 2.0], "gold number 1 is nan"),
        ([1.0, 1.0], [float("inf"), 2.0], "predicted number 0 is inf"),
    ):
        with pytest.raises(EvaluationError, match=message) as caught:
            score_numbers(gold, said)
        assert caught.value.remedy
