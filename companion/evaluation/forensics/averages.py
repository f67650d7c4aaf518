"""Averages recomputed from rows, as the range of everything that the printed cells allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from companion.evaluation.forensics.cells import Cell, Range
from companion.evaluation.forensics.feasibility import Bounds, RowCounts
from companion.evaluation.forensics.reading import SCORES, TableRow


def mean_range(column: str, rows: Sequence[TableRow], counts: Sequence[RowCounts], *, weighted: bool) -> Range | None:
    """Macro or weighted mean of one column; None where a row lacks the cell, or (weighted) the support."""
    cells: list[Cell | None] = [getattr(row, column) for row in rows]
    weights = [row.support if weighted else 1 for row in rows]
    if not rows or None in cells or None in weights or not sum(weights):
        return None
    bounds = [getattr(count, column) for count in counts]
    return Range(
        low=_mean((low for low, _ in bounds), weights),
        high=_mean((high for _, high in bounds), weights),
        estimate=_mean((cell.value for cell in cells), weights),
    )


def micro_ranges(rows: Sequence[TableRow], counts: Sequence[RowCounts], *, total: int | None) -> dict[str, Range]:
    """Pooled precision, recall and F1; empty where a row lacks its support or recall.

    `total` is the number of predictions where every item gets exactly one of the labels, else None.
    """
    if not rows or any(row.support is None or row.recall is None for row in rows):
        return {}
    support = sum(row.support for row in rows)
    right, predicted = pooled(counts, total)
    if not support:
        return {}
    right_estimate = sum(row.recall.value * row.support for row in rows)
    ranges = {"recall": Range(low=right[0] / support, high=right[1] / support, estimate=right_estimate / support)}
    estimate = Fraction(total) if total is not None else _predicted_estimate(rows)
    if predicted[0] and estimate:
        ranges["precision"] = Range(
            low=right[0] / predicted[1], high=min(Fraction(1), right[1] / predicted[0]), estimate=right_estimate / estimate
        )
        ranges["f1"] = Range(
            low=2 * right[0] / (support + predicted[1]),
            high=min(Fraction(1), 2 * right[1] / (support + predicted[0])),
            estimate=2 * right_estimate / (support + estimate),
        )
    return {column: ranges[column] for column in SCORES if column in ranges}


def pooled(counts: Sequence[RowCounts], total: int | None) -> tuple[Bounds, Bounds]:
    """Fewest and most right items and predictions of all rows together."""
    right = (_sum(count.right[0] for count in counts), _sum(count.right[1] for count in counts))
    if total is not None:
        return right, (Fraction(total), Fraction(total))
    return right, (_sum(count.predicted[0] for count in counts), _sum(count.predicted[1] for count in counts))


def _predicted_estimate(rows: Sequence[TableRow]) -> Fraction | None:
    total = Fraction(0)
    for row in rows:
        if row.precision is None or (not row.precision.value and row.recall.value):
            return None
        total += row.recall.value * row.support / row.precision.value if row.precision.value else 0
    return total


def _mean(values: Iterable[Fraction | int], weights: Sequence[int]) -> Fraction:
    return sum((Fraction(value) * weight for value, weight in zip(values, weights, strict=True)), Fraction(0)) / sum(weights)


def _sum(values: Iterable[Fraction | int]) -> Fraction:
    return sum(map(Fraction, values), Fraction(0))
