"""The parity cell: what was computed by hand equals what the package computes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from companion.errors import ConfigError
from companion.teaching.claims import number
from companion.teaching.seal import Seal
from companion.teaching.surface import present


def parity(
    by_hand: Any, package: Any, *, tolerance: float = 0.0, what: str = "loss", against: str = "companion"
) -> None:
    """Assert that two results have the same shape and the same values, and show the bound on their difference.

    Numbers, strings, tensors, arrays, and lists, tuples and dicts of these, of any depth. Numbers may differ by
    `tolerance` (absolute, in float64); strings, booleans and None must be equal. Equal infinities agree, NaN never
    does. `against` names the other side where it is not this package: `"torch"`.

    Raises: AssertionError naming the first place that differs, or when there is nothing to compare. ConfigError for a
    tolerance that is negative or not finite.
    Taught in: book/walkthroughs/train-a-tagger
    """
    if not isinstance(tolerance, int | float) or not math.isfinite(tolerance) or tolerance < 0:
        raise ConfigError(f"parity: tolerance={tolerance!r}", remedy="Use a finite number, 0 or more.")
    hand, other = dict(_leaves(by_hand)), dict(_leaves(package))
    if not hand and not other:
        raise AssertionError(f"parity of {what}: nothing to compare, both sides are empty")
    if hand.keys() != other.keys():
        place = next(iter(hand.keys() ^ other.keys()), "") if len(hand) == len(other) else ""
        raise AssertionError(
            f"parity of {what}: {len(hand)} values by hand, {len(other)} from the package"
            + (f"; only one side has {place}" if place else "")
        )
    for place, left in hand.items():
        if not _agree(left, other[place], tolerance):
            raise AssertionError(
                f"parity of {what} fails at {place or 'the value'}: by hand {left!r}, package {other[place]!r}, "
                f"allowed difference {number(tolerance)}"
            )
    count = "one value" if len(hand) == 1 else f"{len(hand):,} values"
    numeric = any(isinstance(leaf, float) for leaf in hand.values())
    bound = f"difference ≤ {number(tolerance)}" if tolerance and numeric else "identical"
    present(Seal(sentence=f"by hand = `{against}`: {what}", value=bound, note=count))


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every number, string or other leaf with the place where it stands, such as `[2]['loss']`."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # Lists of Python floats hold every torch type exactly, bfloat16 included, which numpy does not know.
        value = value.tolist()
    elif hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        for name in value:
            yield from _leaves(value[name], f"{place}[{name!r}]")
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for position, element in enumerate(value):
            yield from _leaves(element, f"{place}[{position}]")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield place, float(value)
    else:
        yield place, value


def _agree(left: Any, right: Any, tolerance: float) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return left == right or abs(left - right) <= tolerance
    return type(left) is type(right) and left == right
