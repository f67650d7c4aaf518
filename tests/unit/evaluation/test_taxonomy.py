"""The error taxonomy: every entity in exactly one outcome."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora.schemes import Entity, entities
from companion.evaluation import compare, score_entities
from companion.evaluation.taxonomy import KINDS, ErrorExample, Outcome, visible

ROW = st.lists(st.sampled_from(["O", "O", "B-A", "I-A", "B-B", "I-B"]), min_size=1, max_size=16)
PAIR = st.integers(1, 16).flatmap(
    lambda n: st.tuples(*[st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), min_size=n, max_size=n)] * 2)
)


@pytest.mark.parametrize(
    ("gold", "predicted", "kinds"),
    [
        ([(0, 2, "A")], [(0, 2, "A")], ["correct"]),
        ([(0, 2, "A")], [(0, 2, "B")], ["type"]),
        ([(0, 2, "A")], [(0, 1, "A")], ["boundary"]),
        ([(0, 2, "A")], [(1, 3, "B")], ["both"]),
        ([(0, 2, "A")], [], ["missed"]),
        ([], [(0, 2, "A")], ["spurious"]),
        ([(0, 2, "A")], [(2, 3, "A")], ["missed", "spurious"]),
        # One gold name cut in two: one half is the boundary error, the other half is spurious.
        ([(0, 3, "A")], [(0, 1, "A"), (1, 3, "A")], ["spurious", "boundary"]),
        # Two gold names run together: the larger overlap is the boundary error, the other name is missed.
        ([(0, 1, "A"), (1, 3, "A")], [(0, 3, "A")], ["missed", "boundary"]),
        # The same type wins over the larger overlap.
        ([(0, 4, "A")], [(0, 3, "B"), (3, 5, "A")], ["spurious", "boundary"]),
        # The same overlap: the leftmost prediction is taken.
        ([(0, 2, "A")], [(0, 1, "A"), (1, 2, "A")], ["boundary", "spurious"]),
    ],
)
def test_the_rule(gold, predicted, kinds):
    outcomes = compare([Entity(*g) for g in gold], [Entity(*p) for p in predicted], sentence=7)
    assert [outcome.kind for outcome in outcomes] == kinds
    assert {outcome.sentence for outcome in outcomes} == {7}


@given(PAIR, st.booleans())
@settings(max_examples=300, deadline=None)
def test_every_entity_is_counted_exactly_once(pair, strict):
    gold, predicted = (entities(row, strict=strict) for row in pair)
    outcomes = compare(gold, predicted)
    assert sorted(o.gold for o in outcomes if o.gold) == gold
    assert sorted(o.predicted for o in outcomes if o.predicted) == predicted
    assert {o.kind for o in outcomes} <= set(KINDS)
    assert sum(o.kind == "correct" for o in outcomes) == len(set(gold) & set(predicted))
    for o in outcomes:
        shared = o.gold and o.predicted and min(o.gold.end, o.predicted.end) - max(o.gold.start, o.predicted.start)
        same_span = o.gold and o.predicted and o.gold[:2] == o.predicted[:2]
        same_type = o.gold and o.predicted and o.gold.type == o.predicted.type
        assert (o.gold is None) == (o.kind == "spurious")
        assert (o.predicted is None) == (o.kind == "missed")
        if o.gold and o.predicted:
            assert shared > 0
            expected = {(True, True): "correct", (True, False): "type", (False, True): "boundary"}
            assert o.kind == expected.get((same_span, same_type), "both")


@given(PAIR)
@settings(max_examples=200, deadline=None)
def test_nothing_left_over_could_still_be_paired(pair):
    outcomes = compare(*(entities(row) for row in pair))
    missed = [o.gold for o in outcomes if o.kind == "missed"]
    spurious = [o.predicted for o in outcomes if o.kind == "spurious"]
    assert not any(g.start < p.end and p.start < g.end for g in missed for p in spurious)


@given(ROW)
@settings(max_examples=100, deadline=None)
def test_a_perfect_prediction_has_only_correct_outcomes(row):
    found = entities(row)
    assert [outcome.kind for outcome in compare(found, found)] == ["correct"] * len(found)


def test_examples_mark_both_spans_in_the_sentence():
    words = ["in", "New", "York", "City", "today"]
    cases = {
        "correct": (["O", "B-LOC", "I-LOC", "I-LOC", "O"], "in [⟨New York City⟩LOC]LOC today"),
        "boundary": (["O", "B-LOC", "I-LOC", "O", "O"], "in [⟨New York⟩LOC City]LOC today"),
        "type": (["O", "B-ORG", "I-ORG", "I-ORG", "O"], "in [⟨New York City⟩ORG]LOC today"),
        "both": (["O", "O", "O", "B-ORG", "I-ORG"], "in [New York ⟨City]LOC today⟩ORG"),
        "missed": (["O", "O", "O", "O", "O"], "in [New York City]LOC today"),
    }
    for kind, (predicted, text) in cases.items():
        report = score_entities([["O", "B-LOC", "I-LOC", "I-LOC", "O"]], [predicted], words=[words], bootstrap=0)
        (example,) = report.examples(kind, 3)
        assert str(example).split(": ", 1)[1] == text
        assert str(example).startswith(kind)
    report = score_entities([["O"] * 5], [["O", "B-LOC", "O", "O", "O"]], words=[words], bootstrap=0)
    assert str(report.examples("spurious")).endswith("in ⟨New⟩LOC York City today")
    assert len(cases) + 1 == len(KINDS)


def test_a_predicted_span_around_the_gold_one_nests_the_other_way():
    outcome = Outcome(kind="boundary", sentence=0, gold=Entity(1, 2, "A"), predicted=Entity(0, 3, "A"))
    assert str(ErrorExample(outcome=outcome, words=("a", "b", "c"))).endswith("⟨a [b]A c⟩A")


def test_examples_print_safely_and_escape_html():
    words = [["<script>alert(1)</script>", "\x1b[31mred", "zero\u200bwidth"]]
    report = score_entities([["B-<b>", "O", "O"]], [["O", "O", "O"]], words=words, bootstrap=0)
    examples = report.examples("missed")
    assert "\x1b" not in str(examples)
    assert "\\u001b[31mred" in repr(examples)
    assert "zero\\u200bwidth" in str(examples[0])
    page = examples._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;" in page
    assert report.examples("spurious")._repr_html_() == "<p>no such case</p>"
    assert str(report.examples("spurious")) == "no such case"


def test_visible_leaves_ordinary_text_alone():
    assert visible("Zürich 北京 naïve 👍") == "Zürich 北京 naïve 👍"
