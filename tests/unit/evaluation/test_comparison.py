"""Two reports compared: the right score, the right sign, the right words, and only on the same rows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import companion
from companion.errors import EvaluationError
from companion.evaluation.classification import score_labels
from companion.evaluation.entities import score_entities
from companion.evaluation.paired import mcnemar_test
from companion.evaluation.regression import score_numbers


def labels(wrong: range, rows: int = 200):
    """A report in which the texts of this range get the wrong one of two labels."""
    gold = ["here" if number % 2 else "there" for number in range(rows)]
    other = {"here": "there", "there": "here"}
    predicted = [other[label] if number in wrong else label for number, label in enumerate(gold)]
    return score_labels(gold, predicted, bootstrap=100)


def tags(found: int, rows: int = 60):
    """A report of a tagger that finds the first names only."""
    gold = [["B-PER", "O"]] * rows
    predicted = [["B-PER" if number < found else "O", "O"] for number in range(rows)]
    words = [[f"Name{number}", "sleeps"] for number in range(rows)]
    return score_entities(gold, predicted, words=words, bootstrap=100)


def test_the_better_classifier_is_called_better() -> None:
    bad, good = labels(range(40)), labels(range(30, 45))
    found = companion.compare(bad, good, names=("old", "new"), resamples=2000)
    accuracy, macro = found.differences
    assert (accuracy.metric, macro.metric) == ("accuracy", "macro_f1")
    assert accuracy.difference.mean == pytest.approx((40 - 15) / 200)
    assert macro.difference.mean == pytest.approx(good.macro_f1.mean - bad.macro_f1.mean)
    assert 0 < accuracy.difference.low < accuracy.difference.mean < accuracy.difference.high
    assert accuracy.shows_one_better
    right = (np.array([g == p for g, p in zip(r.gold, r.predicted, strict=True)]) for r in (bad, good))
    assert accuracy.test == mcnemar_test(*right)
    assert (accuracy.test.only_a, accuracy.test.only_b) == (5, 30)
    assert "On the same 200 texts new is 12.5 points better than old in accuracy (95 % interval" in found.sentence
    assert "fewer than 1 of 1,000" in found.sentence
    assert "single run" in found.sentence
    assert "do not tell" not in found.sentence
    turned = companion.compare(good, bad, names=("new", "old"), resamples=2000)
    assert "old is 12.5 points worse than new" in turned.sentence
    assert turned.differences[0].difference.mean == -accuracy.difference.mean
    assert turned.differences[0].test.p_value == accuracy.test.p_value


def test_a_difference_that_may_be_luck_is_called_so() -> None:
    found = companion.compare(labels(range(30)), labels(range(2, 31)), resamples=500)
    assert not found.differences[0].shows_one_better
    assert "The interval holds 0: these rows do not tell which is better." in found.sentence
    assert "about 100 of 100" in companion.compare(labels(range(5)), labels(range(5)), resamples=100).sentence
    assert "B and A have the same accuracy" in companion.compare(labels(range(5)), labels(range(5, 10))).sentence


def test_taggers_are_compared_in_entity_f1() -> None:
    one, other = tags(20), tags(40)
    found = companion.compare(one, other, resamples=1000)
    [row] = found.differences
    assert row.metric == "entity_f1"
    assert row.difference.mean == pytest.approx(other.entity_f1 - one.entity_f1)
    assert row.test.method == "permutation test"
    assert row.test.p_value < 0.01
    assert "On the same 60 sentences B is 30.0 points better than A in entity F1" in found.sentence


def test_several_labels_and_numbers_have_their_own_scores() -> None:
    gold = [["a"], ["a", "b"], ["b"], []] * 20
    several = [score_labels(gold, rows, bootstrap=0) for rows in ([["a"], ["a"], ["b"], []] * 20, gold)]
    found = companion.compare(*several, resamples=200)
    assert found.differences[0].difference.mean == pytest.approx(0.25)
    truth = [float(number) for number in range(30)]
    numbers = [score_numbers(truth, [value + error for value in truth], bootstrap=0) for error in (2.0, 1.0)]
    found = companion.compare(*numbers, resamples=200)
    assert [row.metric for row in found.differences] == ["mean_squared_error", "mean_absolute_error"]
    assert "the mean squared error of B is 3 smaller (better) than that of A" in found.sentence


def test_a_class_that_only_one_of_them_predicts_changes_nothing_for_the_other() -> None:
    gold = ["a", "b"] * 20
    one = score_labels(gold, ["a", "b"] * 20, bootstrap=0)
    other = score_labels(gold, ["a", "c"] * 20, bootstrap=0)
    found = companion.compare(one, other, resamples=100).differences[1]
    assert found.difference.mean == pytest.approx(other.macro_f1.mean - one.macro_f1.mean)


def test_it_prints_and_becomes_json() -> None:
    found = companion.compare(labels(range(40)), labels(range(20)), names=("run\x1b[31m", "new"), resamples=200)
    shown = str(found)
    assert "\x1b" not in shown
    assert "right only in" in shown
    assert shown.endswith(found.sentence)
    document = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert document["sentence"] == found.sentence
    assert document["differences"]["accuracy"]["test"]["only_b"] == 20


def test_other_rows_are_refused() -> None:
    with pytest.raises(EvaluationError, match="EntityReport and ClassificationReport have no score in common"):
        companion.compare(tags(3), labels(range(3)))
    with pytest.raises(EvaluationError, match="about 200 and 100 texts"):
        companion.compare(labels(range(3)), labels(range(3), rows=100))
    with pytest.raises(EvaluationError, match="text 0 is not the same in both reports"):
        companion.compare(score_labels(["a", "b"], ["a", "b"]), score_labels(["b", "a"], ["a", "b"]))
    gold = [["B-PER", "O"]]
    one, other = (score_entities(gold, gold, words=[[word, "x"]], bootstrap=0) for word in ("Ada", "Eve"))
    with pytest.raises(EvaluationError, match="sentence 0 is not the same"):
        companion.compare(one, other)
    unknown = score_entities(gold, gold, bootstrap=0)
    assert companion.compare(one, unknown, resamples=10).differences[0].difference.mean == 0
    with pytest.raises(EvaluationError, match="strictly"):
        companion.compare(unknown, score_entities(gold, gold, strict=False, bootstrap=0))
