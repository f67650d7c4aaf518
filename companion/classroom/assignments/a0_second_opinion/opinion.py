"""Reading a tutorial: which line breaks which rule, and which rules it keeps."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.assignments.a0_second_opinion.listings import (
    CHECKS,
    NAMES,
    line_of,
    listing,
    suspected_line,
)
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

_GROUPS = {
    "data": ("labels", "padding", "mask"),
    "training": ("zero", "order", "mean"),
    "evaluation": ("mode", "choice", "score"),
}
_QUESTIONS = "\n".join(f'* `"{check}"`: {question}' for check, question in CHECKS.items())

_INTRODUCTION = """Write `finding(check)`. It gets the name of one of the checks below. If the answer to its question
is *yes*, return the **number of the line** that is to blame, a whole number; if the tutorial does it right, return 0.
For example,
`finding("mask")` is the number of the line in which the mask is left out, or 0. One line is to blame for each fault;
where something stands in the wrong place, it is the line where it stands now.
"""

_PREDICTIONS = {
    "the-short-one": Prediction(
        question="Four of five words are outside of every name, and two of three positions are padding. By this "
        "tutorial's own score, a model that always says `O` reaches about …",
        options={"A": "0.33", "B": "0.80", "C": "0.50", "D": "0.93"},
        answer="D",
        why="Padding is labelled `O` here, and counted. Two thirds of the positions are free, and four fifths of the "
        "rest: 0.93.",
    ),
    "the-long-one": Prediction(
        question="The model never gets the mask. Of a batch, which sentence's answers depend on its company?",
        options={
            "A": "every one that is padded",
            "B": "the longest",
            "C": "none, padding is zero",
            "D": "all, the longest too",
        },
        answer="A",
        why="A padded sentence attends to its padding, and how much there is depends on the longest. The longest has "
        "none.",
    ),
    "the-careful-one": Prediction(
        question="Everything is seeded, and dropout stays at work during evaluation. Two evaluations in a row of one "
        "model give …",
        options={
            "A": "the same score, thanks to the seed",
            "B": "an error",
            "C": "two scores",
            "D": "zero",
        },
        answer="C",
        why="A seed fixes where the stream of random numbers begins. The second evaluation goes on where the first "
        "stopped.",
    ),
}


def _reference(name: str) -> Callable[[str], int]:
    return lambda check: line_of(name, check)


def _statement(name: str) -> str:
    return f"""{_INTRODUCTION}
{_QUESTIONS}

Your tutorial is *{name.replace("-", " ")}*. Whatever comes from `helpers` is right, and does what its name says.

```text
{listing(name)}
```"""


VARIANTS = tuple(
    Variant(name=name, statement=_statement(name), reference=_reference(name), prediction=_PREDICTIONS[name])
    for name in NAMES
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    cases = [Case(group=group, arguments=(check,)) for group, checks in _GROUPS.items() for check in checks]
    generator.shuffle(cases)
    return cases


FINDING = Task(
    function="finding",
    title="Read it as a reviewer",
    groups=(
        Group(
            name="data", points=3, teaches="labels, padding and mask: each fault has its line, and what is right has 0"
        ),
        Group(name="training", points=3, teaches="gradients, order and printed loss: each fault has its line"),
        Group(name="evaluation", points=3, teaches="mode, choice and score: each fault has its line"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="lines counted from 0",
            message="Your lines are one too small. They are numbered from 1, as printed.",
            answer=lambda variant, check: max(0, line_of(variant, check) - 1),
        ),
        Misconception(
            name="faults everywhere",
            message="You blame a line that is right. A reviewer who objects to everything is soon not read; for each "
            "line, say what it would have to do wrong.",
            answer=suspected_line,
        ),
        Misconception(
            name="nothing found",
            message="A line that is wrong has passed for right. Put this question alone, and find the line that "
            "answers it.",
            answer=lambda variant, check: 0,
        ),
    ),
)
