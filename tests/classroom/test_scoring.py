"""What counts as the expected answer, how groups earn points, and what a student is shown."""

import random
from dataclasses import replace
from fractions import Fraction
from statistics import fmean, stdev

import pytest

from companion.classroom.assignments.a1_pad_batch.budget import BATCHES
from companion.classroom.assignments.a7_hybrid_loss.study import CHOOSE
from companion.classroom.compare import differs
from companion.classroom.drawing import telling
from companion.classroom.scoring import Outcome, score_task
from companion.classroom.tasks import load_assignment
from companion.classroom.visible import outcome, public_cases, try_out
from companion.errors import ConfigError, EvaluationError


class Agreeable:
    """Equal to everything, as a student might hope."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class AgreeableFloat(float):
    """A number that claims to be any number."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1, 1),
        (1.0, 1),
        (1.0, 1.0 + 1e-8),
        (float("nan"), float("nan")),
        (float("inf"), float("inf")),
        ([1, "a", None, True], [1, "a", None, True]),
        ({"a": [0.5]}, {"a": [0.5]}),
    ],
)
def test_an_expected_answer_is_accepted(expected, got):
    assert differs(expected, got) is None


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        (1, True, "expected a whole number (1), got True or False (True)"),
        (True, 1, "expected True or False (True), got a whole number (1)"),
        (1, 1.0, "expected a whole number (1), got a number (1.0)"),
        (1.0, 1.1, "expected 1.0, got 1.1"),
        (1.0, float("nan"), "got nan"),
        (float("nan"), 1.0, "got 1.0"),
        (1.0, 10**400, "expected 1.0"),
        ([1, 2], [1], "expected 2 items ([1, 2]), got 1 ([1])"),
        ([1, 2], (1, 2), "an object of type tuple"),
        ([[1], [2]], [[1], [3]], "at [1][0]: expected 2, got 3"),
        ({"a": 1}, {}, "no 'a' in {}"),
        ({"a": 1}, {"a": 1, "b": 2}, "'b' was not asked for"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "at ['a']['b']: expected 1, got 2"),
        (1, Agreeable(), "an object of type Agreeable"),
        (1.0, AgreeableFloat(7), "an object of type AgreeableFloat"),
        ("a", None, "got None"),
    ],
)
def test_anything_else_is_not_and_the_message_says_where(expected, got, said):
    assert said in differs(expected, got)


def outcomes_of(function, variant="padded"):
    cases = public_cases(BATCHES, BATCHES.variant(variant))
    return cases, [outcome(function, case) for case in cases]


def test_a_group_is_earned_as_a_whole():
    variant = BATCHES.variants[0]
    cases, right = outcomes_of(variant.reference)
    assert score_task(BATCHES, variant, cases, right, " b ").earned == BATCHES.points
    spoiled = [*right]
    spoiled[0] = Outcome(value=[[99]])
    score = score_task(BATCHES, variant, cases, spoiled, "A")
    assert (score.groups[0].earned, score.groups[0].passed, score.groups[0].cases) == (0, 4, 5)
    assert score.earned == BATCHES.points - BATCHES.groups[0].points - 1
    assert score.prediction_earned == 0
    assert score.messages[0].startswith("`batches([")


def test_outcomes_must_belong_to_the_cases():
    variant = BATCHES.variants[0]
    cases, right = outcomes_of(variant.reference)
    with pytest.raises(EvaluationError, match="outcomes for"):
        score_task(BATCHES, variant, cases, right[1:])
    with pytest.raises(EvaluationError, match="has no case"):
        score_task(BATCHES, variant, cases[:1], right[:1])


def test_what_a_function_raises_or_returns_never_leaves_the_check():
    [case, *_] = public_cases(BATCHES, BATCHES.variants[0])
    assert outcome(lambda *a: 1 / 0, case).error == "ZeroDivisionError: division by zero"
    assert "JSON cannot hold" in outcome(lambda *a: {1, 2}, case).error
    assert outcome(lambda *a: ((1,), [2]), case).value == [[1], [2]]

    def unwritten(*arguments):
        raise NotImplementedError

    assert outcome(unwritten, case).error == "not written yet"

    def greedy(lengths, budget):
        lengths.clear()
        return []

    before = [*case.arguments[0]]
    outcome(greedy, case)
    assert case.arguments[0] == before, "a function that spoils its arguments spoils its own copy"


def test_variants_that_cannot_be_told_apart_are_refused():
    first = BATCHES.variants[0]
    twins = (first, replace(first, name="twin"))
    with pytest.raises(ConfigError, match="tell"):
        telling(twins, lambda g: ([g.randint(1, 9)] * 3, 9), random.Random(0), tries=20)
    with pytest.raises(ConfigError, match="tell"):
        telling(BATCHES.variants, lambda g: ([3, 3, 3], 9), random.Random(0), tries=20)


def test_a_student_predicts_before_anything_runs(capsys):
    called = []

    def batches(lengths, budget):
        called.append(lengths)
        return BATCHES.variants[0].reference(lengths, budget)

    variants = {"batches": "padded"}
    try_out("a1-pad-batch", batches, variants, predicted="")
    assert called == []
    assert capsys.readouterr().out.startswith("not yet: predict first: set prediction_batches to one of A, B, C, D")
    try_out("a1-pad-batch", batches, variants, predicted="A")
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said[:3]] == ["done"] * 3
    assert "your prediction A is not what happens; that is B." in said[3]


def test_a_right_prediction_is_not_told_before_the_task_is_done(capsys):
    def batches(lengths, budget):
        return []

    try_out("a1-pad-batch", batches, {"batches": "padded"}, predicted="B")
    said = capsys.readouterr().out
    assert said.count("not yet:") == 3
    assert "prediction" not in said


def test_faults_of_a_stepwise_task_are_shown_one_at_a_time(capsys):
    def train(start, batches, dev, settings):
        return {"weights": start, "losses": []}

    try_out("a4-training-loop", train, {"train": "falling-rate"}, predicted="C")
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[1] == "not yet: 5 more to come, one at a time"


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="a1-pad-batch"):
        load_assignment("a9-nothing")
    with pytest.raises(ConfigError, match="pad_batch"):
        load_assignment("a1-pad-batch").task("batch_pad")
    with pytest.raises(ConfigError, match="left-longest"):
        load_assignment("a1-pad-batch").task("pad_batch").variant("up")


@pytest.mark.parametrize(("name", "errors"), [("best-mean", 0), ("one-error", 1)])
def test_rounding_costs_no_points_in_the_study(name, errors):
    """Three honest ways to compute a mean choose the same weight, whatever the secret."""
    ways = [
        fmean,
        lambda scores: sum(scores) / len(scores),
        lambda scores: float(sum(map(Fraction, scores)) / len(scores)),
    ]
    variant, seen = CHOOSE.variant(name), 0
    for secret in range(20):
        for case in CHOOSE.cases(variant, random.Random(secret)):
            (study,) = case.arguments
            for mean in ways:
                best = max(sorted(study), key=lambda entry, mean=mean: mean(entry[1]))[1]
                limit = mean(best) - errors * stdev(best) / len(best) ** 0.5
                assert min(weight for weight, scores in study if mean(scores) >= limit) == variant.reference(study)
                seen += 1
    assert seen == 20 * len(CHOOSE.cases(variant, random.Random(0))) * len(ways)
