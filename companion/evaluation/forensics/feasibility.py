"""Which whole numbers can stand behind a row, and what its scores can therefore be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from companion.evaluation.forensics.cells import Cell
from companion.evaluation.forensics.reading import TableRow

LARGE = 10**12
"""No label is predicted more often than this; it bounds a row whose precision prints as zero."""
MOST_CANDIDATES = 200_000
"""A row with more candidates than this (a support in the millions) is bounded by its cells and not searched."""

Bounds = tuple[Fraction | int, Fraction | int]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowCounts:
    """What is possible behind one row; where nothing is, what its cells allow one by one.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    blame: str | None
    """The first column that no whole numbers can print together with the ones before it; None for a possible row."""
    right: Bounds
    """Fewest and most items that carry the label and were given it."""
    predicted: Bounds
    """Fewest and most items that were given the label."""
    precision: Bounds | None
    """Smallest and largest precision; None where none is printed."""
    recall: Bounds | None
    """Smallest and largest recall; None where none is printed."""
    f1: Bounds | None
    """Smallest and largest F1; None where none is printed."""
    f1_of_others: Bounds | None
    """Smallest and largest F1 that precision and recall alone allow; None where they allow nothing."""


def search_row(row: TableRow, *, right: Bounds | None = None, predicted: Bounds = (0, LARGE)) -> RowCounts:
    """Search every pair (right, predicted) of whole numbers that prints all cells of a row.

    For one number of right items the fitting numbers of predictions form an interval, whose ends follow from the cells,
    so the search is one loop over right. A score that is 0/0 may print as 0 or as 1. `right` and `predicted` narrow the
    search. A row without support, or with too large a one, is bounded by its cells and blamed for nothing.

    Follows: Brown and Heathers (2017), "The GRIM Test", applied to three ratios of the same counts.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    if row.support is None:
        return _by_cells(row, None)
    low, high = right or (0, row.support)
    if row.recall is not None:
        low = max(low, math.ceil(row.recall.low * row.support)) if row.support else low
        high = min(high, math.floor(row.recall.high * row.support)) if row.support else high
    low, high = math.ceil(low), math.floor(high)
    if high - low > MOST_CANDIDATES:
        return _by_cells(row, None)
    undefined = row.support == 0 and row.recall is not None and not (row.recall.holds(0) or row.recall.holds(1))
    if low > high or undefined:
        return _by_cells(row, "recall")
    pairs, fitting = [], []
    for count in range(low, high + 1):
        fewest, most = _by_precision(count, row.precision, predicted)
        if fewest <= most:
            pairs.append((count, fewest, most))
            fewest, most = _by_f1(count, row.support, row.f1, (fewest, most))
            if fewest <= most:
                fitting.append((count, fewest, most))
    if not pairs:
        return _by_cells(row, "precision", right=(low, high))
    others = _span([_f1(row, *pair, cell=None) for pair in pairs])
    if not fitting:
        return _by_cells(row, "f1", right=(pairs[0][0], pairs[-1][0]), others=others)
    return RowCounts(
        blame=None,
        right=(fitting[0][0], fitting[-1][0]),
        predicted=(min(pair[1] for pair in fitting), max(pair[2] for pair in fitting)),
        precision=None if row.precision is None else _span([_precision(row.precision, *pair) for pair in fitting]),
        recall=None if row.recall is None else _span([_recall(row, pair[0]) for pair in fitting]),
        f1=None if row.f1 is None else _span([_f1(row, *pair, cell=row.f1) for pair in fitting]),
        f1_of_others=others,
    )


def f1_bounds(precision: Cell, recall: Cell) -> Bounds:
    """Smallest and largest F1 of a row without support: the harmonic mean grows with both cells."""
    return harmonic(precision.low, recall.low), harmonic(min(1, precision.high), min(1, recall.high))


def harmonic(a: Fraction | int, b: Fraction | int) -> Fraction:
    """The harmonic mean; 0 for two zeros."""
    return 2 * Fraction(a) * b / (a + b) if a + b else Fraction(0)


def _by_precision(right: int, cell: Cell | None, within: Bounds) -> tuple[int, int]:
    fewest, most = max(right, math.ceil(within[0])), math.floor(within[1])
    if cell is None or (right == 0 and cell.holds(0)):
        return fewest, most
    if right == 0:
        return (fewest, 0) if cell.holds(1) else (1, 0)
    most = min(most, math.floor(right / cell.low)) if cell.low else most
    return max(fewest, math.ceil(right / cell.high)), most


def _by_f1(right: int, support: int, cell: Cell | None, within: tuple[int, int]) -> tuple[int, int]:
    fewest, most = within
    if cell is None or (right == 0 and cell.holds(0)):
        return within
    if right == 0:
        return (fewest, 0) if support == 0 and cell.holds(1) else (1, 0)
    most = min(most, math.floor(2 * right / cell.low) - support) if cell.low else most
    return max(fewest, math.ceil(2 * right / cell.high) - support), most


def _undefined(cell: Cell | None) -> list[Fraction]:
    return [Fraction(value) for value in (0, 1) if cell is None or cell.holds(value)]


def _precision(cell: Cell, right: int, fewest: int, most: int) -> Bounds:
    if right:
        return Fraction(right, most), Fraction(right, fewest)
    return _span([(value, value) for value in [*([Fraction(0)] if most else []), *(_undefined(cell) if not fewest else [])]])


def _recall(row: TableRow, right: int) -> Bounds:
    if row.support:
        return Fraction(right, row.support), Fraction(right, row.support)
    return _span([(value, value) for value in _undefined(row.recall)])


def _f1(row: TableRow, right: int, fewest: int, most: int, *, cell: Cell | None) -> Bounds:
    support = row.support or 0
    if support + fewest:
        return Fraction(2 * right, support + most), Fraction(2 * right, support + fewest)
    return _span([(value, value) for value in [*([Fraction(0)] if most else []), *_undefined(cell)]])


def _span(bounds: list[Bounds]) -> Bounds:
    return min(low for low, _ in bounds), max(high for _, high in bounds)


def _by_cells(
    row: TableRow, blame: str | None, *, right: Bounds | None = None, others: Bounds | None = None
) -> RowCounts:
    def bounds(cell: Cell | None) -> Bounds | None:
        return None if cell is None else (cell.low, cell.high)

    support = LARGE if row.support is None else row.support
    if right is None:
        right = (0, support) if row.recall is None else (row.recall.low * support, row.recall.high * support)
    fewest = right[0] / row.precision.high if row.precision else right[0]
    most = right[1] / row.precision.low if row.precision and row.precision.low else LARGE
    return RowCounts(
        blame=blame,
        right=right,
        predicted=(fewest, min(most, LARGE)),
        precision=bounds(row.precision),
        recall=bounds(row.recall),
        f1=bounds(row.f1),
        f1_of_others=others,
    )
