"""The gradient of the mean loss with respect to the logits: what is predicted minus what is wanted."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from companion.classroom.assignments.a2_cross_entropy.surprise import IGNORED, SMOOTHING, log_probabilities
from companion.classroom.drawing import fixed_cases, matrix, numbers, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

Row = Callable[[list[float], list[float]], list[float]]


def _softmax(logits: list[float]) -> list[float]:
    return [math.exp(log) for log in log_probabilities(logits)]


def _one_hot(label: int, classes: int) -> list[float]:
    return [float(position == label) for position in range(classes)]


def _rows(logits_NK: list, labels_N: list, row: Row, *, divide: bool = True) -> list[list[float]]:
    """`row(logits, one_hot)` where a label counts, divided by how many do, and zeros elsewhere."""
    counted = sum(label != IGNORED for label in labels_N) if divide else 1
    return [
        [0.0] * len(logits) if label == IGNORED else [g / counted for g in row(logits, _one_hot(label, len(logits)))]
        for logits, label in zip(logits_NK, labels_N, strict=True)
    ]


def _plain(logits: list[float], wanted: list[float]) -> list[float]:
    return [p - y for p, y in zip(_softmax(logits), wanted, strict=True)]


def _smoothed(logits: list[float], wanted: list[float]) -> list[float]:
    return _plain(logits, [(1 - SMOOTHING) * y + SMOOTHING / len(wanted) for y in wanted])


def _cooled(logits: list[float], wanted: list[float]) -> list[float]:
    return [g / 2 for g in _plain([z / 2 for z in logits], wanted)]


_FORMS: dict[str, Row] = {"plain": _plain, "smoothed": _smoothed, "temperature": _cooled}


def _reference(name: str) -> Callable[..., list]:
    return lambda logits, labels: _rows(logits, labels, _FORMS[name])


_INTRODUCTION = """Write `gradient(logits, labels)`: the derivative of the loss below with respect to **every logit**,
a list of N rows with K numbers each. Use a formula, not autograd and not differences. A position with the label -100
gets a row of zeros. Logits may be as large as 1,000.
"""

VARIANTS = (
    Variant(
        name="plain",
        statement=f"""{_INTRODUCTION}
The loss is the cross-entropy of softmax, as its **mean over the positions that count**.

`gradient([[0.0, 0.0]], [1])` is `[[0.5, -0.5]]`.""",
        reference=_reference("plain"),
        prediction=Prediction(
            question="The numbers of one row of the gradient are added up. Their sum is …",
            options={"A": "0", "B": "1 / N", "C": "the loss of the row", "D": "different every time"},
            answer="A",
            why="Probabilities sum to 1, and so do targets. Pushing all logits up together changes nothing.",
        ),
    ),
    Variant(
        name="smoothed",
        statement=f"""{_INTRODUCTION}
The loss is the cross-entropy of softmax, *label-smoothed* (标签平滑) with 0.1, as its **mean over the positions that
count**: the target is 0.1 / K for every class, and 0.9 more for the label.

`gradient([[0.0, 0.0]], [1])` is `[[0.45, -0.45]]`.""",
        reference=_reference("smoothed"),
        prediction=Prediction(
            question="Softmax already gives 0.999 to the label of a position with 4 classes. Gradient descent on its "
            "logit …",
            options={
                "A": "pushes it up a little",
                "B": "leaves it where it is",
                "C": "pushes it down",
                "D": "pushes it up strongly",
            },
            answer="C",
            why="The target of the label is 0.925. What is predicted minus what is wanted is above 0, so the step goes "
            "down.",
        ),
    ),
    Variant(
        name="temperature",
        statement=f"""{_INTRODUCTION}
The loss is the cross-entropy of softmax at *temperature* (温度) 2, as its **mean over the positions that count**: all
logits are divided by 2 before the softmax. The derivative is asked for the logits *before* that division.

`gradient([[0.0, 0.0]], [1])` is `[[0.25, -0.25]]`.""",
        reference=_reference("temperature"),
        prediction=Prediction(
            question="Where the model is very wrong, p of the label is near 0 with and without the division. There, "
            "the gradient of the label's logit is … the one at temperature 1",
            options={"A": "the same as", "B": "half", "C": "twice", "D": "a quarter of"},
            answer="B",
            why="p − y is −1 both times, and the chain rule brings one factor of 1/2. Distillation multiplies by T² "
            "because its targets move, too.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def batch(g: random.Random, rows: int) -> tuple:
        classes = g.randint(3, 4)
        return matrix(g, rows, classes), [g.randrange(classes) for _ in range(rows)]

    def all_count(g: random.Random) -> tuple:
        return batch(g, g.randint(2, 3))

    def some_count(g: random.Random) -> tuple:
        logits, labels = batch(g, 5)
        for position in g.sample(range(5), 2):
            labels[position] = IGNORED
        return logits, labels

    def huge(g: random.Random) -> tuple:
        near = [900 + z for z in numbers(g, 3, -1, 1)]
        far = [0.0, -900.0, 950.0]
        return [near, far, [-z for z in near]], [g.randrange(3), g.choice([0, 1]), g.randrange(3)]

    none = [(batch(generator, rows)[0], [IGNORED] * rows) for rows in (1, 2)]
    return [
        *telling_cases("plain", 4, VARIANTS, all_count, generator),
        *telling_cases("ignored", 4, VARIANTS, some_count, generator),
        *telling_cases("extreme", 3, VARIANTS, huge, generator),
        *fixed_cases("nothing", *none),
    ]


def _turned(variant: str, logits: list, labels: list) -> list:
    return [[-g for g in row] for row in _reference(variant)(logits, labels)]


def _not_divided(variant: str, logits: list, labels: list) -> list:
    return _rows(logits, labels, _FORMS[variant], divide=False)


def _divided_by_all(variant: str, logits: list, labels: list) -> list:
    return [[g / len(labels) for g in row] for row in _not_divided(variant, logits, labels)]


def _of_probabilities(variant: str, logits: list, labels: list) -> list:
    def row(z: list[float], wanted: list[float]) -> list[float]:
        return [-y / p for p, y in zip(_softmax(z), wanted, strict=True)]

    return _rows(logits, labels, row)


def _only_predicted(variant: str, logits: list, labels: list) -> list:
    return _rows(logits, labels, lambda z, wanted: _softmax(z))


def _chain_forgotten(variant: str, logits: list, labels: list) -> list:
    if variant != "temperature":
        raise ValueError("a mistake of this variant alone")
    return [[2 * g for g in row] for row in _reference(variant)(logits, labels)]


GRADIENT = Task(
    function="gradient",
    title="Predicted minus wanted",
    groups=(
        Group(name="plain", points=3, teaches="the gradient of a few positions is right in every number"),
        Group(name="ignored", points=2, teaches="an ignored position has a gradient of zeros, and is not counted"),
        Group(name="extreme", points=2, teaches="certain and wrong at once: the gradient is finite and exact"),
        Group(name="nothing", points=2, teaches="where no label counts, all is zero, and nothing is divided by zero"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="the sign is turned",
            message="This is the gradient with its sign turned: wanted minus predicted. A step against it would climb.",
            answer=_turned,
        ),
        Misconception(
            name="the mean is forgotten",
            message="This is the gradient of the sum. The loss is a mean, so every row is divided by the number of "
            "positions that count.",
            answer=_not_divided,
        ),
        Misconception(
            name="ignored positions are counted",
            message="You divide by all positions. The mean is taken over those that count.",
            answer=_divided_by_all,
        ),
        Misconception(
            name="the chain rule stops half-way",
            message="This is the derivative with respect to the probabilities, minus wanted over predicted. Many "
            "texts stop there. Carry it through softmax to the logits: the fractions cancel, and what is left is "
            "predicted minus wanted.",
            answer=_of_probabilities,
        ),
        Misconception(
            name="nothing is wanted",
            message="These are the probabilities. At the label, 1 has to be taken off.",
            answer=_only_predicted,
        ),
        Misconception(
            name="the inner factor is forgotten",
            message="You put the divided logits into softmax, which is right. The chain rule then asks for one more "
            "factor: the derivative of that division.",
            answer=_chain_forgotten,
        ),
    ),
)
