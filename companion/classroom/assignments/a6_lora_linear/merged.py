"""Adapters put into the weight, and taken out of it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from companion.classroom.assignments.a6_lora_linear.thin import Matrix, added, product
from companion.classroom.drawing import fixed_cases, matrix, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def _strength(adapter: dict) -> float:
    return adapter["share"] * adapter["alpha"] / len(adapter["a"])


def _put(weight: Matrix, adapters: list, sign: float = 1.0) -> Matrix:
    for adapter in adapters:
        weight = added(weight, product(adapter["b"], adapter["a"]), sign * _strength(adapter))
    return weight


def put_in(weight: Matrix, adapters: list) -> Matrix:
    """Every adapter's own product, one after the other."""
    return _put(weight, adapters)


def take_out(weight: Matrix, adapters: list) -> Matrix:
    """The way back."""
    return _put(weight, adapters, -1.0)


def mix(weight: Matrix, adapters: list) -> Matrix:
    """All A and all B are added up first, each with the root of its strength; then one product."""
    if not adapters:
        return weight
    roots = [math.sqrt(_strength(adapter)) for adapter in adapters]

    def total(part: str) -> Matrix:
        zeros = [[0.0] * len(row) for row in adapters[0][part]]
        for root, adapter in zip(roots, adapters, strict=True):
            zeros = added(zeros, adapter[part], root)
        return zeros

    return added(weight, product(total("b"), total("a")))


_FORMS: dict[str, Callable[[Matrix, list], Matrix]] = {"put-in": put_in, "mix": mix, "take-out": take_out}

_INTRODUCTION = """Write `merge(weight, adapters)`. `weight` has out rows and in columns. Each adapter is a dictionary
with `"a"` (r rows, in columns), `"b"` (out rows, r columns), `"alpha"` and `"share"`. Its *strength* is share · alpha
/ r. Return a matrix of the same shape as `weight`; leave `weight` itself as it is.
"""
_EXAMPLE = '`merge([[1.0, 0.0]], [{"a": [[1.0, 1.0]], "b": [[2.0]], "alpha": 1.0, "share": 0.5}])` is '

VARIANTS = (
    Variant(
        name="put-in",
        statement=f"""{_INTRODUCTION}
**Put all adapters in**: to the weight, add for each adapter its strength times B A.

{_EXAMPLE}`[[2.0, 1.0]]`.""",
        reference=put_in,
        prediction=Prediction(
            question="After merging, the layer computes one product in place of three. Compared with before, its "
            "output is …",
            options={
                "A": "a little worse, merging is an approximation",
                "B": "better",
                "C": "different for long inputs",
                "D": "the same, but for rounding",
            },
            answer="D",
            why="(W + s B A) x is W x + s B A x. In low precision, rounding may matter; in theory nothing is lost.",
        ),
    ),
    Variant(
        name="mix",
        statement=f"""{_INTRODUCTION}
**Mix the adapters first**, as peft's `combination_type="linear"` does. All have one rank, and all strengths are above
0. Let A be the sum of all `"a"`, each times the *square root* of its strength, and B the same sum of all `"b"`. Add B
A to the weight.

{_EXAMPLE}`[[2.0, 1.0]]`. With one adapter, nothing is to be mixed.""",
        reference=mix,
        prediction=Prediction(
            question="Two adapters are mixed in this way. Compared with putting both in one after the other, the "
            "result …",
            options={
                "A": "is the same",
                "B": "also holds products of one adapter's B with the other's A",
                "C": "is half as large",
                "D": "has twice the rank",
            },
            answer="B",
            why="A product of sums has four terms. The two crossed ones were never trained by anybody.",
        ),
    ),
    Variant(
        name="take-out",
        statement=f"""{_INTRODUCTION}
**Take all adapters out** of a weight into which they had been put: subtract for each adapter its strength times B A.

{_EXAMPLE}`[[0.0, -1.0]]`.""",
        reference=take_out,
        prediction=Prediction(
            question="In 16-bit numbers, an adapter is put in and taken out a thousand times. The weight …",
            options={
                "A": "drifts: each rounding stays",
                "B": "is exactly the old one",
                "C": "becomes zero",
                "D": "doubles",
            },
            answer="A",
            why="Adding and subtracting the same number is not undone by rounding. Keep the base weight, and merge "
            "copies.",
        ),
    ),
)


def _cases(variant: Variant, generator: random.Random) -> list[Case]:
    def adapter(g: random.Random, rank: int) -> dict:
        return {
            "a": matrix(g, rank, 3),
            "b": matrix(g, 2, rank),
            "alpha": round(g.uniform(2, 8), 1),
            "share": round(g.uniform(0.2, 0.9), 2),
        }

    def one(g: random.Random) -> tuple:
        return matrix(g, 2, 3), [adapter(g, g.choice([2, 3]))]

    def several(g: random.Random) -> tuple:
        return matrix(g, 2, 3), [adapter(g, 2) for _ in range(g.choice([2, 3]))]

    return [
        *fixed_cases("none", (matrix(generator, 2, 3), [])),
        *telling_cases("one", 3, (VARIANTS[0], VARIANTS[2]), one, generator),
        *telling_cases("several", 4, VARIANTS, several, generator),
    ]


def _without(key: str) -> Callable[..., Matrix]:
    def answer(variant: str, weight: Matrix, adapters: list) -> Matrix:
        neutral = {"share": lambda one: 1.0, "alpha": lambda one: float(len(one["a"]))}[key]
        return _FORMS[variant](weight, [one | {key: neutral(one)} for one in adapters])

    return answer


def _average(variant: str, weight: Matrix, adapters: list) -> Matrix:
    return _FORMS[variant](weight, [one | {"share": one["share"] / len(adapters)} for one in adapters])


def _only_the_last(variant: str, weight: Matrix, adapters: list) -> Matrix:
    return _FORMS[variant](weight, adapters[-1:])


MERGE = Task(
    function="merge",
    title="In, and out again",
    groups=(
        Group(name="none", points=1, teaches="without an adapter the weight stays as it is"),
        Group(name="one", points=2, teaches="one adapter, with its own strength"),
        Group(name="several", points=6, teaches="several adapters, as the statement combines them"),
    ),
    variants=VARIANTS,
    cases=_cases,
    misconceptions=(
        Misconception(
            name="the share is forgotten",
            message="The shares are missing: every adapter goes in with its full strength.",
            answer=_without("share"),
        ),
        Misconception(
            name="alpha over r is forgotten",
            message="alpha / r is missing. The adapter was trained behind that factor, and is worth nothing without "
            "it.",
            answer=_without("alpha"),
        ),
        Misconception(
            name="averaged over the adapters",
            message="You divide by the number of adapters. The shares already say how much each one counts.",
            answer=_average,
        ),
        Misconception(
            name="only the last adapter",
            message="Only the last adapter is in. You start from the old weight each time.",
            answer=_only_the_last,
        ),
    ),
)
