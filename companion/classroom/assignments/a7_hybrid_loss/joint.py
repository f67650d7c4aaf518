"""Two terms, each with a count of its own, in one loss."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

TERMS = ("supervised", "masked")


def totals(pieces: list, term: str) -> tuple[float, float]:
    """Sum and count of a term over all pieces; a piece without it brings nothing."""
    pairs = [piece[term] for piece in pieces if term in piece]
    return sum(one[0] for one in pairs), sum(one[1] for one in pairs)


def _mean(pieces: list, term: str) -> float:
    total, count = totals(pieces, term)
    return total / count if count else 0.0


def added(pieces: list, weight: float) -> float:
    """The supervised mean, and weight times the masked one."""
    return _mean(pieces, "supervised") + weight * _mean(pieces, "masked")


def shared(pieces: list, weight: float) -> float:
    """The two weights sum to 1."""
    return (1 - weight) * _mean(pieces, "supervised") + weight * _mean(pieces, "masked")


def pooled(pieces: list, weight: float) -> float:
    """One pot of positions, in which a masked one counts `weight`."""
    (first, n), (second, m) = (totals(pieces, term) for term in TERMS)
    count = n + weight * m
    return (first + weight * second) / count if count else 0.0


_FORMS: dict[str, Callable[[list, float], float]] = {"added": added, "shared": shared, "pooled": pooled}

_INTRODUCTION = """Write `joint_loss(pieces, weight)`. A window was cut into pieces to fit memory. Each piece is a
dictionary that may hold `"supervised": [sum, count]` and `"masked": [sum, count]`: the summed loss of its labelled (or
masked) positions, and how many there are. **Each term has a count of its own**, summed over all pieces. A term whose
count is 0, or that no piece has, gives 0.0. With S for the mean of the supervised term over the window and M for that
of the masked one, return
"""
_EXAMPLE = """With `pieces = [{"supervised": [6.0, 3]}, {"supervised": [2.0, 1], "masked": [8.0, 2]}]`, S is 2.0 and M
is 4.0, and
`joint_loss(pieces, 0.5)` is """

VARIANTS = (
    Variant(
        name="added",
        statement=f"{_INTRODUCTION}\n**S + weight · M.**\n\n{_EXAMPLE}4.0.",
        reference=added,
        prediction=Prediction(
            question="A window has 8 labelled positions and 400 masked ones. Somebody divides the sum of both losses "
            "by 408. Compared with S + M, the labels are heard …",
            options={"A": "as much", "B": "about 50 times less", "C": "about 50 times more", "D": "half as much"},
            answer="B",
            why="Their sum was divided by 408 in place of 8. The loss still falls, for the masked term does.",
        ),
    ),
    Variant(
        name="shared",
        statement=f"{_INTRODUCTION}\n**(1 − weight) · S + weight · M.**\n\n{_EXAMPLE}3.0.",
        reference=shared,
        prediction=Prediction(
            question="A window happens to hold no labelled position, and the weight is 0.3. Its loss is …",
            options={"A": "M", "B": "0", "C": "0.3 · M", "D": "nan"},
            answer="C",
            why="The missing term gives nothing, and the other one keeps its own weight.",
        ),
    ),
    Variant(
        name="pooled",
        statement=f"""{_INTRODUCTION}
**the mean over one pot of positions, in which a masked position counts `weight` and a labelled one 1**: the supervised
sum plus weight times the masked sum, over the supervised count plus weight times the masked count. (Here S and M are
not needed; an empty pot gives 0.0.)

{_EXAMPLE}2.4.""",
        reference=pooled,
        prediction=Prediction(
            question="The masking rate is doubled, so twice as many positions are masked, and all losses stay alike. "
            "The influence of the labels on the gradient …",
            options={"A": "falls", "B": "stays", "C": "rises", "D": "vanishes"},
            answer="A",
            why="In one pot, who brings more positions has more say. With a mean for each term, it would have stayed.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def pair(g: random.Random, most: int) -> list:
        count = g.randint(2, most)
        return [round(count * g.uniform(0.5, 4), 2), count]

    def one(g: random.Random) -> tuple:
        return [{"supervised": pair(g, 9), "masked": pair(g, 30)}], round(g.uniform(0.2, 0.8), 2)

    def several(g: random.Random) -> tuple:
        pieces = [{"supervised": pair(g, 9), "masked": pair(g, 30)} for _ in range(3)]
        return pieces, round(g.uniform(0.2, 0.8), 2)

    def partly(g: random.Random) -> tuple:
        pieces, weight = several(g)
        return [*pieces[:2], {"supervised": pair(g, 9)}, {"masked": pair(g, 30)}], weight

    def means_show(pieces: list, weight: float) -> bool:
        return abs(_mean_of_means(variant.name, pieces, weight) - variant.reference(pieces, weight)) > 0.01

    alone = [
        ([{"supervised": pair(generator, 9)}], 0.5),
        ([{"supervised": pair(generator, 9), "masked": [0.0, 0]}], 0.5),
    ]
    return [
        *telling_cases("one", 3, VARIANTS, one, generator),
        *telling_cases("several", 4, VARIANTS, several, generator, means_show),
        *telling_cases("partly", 3, VARIANTS, partly, generator, means_show),
        *fixed_cases("alone", *alone, ([], 0.5), ([{}], 0.5), ([{"supervised": [0.0, 0]}], 0.3)),
    ]


def _mean_of_means(variant: str, pieces: list, weight: float) -> float:
    values = [_FORMS[variant]([piece], weight) for piece in pieces]
    return sum(values) / len(values)


def _one_count(variant: str, pieces: list, weight: float) -> float:
    (first, n), (second, m) = (totals(pieces, term) for term in TERMS)
    own = 1 - weight if variant == "shared" else 1.0
    return (own * first + weight * second) / (n + m)


def _sums(variant: str, pieces: list, weight: float) -> float:
    own = 1 - weight if variant == "shared" else 1.0
    return own * totals(pieces, "supervised")[0] + weight * totals(pieces, "masked")[0]


JOINT_LOSS = Task(
    function="joint_loss",
    title="One loss from two",
    groups=(
        Group(name="one", points=3, teaches="one piece with both terms"),
        Group(name="several", points=3, teaches="several pieces: sums and counts are added up first, and divided once"),
        Group(name="partly", points=2, teaches="a piece may hold one of the terms only"),
        Group(name="alone", points=1, teaches="a term that no position has gives 0.0, and so does an empty window"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="a mean of means",
            message="You make a loss of each piece and average those. How a window was cut must not matter: add up "
            "sums and counts over all pieces first.",
            answer=_mean_of_means,
        ),
        Misconception(
            name="one count for both",
            message="You divide both sums by all positions together. The term with few positions, and these are the "
            "labels, is hardly heard then.",
            answer=_one_count,
        ),
        Misconception(
            name="sums, not means",
            message="These are sums. The longer the texts of a window, the longer its step would be.",
            answer=_sums,
        ),
    ),
)
