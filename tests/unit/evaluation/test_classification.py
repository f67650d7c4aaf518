"""Classification scores equal scikit-learn's, and what is undefined is said.

`COMPANION_CASES=100000` compares that many random cases in one go instead of 1,000.
"""

import json
import os
import random
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

from companion.errors import EvaluationError
from companion.evaluation.classification import score_labels
from companion.evaluation.counts import Counts


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


CASES, TOGETHER = int(os.environ.get("COMPANION_CASES", 1_000)), 500


def random_case(seed: int) -> tuple[list[str], list[str]]:
    """A classifier of any quality on 1 to 60 texts; some labels are never answered, one is never right."""
    draw = random.Random(seed)
    names = [f"label {number}" for number in range(draw.randint(1, 12))]
    gold = [draw.choice(names) for _ in range(draw.choice((1, 2, 3, 5, 10, 30, 60)))]
    quality = draw.random()
    return gold, [one if draw.random() < quality else draw.choice([*names, "never gold"]) for one in gold]


def differing(cases: list[tuple[list[str], list[str]]]) -> tuple[int, int]:
    """Cases on which a score is not scikit-learn's, which sees all of them at once, and ratios that are undefined."""
    # Labels that bear their case's number keep the cases apart: one call is far quicker than one for each.
    truth, guess = (
        [f"{number:04d} {label}" for number, case in enumerate(cases) for label in case[side]] for side in (0, 1)
    )
    names = sorted({*truth, *guess})
    given = {"y_true": truth, "y_pred": guess, "labels": names, "average": None}
    undefined = np.array(precision_recall_fscore_support(**given, zero_division=np.nan)[:3]).T
    f1_support = np.array(precision_recall_fscore_support(**given, zero_division=0)[2:]).T
    differ = unsaid = place = 0
    for number, (gold, predicted) in enumerate(cases):
        report = score_labels(gold, predicted, bootstrap=0)
        rows = slice(place, place + len(report.per_class))
        place = rows.stop
        ratios = [[getattr(c, q) for q in ("precision", "recall", "f1")] for c in report.per_class.values()]
        f1, support = f1_support[rows].T
        found = [*chain(*ratios), report.average("f1", "macro"), report.average("f1", "weighted"), report.macro_f1.mean]
        expected = [*undefined[rows].ravel(), f1.mean(), (f1 * support).sum() / support.sum(), f1.mean()]
        right = sum(one == other for one, other in zip(gold, predicted, strict=True)) / len(gold)
        found += [report.accuracy.mean, *(report.average(q, "micro") for q in ("precision", "recall", "f1"))]
        expected += [right] * 4
        said = [np.nan if value is None else value for value in found]
        same = [f"{number:04d} {label}" for label in report.per_class] == names[rows]
        differ += not (same and np.allclose(said, expected, rtol=0, atol=1e-12, equal_nan=True))
        unsaid += int(np.isnan(said).sum())
    assert place == len(names)
    return differ, unsaid


def test_every_random_case_scores_as_in_scikit_learn() -> None:
    compared = undefined = 0
    for start in range(0, CASES, TOGETHER):
        cases = [random_case(seed) for seed in range(start, min(start + TOGETHER, CASES))]
        differ, unsaid = differing(cases)
        assert differ == 0
        compared, undefined = compared + len(cases), undefined + unsaid
    assert compared == CASES and undefined > CASES / 2


def test_sabotaged_twin_a_zero_for_what_is_undefined_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Counts.precision.fget
    monkeypatch.setattr(Counts, "precision", property(lambda counts: honest(counts) or 0.0))
    assert differing([random_case(seed) for seed in range(100)])[0] > 10


SETS = st.frozensets(st.sampled_from("abcd"), max_size=4)


@settings(max_examples=250, deadline=None)
@given(st.lists(st.tuples(SETS, SETS), min_size=1, max_size=20))
def test_several_labels_a_text_score_as_in_scikit_learn(pairs: list[tuple[frozenset[str], frozenset[str]]]) -> None:
    gold, predicted = [gold for gold, _ in pairs], [guess for _, guess in pairs]
    report = score_labels(gold, predicted, bootstrap=20)
    classes = sorted({label for row in (*gold, *predicted) for label in row})
    assert list(report.per_class) == classes and report.confusion == {}
    assert report.accuracy.mean == sum(one == other for one, other in pairs) / len(pairs)
    if not classes:
        assert report.macro_f1.mean is None and report.average("f1", "macro") is None
        assert "undefined" in str(report) and report.to_dict()["micro"]["precision"] is None
        return
    # With one column, scikit-learn would take them for the two classes of a single label: hence one that is all 0.
    truth, guess = (np.array([[*(name in row for name in classes), 0] for row in rows]) for rows in (gold, predicted))
    columns = list(range(len(classes)))
    for how in ("macro", "micro", "weighted"):
        expected = precision_recall_fscore_support(truth, guess, labels=columns, average=how, zero_division=0)
        found = [report.average(quantity, how) or 0.0 for quantity in ("precision", "recall", "f1")]
        assert found == pytest.approx(expected[:3], abs=1e-12)
    undefined = precision_recall_fscore_support(truth, guess, labels=columns, average=None, zero_division=np.nan)
    for place, name in enumerate(classes):
        counts = report.per_class[name]
        for value, expected in zip((counts.precision, counts.recall, counts.f1), undefined[:3], strict=True):
            assert (value is None) == np.isnan(expected[place])
            assert value is None or value == pytest.approx(expected[place], abs=1e-12)


def test_an_average_that_is_0_by_0_is_none() -> None:
    report = score_labels([(), ()], [("a",), ()], bootstrap=0)
    assert report.average("recall", "micro") is None and report.average("recall", "weighted") is None
    assert report.average("precision", "micro") == 0.0


def test_the_table_shows_classes_averages_and_confusions() -> None:
    report = score_labels(["a", "a", "<b>", "<b>", "c"], ["a", "<b>", "a", "a", "c"], bootstrap=50)
    assert report.confused() == [("<b>", "a", 2), ("a", "<b>", 1)]
    assert report.confused(1) == [("<b>", "a", 2)]
    lines = str(report).splitlines()
    assert [line.split()[0] for line in lines[2:5]] == ["<b>", "a", "c"]
    assert [line.split()[0] for line in lines[6:9]] == ["macro", "micro", "weighted"]
    assert "most often confused: <b> → a 2, a → <b> 1" in lines
    assert repr(report) == str(report)
    page = report._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page
    document = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert document["confusion"] == {"<b>": {"a": 2}, "a": {"a": 1, "<b>": 1}, "c": {"c": 1}}
    assert document["micro"]["f1"] == document["accuracy"] == pytest.approx(0.4)


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
