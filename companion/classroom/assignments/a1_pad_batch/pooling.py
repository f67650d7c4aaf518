"""One vector a sentence, from the vectors of its real positions."""

from __future__ import annotations

import random
from collections.abc import Callable

from companion.classroom.drawing import fixed_cases, matrix, telling_cases
from companion.classroom.tasks import Case, Group, Misconception, Prediction, Task, Variant


def _real(vectors: list[list[float]], mask: list[int]) -> list[list[float]]:
    return [vector for vector, mark in zip(vectors, mask, strict=True) if mark == 1]


def _pooled(vectors_NTD: list, mask_NT: list, reduce: Callable[[list], list[float]]) -> list[list[float]]:
    rows = []
    for vectors, mask in zip(vectors_NTD, mask_NT, strict=True):
        real = _real(vectors, mask)
        rows.append(reduce(real) if real else [0.0] * len(vectors[0]))
    return rows


def pool_mean(vectors_NTD: list, mask_NT: list) -> list[list[float]]:
    """The mean of the real positions, number by number."""
    return _pooled(vectors_NTD, mask_NT, lambda real: [sum(column) / len(real) for column in zip(*real, strict=True)])


def pool_max(vectors_NTD: list, mask_NT: list) -> list[list[float]]:
    """The largest value among the real positions, number by number."""
    return _pooled(vectors_NTD, mask_NT, lambda real: [max(column) for column in zip(*real, strict=True)])


def pool_last(vectors_NTD: list, mask_NT: list) -> list[list[float]]:
    """The vector of the last real position."""
    return _pooled(vectors_NTD, mask_NT, lambda real: real[-1])


_REDUCERS = {"mean": pool_mean, "max": pool_max, "last": pool_last}
_POOL_INTRODUCTION = """Write `pool(vectors, mask)`. `vectors[n][t]` is the vector of sentence `n` at position `t`, a
list of numbers; `mask[n][t]` is 1 for a real piece and 0 for padding, which may stand on either side. Return one
vector a sentence. A sentence without any real piece gets zeros.
"""
_POOL_EXAMPLE = "For `pool([[[1.0, 8.0], [3.0, -4.0], [9.0, 9.0]]], [[1, 1, 0]])` the answer is "

POOL_VARIANTS = (
    Variant(
        name="mean",
        statement=f"{_POOL_INTRODUCTION}\nTake the **mean over the real positions**. {_POOL_EXAMPLE}`[[2.0, 2.0]]`.",
        reference=pool_mean,
        prediction=Prediction(
            question="A sentence of 4 real pieces stands in a batch of width 16, and the vectors at padding are zeros. "
            "Somebody takes the mean over all 16 positions instead. Each number of the result is …",
            options={
                "A": "the same, zeros add nothing",
                "B": "four times too large",
                "C": "a quarter of what it should be",
                "D": "too small by a random amount",
            },
            answer="C",
            why="Zeros add nothing to the sum, and 12 to the count. The same sentence in a wider batch shrinks "
            "further.",
        ),
    ),
    Variant(
        name="max",
        statement=f"{_POOL_INTRODUCTION}\nTake the **largest value over the real positions**, for each number of the "
        f"vector by itself. {_POOL_EXAMPLE}`[[3.0, 8.0]]`.",
        reference=pool_max,
        prediction=Prediction(
            question="Somebody multiplies the vectors by the mask and then takes the largest over all positions. When "
            "is the result wrong?",
            options={
                "A": "where all real values of a number are below zero, and there is padding",
                "B": "where a real value is above zero",
                "C": "never, a product with 0 removes padding",
                "D": "only for sentences without a real piece",
            },
            answer="A",
            why="The product does not remove padding, it makes it 0, and 0 is larger than anything negative.",
        ),
    ),
    Variant(
        name="last",
        statement=f"{_POOL_INTRODUCTION}\nTake the vector of the **last real position**, as classifiers on GPT-like "
        f"models do. {_POOL_EXAMPLE}`[[3.0, -4.0]]`.",
        reference=pool_last,
        prediction=Prediction(
            question="Somebody takes the vector at position `sum(mask) - 1`. When is that the last real one?",
            options={
                "A": "always",
                "B": "with padding on the right, not on the left",
                "C": "with padding on the left, not on the right",
                "D": "only without padding",
            },
            answer="B",
            why="The sum counts real pieces. It is a position only where they begin at 0.",
        ),
    ),
)


def _sentence(generator: random.Random, width: int, real: int, *, left: bool, size: int, garbage: float) -> tuple:
    vectors = matrix(generator, width, size)
    mask = [0] * (width - real) + [1] * real if left else [1] * real + [0] * (width - real)
    for position, mark in enumerate(mask):
        if mark == 0:
            vectors[position] = [round(garbage * generator.choice([-1, 1]), 2) for _ in range(size)]
    return vectors, mask


def _batch(generator: random.Random, *, garbage: float, reals: list[int], left: bool = False) -> tuple:
    width, size = 6, 2
    pairs = [_sentence(generator, width, real, left=left, size=size, garbage=garbage) for real in reals]
    return [vectors for vectors, _ in pairs], [mask for _, mask in pairs]


def _some_above_zero(vectors_NTD: list, mask_NT: list) -> bool:
    return all(number > 0 for vector in pool_max(vectors_NTD, mask_NT) for number in vector)


def _pool_cases(variant: Variant, generator: random.Random) -> list[Case]:
    def plain(g: random.Random, garbage: float = 0.5, *, left: bool = False) -> tuple:
        return _batch(g, garbage=garbage, reals=[g.randint(2, 4), g.randint(2, 5)], left=left)

    def below_zero(g: random.Random) -> tuple:
        vectors, mask = plain(g)
        return [[[-abs(x) for x in vector] for vector in sentence] for sentence in vectors], mask

    def large(g: random.Random) -> tuple:
        return plain(g, 1e4)

    def left(g: random.Random) -> tuple:
        return plain(g, 7.0, left=True)

    nothing = [_batch(generator, garbage=generator.uniform(1, 5), reals=[0, 0]) for _ in range(2)]
    return [
        *telling_cases("real", 3, POOL_VARIANTS, plain, generator),
        *telling_cases("real", 2, POOL_VARIANTS, below_zero, generator),
        *telling_cases("garbage", 3, POOL_VARIANTS, large, generator, _some_above_zero),
        *telling_cases("left", 3, POOL_VARIANTS, left, generator, _some_above_zero),
        *fixed_cases("nothing", *nothing),
    ]


def _over_all(variant: str, vectors_NTD: list, mask_NT: list) -> list:
    return _REDUCERS[variant](vectors_NTD, [[1] * len(mask) for mask in mask_NT])


def _masked_by_product(variant: str, vectors_NTD: list, mask_NT: list) -> list:
    both = zip(vectors_NTD, mask_NT, strict=True)
    products = [[[x * m for x in v] for v, m in zip(vs, ms, strict=True)] for vs, ms in both]
    return _over_all(variant, products, mask_NT)


def _position_by_sum(variant: str, vectors_NTD: list, mask_NT: list) -> list:
    if variant != "last":
        raise ValueError("a mistake of this variant alone")
    return [vectors[sum(mask) - 1] for vectors, mask in zip(vectors_NTD, mask_NT, strict=True)]


POOL = Task(
    function="pool",
    title="One vector a sentence",
    groups=(
        Group(name="real", points=3, teaches="only real positions count, whatever the sign of their numbers"),
        Group(name="garbage", points=2, teaches="what stands at padding changes nothing, however large it is"),
        Group(name="left", points=2, teaches="padding may stand on the left"),
        Group(name="nothing", points=2, teaches="a sentence without a real piece gives zeros, and no division by zero"),
    ),
    variants=POOL_VARIANTS,
    cases=_pool_cases,
    misconceptions=(
        Misconception(
            name="padding is pooled too",
            message="You pool over all positions. The mask is there to leave padding out, of the sum and of the count.",
            answer=_over_all,
        ),
        Misconception(
            name="a product is no removal",
            message="You multiply by the mask and then pool over all positions. That turns padding into zeros; zeros "
            "still count in a mean, win a maximum over negative numbers, and stand last in the row.",
            answer=_masked_by_product,
        ),
        Misconception(
            name="a count taken for a position",
            message="`sum(mask) - 1` is a position only when real pieces begin at 0. Look for the last 1 of the mask.",
            answer=_position_by_sum,
        ),
    ),
)
