"""Classification scores equal scikit-learn's, and what is undefined is said."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from companion.errors import EvaluationError
from companion.evaluation.classification import score_labels


def compare(gold: list[str], predicted: list[str]) -> None:
    report = score_labels(gold, predicted, bootstrap=0)
    classes = sorted({*gold, *predicted})
    assert report.accuracy.mean == pytest.approx(accuracy_score(gold, predicted), abs=1e-12)
    for how in ("macro", "micro", "weighted"):
        expected = precision_recall_fscore_support(gold, predicted, labels=classes, average=how, zero_division=0)
        found = [report.average(quantity, how) for quantity in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected[:3], abs=1e-12)
    assert report.macro_f1.mean == pytest.approx(report.average("f1", "macro"), abs=1e-12)
    matrix = confusion_matrix(gold, predicted, labels=classes)
    for row, name in enumerate(classes):
        for column, other in enumerate(classes):
            assert report.confusion[name].get(other, 0) == matrix[row, column]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcde")), min_size=1, max_size=30))
def test_scores_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    compare([gold for gold, _ in pairs], [guess for _, guess in pairs])


def test_scores_equal_scikit_learn_on_larger_cases() -> None:
    for seed in range(40):
        draw = random.Random(seed)
        names = [f"class {number}" for number in range(draw.randint(2, 40))]
        size = draw.randint(50, 400)
        compare([draw.choice(names) for _ in range(size)], [draw.choice(names) for _ in range(size)])


def test_a_class_that_is_never_predicted_or_never_gold_is_undefined_not_zero() -> None:
    report = score_labels(["a", "a", "b"], ["a", "c", "a"])
    assert report.per_class["b"].precision is None and report.per_class["b"].recall == 0.0
    assert report.per_class["c"].recall is None
    assert "undefined" in str(report)
    assert report.to_dict()["per_class"]["b"]["precision"] is None


def test_intervals_hold_the_number_and_depend_on_the_seed_alone() -> None:
    draw = random.Random(1)
    gold = [draw.choice("abc") for _ in range(200)]
    guess = [label if draw.random() < 0.8 else draw.choice("abc") for label in gold]
    one, again, other = score_labels(gold, guess), score_labels(gold, guess), score_labels(gold, guess, seed=1)
    for interval in (one.accuracy, one.macro_f1):
        assert interval.low < interval.mean < interval.high
        assert interval.high - interval.low < 0.2
    assert one == again and one.accuracy.sd != other.accuracy.sd


def test_the_interval_of_accuracy_covers_the_truth() -> None:
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        right = generator.random(150) < 0.7
        report = score_labels(["a"] * 150, ["a" if hit else "b" for hit in right], bootstrap=400)
        inside += report.accuracy.low <= 0.7 <= report.accuracy.high
    assert 0.90 <= inside / 300 <= 0.98


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(EvaluationError, match="1 gold and 2 predicted"):
        score_labels(["a"], ["a", "b"])
    with pytest.raises(EvaluationError):
        score_labels([], [])
    with pytest.raises(EvaluationError, match="no 'median' average"):
        score_labels(["a"], ["a"]).average("f1", "median")
    with pytest.raises(EvaluationError, match="some texts have one label"):
        score_labels(["a", ("b",)], ["a", "b"])
