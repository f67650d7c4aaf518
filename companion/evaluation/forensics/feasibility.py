"""Which whole numbers of hits and predictions can print as a row does.

A row with support s has `hits` of 0 to s and `predicted` of at least `hits`; precision is hits/predicted, recall
hits/s, F1 2·hits/(s + predicted). For each number of hits the predictions that fit lie in one interval of integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from companion.evaluation.forensics.table import COLUMNS, Cell, TableRow

LIMIT = 20_000
"""Numbers of hits that are tried; a row that allows more (supports of many millions) is judged by its ranges alone."""


class Option(NamedTuple):
    """A number of hits with the predictions that fit it."""

    hits: int
    fewest: int
    most: int | None  # None: no upper end


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A range of a quantity, ends included; `high` None is open."""

    low: Fraction
    """The lowest value."""
    high: Fraction | None
    """The highest value."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RowSpans:
    """What a row allows, each quantity by itself."""

    options: tuple[Option, ...] | None
    """All counts that print like the row; None where only the ranges of rounding were used."""
    hits: Span
    """Right predictions."""
    predicted: Span
    """Predictions of the class."""
    false: Span
    """Wrong predictions of the class."""
    shares: dict[str, Span | None]
    """Precision, recall and F1; None where the table has no number."""


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient rounded up."""
    return -(-numerator // denominator)


def row_options(
    support: int, *, precision: Cell | None = None, recall: Cell | None = None, f1: Cell | None = None
) -> tuple[Option, ...] | None:
    """Every number of hits that can print like these cells, with its predictions; None for more than `LIMIT`.

    0/0 may be printed as 0 or as 1 (scikit-learn's `zero_division`); a cell that is None allows everything.
    """
    if support == 0:
        first, last = 0, 0 if recall is None or _zero_division(recall) else -1
    elif recall is None:
        first, last = 0, support
    else:
        first, last = ceil_div(recall.low * support, recall.scale), recall.high * support // recall.scale
    if last - first >= LIMIT:
        return None
    found = []
    for hits in range(first, last + 1):
        options = _without_hits(support, precision, f1) if hits == 0 else _with_hits(hits, support, precision, f1)
        found += options
    return tuple(found)


def _with_hits(hits: int, support: int, precision: Cell | None, f1: Cell | None) -> list[Option]:
    fewest, most = hits, None
    if precision is not None:
        if precision.high == 0:
            return []
        fewest = max(fewest, ceil_div(hits * precision.scale, precision.high))
        if precision.low > 0:
            most = hits * precision.scale // precision.low
    if f1 is not None:
        if f1.high == 0:
            return []
        fewest = max(fewest, ceil_div(2 * hits * f1.scale, f1.high) - support)
        if f1.low > 0:
            limit = 2 * hits * f1.scale // f1.low - support
            most = limit if most is None else min(most, limit)
    return [] if most is not None and most < fewest else [Option(hits, fewest, most)]


def _without_hits(support: int, precision: Cell | None, f1: Cell | None) -> list[Option]:
    some = (precision is None or precision.low == 0) and (f1 is None or f1.low == 0)
    none = (precision is None or _zero_division(precision)) and (
        f1 is None or f1.low == 0 or (support == 0 and _zero_division(f1))
    )
    if some:
        return [Option(0, 0 if none else 1, None)]
    return [Option(0, 0, 0)] if none else []


def _zero_division(cell: Cell) -> bool:
    """Whether a cell may stand for 0/0."""
    return cell.low == 0 or cell.high == cell.scale


def row_spans(row: TableRow) -> RowSpans:
    """The ranges of a row's counts and shares: exact ones where whole numbers fit, else those of rounding alone."""
    if row.support is None:
        nothing = Span(low=Fraction(0), high=None)
        return RowSpans(options=None, hits=nothing, predicted=nothing, false=nothing, shares=_printed_spans(row))
    options = row_options(row.support, **row.cells)
    return _exact_spans(row, options) if options else _rounded_spans(row)


def _printed_spans(row: TableRow) -> dict[str, Span | None]:
    cells = {column: row.cell(column) for column in COLUMNS}
    return {column: None if cell is None else _printed_span(cell) for column, cell in cells.items()}


def _printed_span(cell: Cell) -> Span:
    return Span(low=Fraction(cell.low, cell.scale), high=Fraction(cell.high, cell.scale))


def _exact_spans(row: TableRow, options: tuple[Option, ...]) -> RowSpans:
    support = row.support or 0
    bounded = all(option.most is not None for option in options)
    shares = _printed_spans(row)
    # What is 0/0 in some option keeps the range of its cell, whichever way it was printed.
    if all(option.fewest > 0 for option in options):
        if shares["precision"] is not None:
            low = min(Fraction(o.hits, o.most) if o.most is not None else Fraction(0) for o in options)
            shares["precision"] = Span(low=low, high=max(Fraction(o.hits, o.fewest) for o in options))
        if shares["f1"] is not None:
            low = min(Fraction(2 * o.hits, support + o.most) if o.most is not None else Fraction(0) for o in options)
            high = max(Fraction(2 * o.hits, support + o.fewest) for o in options)
            shares["f1"] = Span(low=low, high=high)
    if shares["recall"] is not None and support:
        shares["recall"] = Span(low=Fraction(options[0].hits, support), high=Fraction(options[-1].hits, support))
    return RowSpans(
        options=options,
        hits=Span(low=Fraction(options[0].hits), high=Fraction(options[-1].hits)),
        predicted=Span(
            low=Fraction(min(option.fewest for option in options)),
            high=Fraction(max(option.most for option in options)) if bounded else None,
        ),
        false=Span(
            low=Fraction(min(option.fewest - option.hits for option in options)),
            high=Fraction(max(option.most - option.hits for option in options)) if bounded else None,
        ),
        shares=shares,
    )


def _rounded_spans(row: TableRow) -> RowSpans:
    """Hits and predictions as real numbers: what the printed precision and recall allow before they are counted."""
    support = Fraction(row.support or 0)
    shares = _printed_spans(row)
    recall, precision = shares["recall"], shares["precision"]
    low, high = (Fraction(0), support) if recall is None else (recall.low * support, recall.high * support)
    predicted = Span(low=low, high=None)
    false = Span(low=Fraction(0), high=None)
    if precision is not None and precision.high:
        ceiling = high / precision.low if precision.low else None
        predicted = Span(low=low / precision.high, high=ceiling)
        most = None if ceiling is None else high * (1 / precision.low - 1)
        false = Span(low=low * (1 / precision.high - 1), high=most)
    return RowSpans(options=None, hits=Span(low=low, high=high), predicted=predicted, false=false, shares=shares)
