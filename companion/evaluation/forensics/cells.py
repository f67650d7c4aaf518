"""A printed number, and the exact range of values that print like it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

MOST_DIGITS = 12
"""A number printed with more digits is a floating-point number: its last digits are not those of the exact ratio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One printed score. It stands for every value within half a unit of its last digit, both ends included.

    Both ends, because programs disagree about a value exactly half-way (half up, half to even), and a proof must not
    depend on whose rounding it was.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    text: str
    """As printed."""
    value: Fraction
    """The printed number as a fraction of 1, also where the table prints percent."""
    digits: int
    """Digits after the point of `value`, at most 12; a percentage has two more than it shows."""

    @property
    def half(self) -> Fraction:
        """Half a unit of the last digit."""
        return Fraction(1, 2 * 10**self.digits)

    @property
    def low(self) -> Fraction:
        """The smallest score that prints like this; never below 0."""
        return max(Fraction(0), self.value - self.half)

    @property
    def high(self) -> Fraction:
        """The largest value that prints like this."""
        return self.value + self.half

    def holds(self, value: Fraction | int) -> bool:
        """Whether the value prints like this, under one of the usual rules for half-way values."""
        return self.value - self.half <= value <= self.high

    def meets(self, low: Fraction, high: Fraction) -> bool:
        """Whether any value from `low` to `high` prints like this."""
        return self.value - self.half <= high and low <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """Everything a number can be, given the printed cells; `float` and `str` give the value of the cells as printed.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    low: Fraction
    """The smallest possible value."""
    high: Fraction
    """The largest possible value."""
    estimate: Fraction
    """The value when every cell is taken as printed."""

    def __float__(self) -> float:
        return float(self.estimate)

    def __contains__(self, value: Fraction | float) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return f"{decimal(self.estimate, 4)} [{decimal(self.low, 5, -1)}, {decimal(self.high, 5, 1)}]"


def printed_cell(text: str, *, percent: bool) -> Cell:
    """The cell of a printed number such as `0.894`, `89.4` or `89.4%`, exactly.

    Raises: ValueError when the text is no decimal number.
    """
    number = text.rstrip("%").strip()
    value, digits = Fraction(number), len(number.partition(".")[2])
    if percent:
        value, digits = value / 100, digits + 2
    return Cell(text=text, value=value, digits=min(digits, MOST_DIGITS))


def decimal(value: Fraction | int, digits: int, direction: int = 0) -> str:
    """A number that is not negative, as decimal text; rounded half up, or down (-1) or up (1)."""
    scaled = Fraction(value) * 10**digits
    whole = -(-scaled // 1) if direction > 0 else (scaled if direction < 0 else scaled + Fraction(1, 2)) // 1
    text = str(whole).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text
