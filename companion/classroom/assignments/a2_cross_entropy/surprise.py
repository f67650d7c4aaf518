"""The loss of a batch of tokens, from logits of any size."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, matrix, numbers, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

IGNORED = -100
SMOOTHING = 0.1


def log_probabilities(logits: list[float]) -> list[float]:
    """log softmax: everything is measured from the largest logit, so that no power overflows."""
    top = max(logits)
    log_sum = top + math.log(sum(math.exp(z - top) for z in logits))
    return [z - log_sum for z in logits]


def plain(logs: list[float], label: int) -> float:
    """Minus the log-probability of the label."""
    return -logs[label]


def smoothed(logs: list[float], label: int) -> float:
    """A tenth of the target is spread evenly over all classes, the label among them."""
    return -(1 - SMOOTHING) * logs[label] - SMOOTHING * sum(logs) / len(logs)


def focal(logs: list[float], label: int) -> float:
    """The loss times the square of what is missing to certainty."""
    return -((1 - math.exp(logs[label])) ** 2) * logs[label]


_FORMS: dict[str, Callable[[list[float], int], float]] = {"plain": plain, "smoothed": smoothed, "focal": focal}


def mean_over_counted(logits_NK: list, labels_N: list, one: Callable[[list[float], int], float]) -> float:
    """Mean of a row's loss over the rows whose label counts; 0.0 where none does."""
    counted = [(row, label) for row, label in zip(logits_NK, labels_N, strict=True) if label != IGNORED]
    if not counted:
        return 0.0
    return sum(one(log_probabilities(row), label) for row, label in counted) / len(counted)


def _reference(name: str) -> Callable[..., float]:
    return lambda logits, labels: mean_over_counted(logits, labels, _FORMS[name])


_INTRODUCTION = """Write `cross_entropy(logits, labels)`. `logits[n]` holds one number for each of the K classes,
`labels[n]` the number of the right class, or -100 for a position that does not count. Return one number: the **mean
over the positions that count**, and `0.0` where none does. Logits may be as large as 1,000, in either direction.
"""

VARIANTS = (
    Variant(
        name="plain",
        statement=f"""{_INTRODUCTION}
The loss of a position is the *cross-entropy* (交叉熵): minus the natural logarithm of the probability that softmax
gives to its label.

`cross_entropy([[0.0, 0.0], [5.0, 1.0]], [1, -100])` is 0.6931…, the logarithm of 2.""",
        reference=_reference("plain"),
        prediction=Prediction(
            question="A model with 7 classes, fresh from initialisation, gives all of them about the same logit. Its "
            "first loss is about …",
            options={"A": "0", "B": "1", "C": "7", "D": "1.95"},
            answer="D",
            why="Minus the logarithm of one seventh. A first loss far from it means that the head or the labels are "
            "not what you think.",
        ),
    ),
    Variant(
        name="smoothed",
        statement=f"""{_INTRODUCTION}
The loss is *label-smoothed* (标签平滑) with 0.1: the target is no longer 1 for the label. It is **0.1 / K for every
class, and 0.9 more for the label**. The loss of a position is minus the sum of target times log-probability, over all
classes.

`cross_entropy([[0.0, 0.0], [5.0, 1.0]], [1, -100])` is 0.6931…; `cross_entropy([[2.0, 0.0]], [0])` is 0.2269….""",
        reference=_reference("smoothed"),
        prediction=Prediction(
            question="A logit of the label grows without end, the others stay. The smoothed loss …",
            options={
                "A": "falls towards 0",
                "B": "falls, and then rises without end",
                "C": "falls towards a number above 0 and stays there",
                "D": "does not change",
            },
            answer="B",
            why="The other classes have a target too, and their log-probabilities go to minus infinity. Smoothing "
            "makes overconfidence expensive.",
        ),
    ),
    Variant(
        name="focal",
        statement=f"""{_INTRODUCTION}
The loss is *focal* (焦点损失) with exponent 2: with p for the probability of the label, a position costs
**(1 - p)² times -ln p**. What is nearly right already hardly counts.

`cross_entropy([[0.0, 0.0], [5.0, 1.0]], [1, -100])` is 0.1733…, a quarter of the logarithm of 2.""",
        reference=_reference("focal"),
        prediction=Prediction(
            question="A position has p = 0.9. Compared with the plain cross-entropy, the focal loss makes it …",
            options={"A": "100 times smaller", "B": "10 times smaller", "C": "0.81 times as large", "D": "larger"},
            answer="A",
            why="(1 − 0.9)² is 0.01. A position with p = 0.1 keeps 0.81 of its loss.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def batch(g: random.Random, rows: int) -> tuple:
        classes = g.randint(3, 5)
        return matrix(g, rows, classes), [g.randrange(classes) for _ in range(rows)]

    def all_count(g: random.Random) -> tuple:
        return batch(g, g.randint(2, 4))

    def some_count(g: random.Random) -> tuple:
        logits, labels = batch(g, g.randint(4, 6))
        for position in g.sample(range(len(labels)), 2):
            labels[position] = IGNORED
        return logits, labels

    def huge(g: random.Random) -> tuple:
        near = [900 + z for z in numbers(g, 3, -1, 1)]
        far = [0.0, -float(g.randint(700, 950)), -float(g.randint(700, 950))]
        return [near, far, [-z for z in near]], [g.randrange(3), g.choice([1, 2]), g.randrange(3)]

    none = [(batch(generator, rows)[0], [IGNORED] * rows) for rows in (1, 3)]
    return [
        *telling_cases("plain", 4, VARIANTS, all_count, generator),
        *telling_cases("ignored", 4, VARIANTS, some_count, generator),
        *telling_cases("extreme", 4, VARIANTS, huge, generator),
        *fixed_cases("nothing", *none, ([], [])),
    ]


def _divided_by_all(variant: str, logits: list, labels: list) -> float:
    counted = sum(label != IGNORED for label in labels)
    return _reference(variant)(logits, labels) * counted / len(labels)


def _sum(variant: str, logits: list, labels: list) -> float:
    return _reference(variant)(logits, labels) * sum(label != IGNORED for label in labels)


def _clipped(floor: float) -> Callable[..., float]:
    def answer(variant: str, logits: list, labels: list) -> float:
        def one(logs: list[float], label: int) -> float:
            return _FORMS[variant]([max(log, math.log(floor)) for log in logs], label)

        return mean_over_counted(logits, labels, one)

    return answer


def _shared_by_the_others(variant: str, logits: list, labels: list) -> float:
    if variant != "smoothed":
        raise ValueError("a mistake of this variant alone")

    def one(logs: list[float], label: int) -> float:
        return -(1 - SMOOTHING) * logs[label] - SMOOTHING * (sum(logs) - logs[label]) / (len(logs) - 1)

    return mean_over_counted(logits, labels, one)


_CLIPPED = (
    "You keep probabilities away from 0 by a floor before you take the logarithm. The error is gone, and so is the "
    "truth: beyond the floor the loss stands still, and its gradient is 0. Never leave the logarithms: log softmax is "
    "the logit minus log-sum-exp."
)

CROSS_ENTROPY = Task(
    function="cross_entropy",
    title="Surprise, at any size",
    groups=(
        Group(name="plain", points=2, teaches="the loss of a few positions is right to six digits"),
        Group(name="ignored", points=2, teaches="a label of -100 counts neither in the sum nor in the number"),
        Group(
            name="extreme", points=3, teaches="logits of 900 in either direction give the exact loss, not inf or nan"
        ),
        Group(name="nothing", points=2, teaches="where no label counts, the loss is 0.0"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="ignored positions are counted",
            message="Your sum leaves out the ignored positions, and then you divide by all of them. The loss shrinks "
            "with the share of padding.",
            answer=_divided_by_all,
        ),
        Misconception(
            name="a sum, not a mean",
            message="This is the sum over the positions that count; the statement asks for their mean.",
            answer=_sum,
        ),
        *(
            Misconception(name=f"a floor of {floor:g}", message=_CLIPPED, answer=_clipped(floor))
            for floor in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-15)
        ),
        Misconception(
            name="smoothing leaves the label out",
            message="You share the 0.1 among the other classes. Here, as in PyTorch, all K classes get 0.1 / K, and "
            "the label gets its 0.9 on top.",
            answer=_shared_by_the_others,
        ),
    ),
)
