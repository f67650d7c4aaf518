"""Cases that tell variants apart: drawn again until the answers of all forms of a task differ."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence

from companion.classroom.compare import differs
from companion.classroom.tasks import Case, Value, Variant
from companion.errors import ConfigError


def telling(
    variants: Sequence[Variant],
    draw: Callable[[random.Random], tuple[Value, ...]],
    generator: random.Random,
    *,
    accept: Callable[..., bool] | None = None,
    tries: int = 5000,
) -> tuple[Value, ...]:
    """Arguments for which every variant's answer differs from every other's.

    `accept` may ask for more: that a well-known mistake shows in these arguments, or does not, so that a wrong function
    loses the same points with every secret.

    Raises: ConfigError when `tries` draws find none; then the draw cannot tell the variants apart.
    """
    for _ in range(tries):
        arguments = draw(generator)
        if accept is not None and not accept(*copy.deepcopy(arguments)):
            continue
        given = [_answer(variant, arguments) for variant in variants]
        pairs = [(a, b) for position, a in enumerate(given) for b in given[:position] if a and b]
        if all(differs(*a, *b, 1e-4) for a, b in pairs):
            return arguments
    names = [variant.name for variant in variants]
    raise ConfigError(f"no arguments in {tries} draws tell {names} apart", remedy="Draw larger or more varied cases.")


def _answer(variant: Variant, arguments: tuple[Value, ...]) -> list[Value]:
    """The variant's answer in a list, or none: arguments in the shape of one form may not fit another."""
    try:
        return [variant.reference(*copy.deepcopy(arguments))]
    except Exception:
        return []


def telling_cases(
    group: str,
    count: int,
    variants: Sequence[Variant],
    draw: Callable[[random.Random], tuple[Value, ...]],
    generator: random.Random,
    accept: Callable[..., bool] | None = None,
) -> list[Case]:
    """`count` cases of a group, each of which tells the variants apart."""
    drawn = [telling(variants, draw, generator, accept=accept) for _ in range(count)]
    return [Case(group=group, arguments=arguments) for arguments in drawn]


def fixed_cases(group: str, *arguments: tuple[Value, ...]) -> list[Case]:
    """Cases of a group that stand fast, whatever the secret: an empty input has no other form."""
    return [Case(group=group, arguments=one) for one in arguments]


def numbers(generator: random.Random, count: int, low: float = -3.0, high: float = 3.0) -> list[float]:
    """Uniform numbers with two decimals, short enough to be read in a message."""
    return [round(generator.uniform(low, high), 2) for _ in range(count)]


def matrix(
    generator: random.Random, rows: int, columns: int, low: float = -2.0, high: float = 2.0
) -> list[list[float]]:
    """Rows of `numbers`."""
    return [numbers(generator, columns, low, high) for _ in range(rows)]


def mean(values: Sequence[float]) -> float:
    """The mean in plain floating point: cases are drawn by the thousand, and `statistics` is exact and slow."""
    return sum(values) / len(values)


def deviation(values: Sequence[float], less: int = 1) -> float:
    """The standard deviation, divided by n - `less`."""
    middle = mean(values)
    return (sum((value - middle) ** 2 for value in values) / (len(values) - less)) ** 0.5
