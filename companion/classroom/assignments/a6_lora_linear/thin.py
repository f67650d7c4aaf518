"""The forward pass of a linear layer with a low-rank adapter."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, matrix, numbers, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant

Matrix = list[list[float]]


def product(left: Matrix, right: Matrix) -> Matrix:
    """The matrix product."""
    columns = list(zip(*right, strict=True))
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left]


def turned(rows: Matrix) -> Matrix:
    """The transpose."""
    return [list(column) for column in zip(*rows, strict=True)]


def added(left: Matrix, right: Matrix, factor: float = 1.0) -> Matrix:
    """`left + factor * right`."""
    return [[a + factor * b for a, b in zip(r, s, strict=True)] for r, s in zip(left, right, strict=True)]


def layer(x: Matrix, weight: Matrix, bias: list[float], a: Matrix, b: Matrix, scale: float) -> Matrix:
    """`x Wᵀ + bias + scale · x Aᵀ Bᵀ`, rows of `x` being samples."""
    plain = added(product(x, turned(weight)), [bias] * len(x))
    return added(plain, product(product(x, turned(a)), turned(b)), scale)


def over_rank(x: Matrix, weight: Matrix, bias: list[float], a: Matrix, b: Matrix, alpha: float) -> Matrix:
    """Scaled by alpha / r."""
    return layer(x, weight, bias, a, b, alpha / len(a))


def over_root(x: Matrix, weight: Matrix, bias: list[float], a: Matrix, b: Matrix, alpha: float) -> Matrix:
    """Scaled by alpha / √r."""
    return layer(x, weight, bias, a, b, alpha / math.sqrt(len(a)))


def fan_in(x: Matrix, weight: Matrix, bias: list[float], a: Matrix, b: Matrix, alpha: float) -> Matrix:
    """All matrices the other way round: `x W + bias + alpha / r · x A B`."""
    return layer(x, turned(weight), bias, turned(a), turned(b), alpha / len(b))


_FORMS: dict[str, Callable[..., Matrix]] = {"over-rank": over_rank, "over-root": over_root, "fan-in": fan_in}

_INTRODUCTION = """Write `lora_forward(x, weight, bias, a, b, alpha)`, the output of a linear layer with an adapter.
`x` has one row for each sample; the answer has one row for each sample, too. All matrices are lists of rows.
"""
_EXAMPLE = "`lora_forward([[1.0, 2.0]], [[1.0, 0.0]], [0.5], [[1.0, 1.0]], [[2.0]], 1.0)`"

VARIANTS = (
    Variant(
        name="over-rank",
        statement=f"""{_INTRODUCTION}
`weight` has out rows and in columns (as `torch.nn.Linear` keeps it), `a` r rows and in columns, `b` out rows and r
columns. With W, A and B for them, a sample gives W x + bias + **(alpha / r)** · B A x.

{_EXAMPLE} is `[[7.5]]`.""",
        reference=over_rank,
        prediction=Prediction(
            question="The rank is raised from 8 to 32, and alpha stays. The factor before B A x becomes …",
            options={"A": "four times as large", "B": "a quarter", "C": "half", "D": "it stays"},
            answer="B",
            why="alpha / r. There are more terms to sum, and each counts less.",
        ),
    ),
    Variant(
        name="over-root",
        statement=f"""{_INTRODUCTION}
`weight` has out rows and in columns (as `torch.nn.Linear` keeps it), `a` r rows and in columns, `b` out rows and r
columns. With W, A and B for them, a sample gives W x + bias + **(alpha / √r)** · B A x. This is *rank-stabilised*
LoRA: the update keeps its size when the rank grows.

{_EXAMPLE} is `[[7.5]]`; here r is 1, and its root, too.""",
        reference=over_root,
        prediction=Prediction(
            question="The rank is raised from 4 to 64, and alpha stays. The factor before B A x becomes …",
            options={"A": "a sixteenth", "B": "it stays", "C": "a quarter", "D": "four times as large"},
            answer="C",
            why="√64 is four times √4.",
        ),
    ),
    Variant(
        name="fan-in",
        statement=f"""{_INTRODUCTION}
This layer keeps its matrices **the other way round**, as GPT-2's `Conv1D` does. `weight` has **in rows and out
columns**, `a` in rows and r columns, `b` r rows and out columns. With a row x, a sample gives x W + bias + **(alpha /
r)** · x A B.

`lora_forward([[1.0, 2.0]], [[1.0], [0.0]], [0.5], [[1.0], [1.0]], [[2.0]], 1.0)` is `[[7.5]]`.""",
        reference=fan_in,
        prediction=Prediction(
            question="A library is not told that the layer keeps its weight the other way round. For a weight that is "
            "*square*, it …",
            options={
                "A": "raises an error about shapes",
                "B": "gives the same result",
                "C": "only takes longer",
                "D": "gives another result, without an error",
            },
            answer="D",
            why="Square shapes fit in either direction. This is why peft has a field for it, `fan_in_fan_out`.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    turn = turned if variant.name == "fan-in" else (lambda rows: rows)

    def shaped(g: random.Random, ins: int, outs: int, rank: int, *, zero: bool = False) -> tuple:
        b = [[0.0] * rank for _ in range(outs)] if zero else matrix(g, outs, rank)
        x, weight, a = matrix(g, 2, ins), matrix(g, outs, ins), matrix(g, rank, ins)
        return x, turn(weight), numbers(g, outs), turn(a), turn(b), round(g.uniform(3, 9), 1)

    def plain(g: random.Random) -> tuple:
        return shaped(g, g.randint(4, 5), g.randint(2, 3), 2)

    def square(g: random.Random) -> tuple:
        return shaped(g, 3, 3, 3)

    def ranks(g: random.Random) -> tuple:
        return shaped(g, 5, 4, g.choice([4, 5, 6]))

    fresh = [shaped(generator, 4, 3, 2, zero=True) for _ in range(2)]
    return [
        *fixed_cases("fresh", *fresh),
        *telling_cases("plain", 3, VARIANTS, plain, generator),
        *telling_cases("square", 3, VARIANTS, square, generator),
        *telling_cases("ranks", 3, VARIANTS, ranks, generator),
    ]


def _scaled(factor: Callable[[float, int], float]) -> Callable[..., Matrix]:
    """The mistake: another factor before the adapter's part."""

    def answer(variant: str, x: Matrix, weight: Matrix, bias: list, a: Matrix, b: Matrix, alpha: float) -> Matrix:
        rank = len(b) if variant == "fan-in" else len(a)
        own = alpha / (math.sqrt(rank) if variant == "over-root" else rank)
        # Scaling is linear in alpha, so another factor is the same layer with another alpha.
        return _FORMS[variant](x, weight, bias, a, b, alpha * factor(alpha, rank) / own)

    return answer


def _no_bias(variant: str, x: Matrix, weight: Matrix, bias: list, a: Matrix, b: Matrix, alpha: float) -> Matrix:
    return _FORMS[variant](x, weight, [0.0] * len(bias), a, b, alpha)


LORA_FORWARD = Task(
    function="lora_forward",
    title="A wide layer and a thin one",
    groups=(
        Group(name="fresh", points=1, teaches="with B all zeros, as in the beginning, the layer answers as before"),
        Group(name="plain", points=4, teaches="the adapter's part is added with the factor that the statement gives"),
        Group(name="square", points=2, teaches="square matrices: no shape tells you that one is the wrong way round"),
        Group(name="ranks", points=2, teaches="other ranks give other factors"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="no factor",
            message="The factor before the adapter's part is missing. Without it, alpha changes nothing.",
            answer=_scaled(lambda alpha, rank: 1.0),
        ),
        Misconception(
            name="alpha is not divided",
            message="You multiply by alpha and do not divide. Then a larger rank is a larger step, and every rank "
            "needs a learning rate of its own.",
            answer=_scaled(lambda alpha, rank: alpha),
        ),
        Misconception(
            name="the bias is lost",
            message="The bias is missing. An adapter changes the weight; the rest of the layer stays.",
            answer=_no_bias,
        ),
    ),
)
