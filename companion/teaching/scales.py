"""Axes: a range that shows all values, and ticks that a person would have chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence

Ticks = list[tuple[float, str]]


def rounded(value: float, significant: int) -> float | int | None:
    """The number to so many significant digits; None for what cannot be drawn (NaN, infinity)."""
    value = float(value)
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{significant}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def linear(low: float, high: float, *, count: int = 5) -> tuple[float, float, Ticks]:
    """A range widened to whole steps of 1, 2 or 5 times a power of ten, and a tick at every step."""
    if low == high:
        low, high = (low - abs(low) / 2, high + abs(high) / 2) if low else (0.0, 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    ticks = [
        (round(number * step, decimals + 2), f"{number * step + 0.0:,.{decimals}f}")
        for number in range(first, last + 1)
    ]
    return ticks[0][0], ticks[-1][0], ticks


def logarithmic(values: Sequence[float]) -> tuple[float, float, Ticks]:
    """The range of positive values, and ticks at powers of ten, or at 1, 2 and 5 where there are few of these."""
    low, high = min(values), max(values)
    bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if top - bottom >= 3:
        marks = [(10.0**power, _power(power)) for power in range(bottom, top + 1)]
    else:
        steps = [float(f"{factor}e{power}") for power in range(bottom, top + 1) for factor in (1, 2, 5)]
        marks = [(step, f"{step:g}") for step in steps]
    return low, high, [mark for mark in marks if low * 0.999 <= mark[0] <= high * 1.001]


def _power(exponent: int) -> str:
    return {0: "1", 1: "10"}.get(exponent, "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")))
