"""How the weight of the second term runs over training."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def falling(updates: int, first: float, share: float) -> list[float]:
    """Linear, from `first` to 0 at the last update."""
    return [first * (1 - _progress(update, updates)) for update in range(updates)]


def rising(updates: int, first: float, share: float) -> list[float]:
    """Rises over the first `share` of the updates, then stays at `first`."""
    over = max(1, math.ceil(share * updates))
    return [first * min(1.0, (update + 1) / over) for update in range(updates)]


def cosine(updates: int, first: float, share: float) -> list[float]:
    """Half a cosine, from `first` to 0 at the last update."""
    return [first * (1 + math.cos(math.pi * _progress(update, updates))) / 2 for update in range(updates)]


def _progress(update: int, updates: int) -> float:
    return update / (updates - 1) if updates > 1 else 0.0


_FORMS: dict[str, Callable[[int, float, float], list[float]]] = {
    "falling": falling,
    "rising": rising,
    "cosine": cosine,
}

_INTRODUCTION = """Write `weights(updates, first, share)`: the weight of the masked term at each update, as a list of
`updates` numbers. Update numbers u run from 0 to U − 1. With no update, the list is empty.
"""

VARIANTS = (
    Variant(
        name="falling",
        statement=f"""{_INTRODUCTION}
The weight **falls linearly from `first`**, at update 0, **to 0, at the last update**. A single update has the weight
`first`.
`share` is not used here.

`weights(3, 0.8, 0.5)` is `[0.8, 0.4, 0.0]`.""",
        reference=falling,
        prediction=Prediction(
            question="The weight falls from 0.8 to 0 in this way, in two updates or more. Averaged over them it is …",
            options={"A": "0.4", "B": "0.8", "C": "0.2", "D": "that depends on the number of updates"},
            answer="A",
            why="Half, for any number of updates above 1. Compare with a constant weight of 0.4, not of 0.8.",
        ),
    ),
    Variant(
        name="rising",
        statement=f"""{_INTRODUCTION}
The weight **rises linearly over the first W updates and then stays**. W is `share` · U, rounded up, and at least 1.
Update u has
`first` · min(1, (u + 1) / W): the first weight is not 0, and update W − 1 has all of it.

`weights(4, 0.8, 0.5)` is `[0.4, 0.8, 0.8, 0.8]`.""",
        reference=rising,
        prediction=Prediction(
            question="`share` is 0. The weights are …",
            options={
                "A": "all 0",
                "B": "all `first`",
                "C": "rising to the end",
                "D": "an error, something is divided by 0",
            },
            answer="B",
            why="W is at least 1, so update 0 has all of it already: a constant weight.",
        ),
    ),
    Variant(
        name="cosine",
        statement=f"""{_INTRODUCTION}
The weight **falls along half a cosine from `first`**, at update 0, **to 0, at the last update**: `first` · (1 + cos(π
· t)) / 2, where t runs evenly from 0 to 1. A single update has the weight `first`. `share` is not used here.

`weights(4, 0.8, 0.5)` is `[0.8, 0.6, 0.2, 0.0]`, but for rounding.""",
        reference=cosine,
        prediction=Prediction(
            question="In the first tenth of training, compared with a straight line from `first` to 0, the cosine "
            "falls …",
            options={"A": "faster", "B": "just as fast", "C": "hardly at all", "D": "to 0"},
            answer="C",
            why="It begins level. At a tenth of the way the line has lost 10 %, and the cosine about 2.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def course(g: random.Random, low: int, high: int) -> tuple:
        return g.randint(low, high), round(g.uniform(0.2, 2), 2), g.choice([0.3, 0.4, 0.5])

    return [
        *telling_cases("short", 3, VARIANTS, lambda g: course(g, 4, 6), generator),
        *telling_cases("long", 3, VARIANTS, lambda g: course(g, 9, 20), generator),
        *fixed_cases("one", (1, course(generator, 4, 6)[1], 0.5)),
        *fixed_cases("none", (0, 0.5, 0.5)),
    ]


def _one_too_many(variant: str, updates: int, first: float, share: float) -> list[float]:
    if variant == "rising":
        raise ValueError("a mistake of the falling forms")
    return _FORMS[variant](updates + 1, first, share)[:updates]


def _from_zero(variant: str, updates: int, first: float, share: float) -> list[float]:
    if variant != "rising":
        raise ValueError("a mistake of this variant alone")
    over = max(1, math.ceil(share * updates))
    return [first * min(1.0, update / over) for update in range(updates)]


WEIGHTS = Task(
    function="weights",
    title="A weight that moves",
    groups=(
        Group(name="short", points=3, teaches="four to six updates, from the first weight to the last"),
        Group(name="long", points=4, teaches="longer runs follow the same course"),
        Group(name="one", points=1, teaches="a single update has a weight, and nothing is divided by zero"),
        Group(name="none", points=1, teaches="no update, no weight"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="the end is never reached",
            message="Your course is made for one update more than there is: the last weight is not 0. Between U "
            "updates there are U − 1 steps.",
            answer=_one_too_many,
        ),
        Misconception(
            name="it begins at zero",
            message="Your first weight is 0, so the first update ignores the second term. The statement counts from u "
            "+ 1.",
            answer=_from_zero,
        ),
    ),
)
