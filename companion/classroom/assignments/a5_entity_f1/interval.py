"""How sure an F1 is: the bootstrap, with the draws given."""

from __future__ import annotations

import math
import random

from companion.classroom.assignments.a5_entity_f1.balance import scores
from companion.classroom.drawing import deviation, fixed_cases, mean, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

Ends = list[float]


def f1_of(counts: list, rows: list[int]) -> float:
    """F1 of the sentences in `rows`, one that was drawn twice counted twice."""
    return scores(*(sum(counts[row][column] for row in rows) for column in range(3)))["f1"]


def _ends(values: list[float]) -> Ends:
    ordered = sorted(values)
    cut = math.floor(0.025 * len(ordered))
    return [ordered[cut], ordered[-1 - cut]]


def percentile(counts: list, draws: list) -> Ends:
    """The middle 95 % of the values."""
    return _ends([f1_of(counts, rows) for rows in draws])


def basic(counts: list, draws: list) -> Ends:
    """The percentile interval, mirrored at the value of all sentences."""
    low, high = percentile(counts, draws)
    whole = f1_of(counts, list(range(len(counts))))
    return [2 * whole - high, 2 * whole - low]


def normal(counts: list, draws: list, less: int = 1) -> Ends:
    """1.96 standard deviations of the values to either side of the value of all sentences."""
    spread = 1.96 * deviation([f1_of(counts, rows) for rows in draws], less)
    whole = f1_of(counts, list(range(len(counts))))
    return [whole - spread, whole + spread]


_FORMS = {"percentile": percentile, "basic": basic, "normal": normal}

_INTRODUCTION = """Write `interval(counts, draws)`. `counts[i]` is `[right, predicted, gold]`, the number of entities
of each sort in sentence `i`. Each draw is a list of sentence numbers, drawn **with replacement**: a sentence that
stands in it twice counts twice. For each draw, sum the three counts over its sentences and compute F1 from the sums
(0.0 where you would divide by zero). Return `[low, high]`, an interval from the B values of F1:
"""
_CUT = """Sort the values. With c = ⌊0.025 · B⌋, leave c values out at either end; the lowest and the highest that are
left are the ends"""

VARIANTS = (
    Variant(
        name="percentile",
        statement=f"""{_INTRODUCTION}
**The percentile interval.** {_CUT} of the interval.

With 80 draws, `interval(counts, draws)` leaves out two values at either end.""",
        reference=percentile,
        prediction=Prediction(
            question="The test set gets four times as many sentences of the same kind. The interval becomes …",
            options={"A": "a quarter as wide", "B": "no narrower", "C": "half as wide", "D": "wider"},
            answer="C",
            why="Width falls with the square root of the number of sentences.",
        ),
    ),
    Variant(
        name="basic",
        statement=f"""{_INTRODUCTION}
**The basic interval.** {_CUT} `p_low` and `p_high` of a first interval. With F for the F1 of *all* sentences, each
once, the answer is `[2F - p_high, 2F - p_low]`: the draws scatter around F as F scatters around the truth, so the
picture is mirrored.

With 80 draws, `interval(counts, draws)` leaves out two values at either end before it mirrors.""",
        reference=basic,
        prediction=Prediction(
            question="The values are skewed: they reach far below F, and hardly above it. The basic interval reaches …",
            options={"A": "far above F", "B": "far below F", "C": "to both sides alike", "D": "nowhere, it is empty"},
            answer="A",
            why="It is mirrored. It may even end above 1, and one should know that about it.",
        ),
    ),
    Variant(
        name="normal",
        statement=f"""{_INTRODUCTION}
**The normal interval.** With F for the F1 of *all* sentences, each once, and s for the standard deviation of the B
values (divide by B − 1), the answer is `[F - 1.96 s, F + 1.96 s]`.

For two draws with the values 0.5 and 0.7, `interval(counts, draws)` has s = 0.1414….""",
        reference=normal,
        prediction=Prediction(
            question="F is 0.98 on a small test set. What can the normal interval do that no F1 can?",
            options={"A": "be empty", "B": "end above 1", "C": "leave F out", "D": "have ends in the wrong order"},
            answer="B",
            why="It is as wide above F as below, whether there is room or not.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def sentence(g: random.Random) -> list[int]:
        gold, predicted = g.randint(0, 4), g.randint(0, 4)
        return [g.randint(0, min(gold, predicted)), predicted, gold]

    def draw(g: random.Random, size: int) -> list[int]:
        return [g.randrange(size) for _ in range(size)]

    def plain(g: random.Random) -> tuple:
        counts = [sentence(g) for _ in range(6)]
        return counts, [draw(g, 6) for _ in range(g.choice([40, 80]))]

    def sparse(g: random.Random) -> tuple:
        counts = [[0, 0, 0]] * 3 + [[1, 1, 1], [0, 2, 1]]
        g.shuffle(counts)
        empty = [position for position, one in enumerate(counts) if one == [0, 0, 0]]
        return counts, [*[empty] * 2, *plain_draws(g)]

    def plain_draws(g: random.Random) -> list[list[int]]:
        return [draw(g, 5) for _ in range(38)]

    def doubles_show(counts: list, draws: list) -> bool:
        return _no_doubles(variant.name, counts, draws) != variant.reference(counts, draws)

    def doubles_hide(counts: list, draws: list) -> bool:
        return variant.name == "normal" or not doubles_show(counts, draws)

    still = [(counts, [list(range(4))] * 40) for counts in ([sentence(generator) for _ in range(4)] for _ in range(2))]
    return [
        *telling_cases("plain", 4, VARIANTS, plain, generator, doubles_show),
        *telling_cases("sparse", 3, VARIANTS, sparse, generator, doubles_hide),
        *fixed_cases("still", *still),
    ]


def _no_doubles(variant: str, counts: list, draws: list) -> Ends:
    return _FORMS[variant](counts, [sorted(set(rows)) for rows in draws])


def _mean_of_sentences(variant: str, counts: list, draws: list) -> Ends:
    if variant != "percentile":
        raise ValueError("recognised for the percentile interval alone")
    return _ends([mean([scores(*counts[row])["f1"] for row in rows]) for rows in draws])


def _divided_by_all(variant: str, counts: list, draws: list) -> Ends:
    if variant != "normal":
        raise ValueError("a mistake of this variant alone")
    return normal(counts, draws, 0)


INTERVAL = Task(
    function="interval",
    title="How sure it is",
    groups=(
        Group(name="plain", points=5, teaches="an interval from draws in which sentences occur more than once"),
        Group(name="sparse", points=2, teaches="a draw without any entity has an F1 of 0.0, and still counts"),
        Group(name="still", points=2, teaches="where all draws are alike, both ends are the F1 of all sentences"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="doubles are thrown away",
            message="A sentence that was drawn twice counts once in your answer. Drawing with replacement is what "
            "makes the draws differ as test sets would.",
            answer=_no_doubles,
        ),
        Misconception(
            name="the mean of the sentences' F1",
            message="You average the F1 of single sentences. Entity F1 is made from counts that are summed first; a "
            "sentence without entities has no F1 of its own.",
            answer=_mean_of_sentences,
        ),
        Misconception(
            name="divided by B",
            message="Your standard deviation divides by B. The statement asks for B − 1.",
            answer=_divided_by_all,
        ),
    ),
)
