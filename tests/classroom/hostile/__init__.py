"""Submissions that try to gain what they have not earned, to break the grading, or to hold it up.

Each gets `total` wrong and then tries something. `largest` is right in all of them: it shows whether the attempt cost
the student more than it could have brought.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from companion.classroom.tasks import Assignment, Case, Group, Oral, Prediction, Task, Variant

LARGEST = """
def largest(numbers):
    return max(numbers)
"""
HONEST = (
    """
def total(numbers):
    return sum(number * number for number in numbers)
"""
    + LARGEST
)
FULL = 4
SECONDS = 4.0


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One attempt."""

    name: str
    """What is tried."""
    family: str
    """G01 to G06: where it stands in the table of faults."""
    code: str
    """The notebook's one cell, without `largest`."""
    largest: int | None = FULL
    """Points for `largest`; None where the attempt may end the process before or after it."""


def _prediction(answer: str) -> Prediction:
    return Prediction(question="Which?", options={"A": "this", "B": "that"}, answer=answer, why="So it is.")


def _variant(name: str, answer: str, function) -> Variant:
    return Variant(name=name, statement=f"Give the {name}.", reference=function, prediction=_prediction(answer))


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    return [
        Case(group="values", arguments=([generator.randint(2, 99) for _ in range(generator.randint(3, 6))],))
        for _ in range(4)
    ]


TOTALS = (
    _variant("sum", "A", sum),
    _variant("squares", "B", lambda numbers: sum(number * number for number in numbers)),
    _variant("cubes", "A", lambda numbers: sum(number**3 for number in numbers)),
)
LARGESTS = (
    _variant("smallest", "A", min),
    _variant("largest", "B", max),
    _variant("last", "A", lambda numbers: numbers[-1]),
)
EXAM = Assignment(
    slug="exam",
    title="An exam",
    goals=("add",),
    hours=(1, 1),
    tasks=tuple(
        Task(
            function=name,
            title=name,
            groups=(Group(name="values", points=FULL, teaches="the values are right"),),
            variants=variants,
            cases=_cases,
        )
        for name, variants in (("total", TOTALS), ("largest", LARGESTS))
    ),
    oral=(Oral(question="Why?", gist="So."),),
    seconds=SECONDS,
    preload=(),
)
CHOSEN = {"total": "squares", "largest": "largest"}
