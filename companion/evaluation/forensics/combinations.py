"""Small tables: try every combination of counts that the rows allow, until one fits all averages at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from math import prod
from operator import mul

from companion.evaluation.forensics.cells import harmonic
from companion.evaluation.forensics.feasibility import RowSpans
from companion.evaluation.forensics.findings import Finding
from companion.evaluation.forensics.table import ResultsTable, TableRow, is_defined

COMBINATIONS = 5_000
"""Combinations that are tried; a table with more is judged by the ranges of its sums alone."""
Counts = tuple[tuple[int, int], ...]


def check_together(table: ResultsTable, spans: Sequence[RowSpans], *, closed: bool) -> list[Finding]:
    """Whether one choice of counts for every row fits all the averages, and in a closed table a confusion matrix.

    Counts have a confusion matrix with this diagonal exactly if they add up, and no class has more wrong predictions,
    or more missed items, than the other classes can supply.
    """
    listed = listed_counts(table, spans, closed=closed)
    if listed is None:
        return []
    tried = 0
    for counts in product(*listed):
        tried += 1
        if (not closed or _has_matrix(table, counts)) and _fits(table, counts, closed=closed):
            return []
    message = (
        "each number is possible by itself, but no counts fit all rows and averages at once "
        f"({tried:,} combination{'s' * (tried != 1)} tried)."
    )
    return [Finding(kind="joint", row="all rows", column="", printed="", possible="", message=message, line=None)]


def listed_counts(
    table: ResultsTable, spans: Sequence[RowSpans], *, closed: bool
) -> list[list[tuple[int, int]]] | None:
    """Hits and predictions of each row, every possibility; None where they are too many, or without end."""
    total = table.total
    if not total:
        return None
    listed, size = [], 1
    for span in spans:
        if span.options is None or (not closed and span.predicted.high is None):
            return None
        ends = [(o, total if o.most is None else min(o.most, total) if closed else o.most) for o in span.options]
        size *= sum(most - option.fewest + 1 for option, most in ends if most >= option.fewest)
        if size > COMBINATIONS:
            return None
        listed.append([(o.hits, predicted) for o, most in ends for predicted in range(o.fewest, most + 1)])
    return listed if prod(map(len, listed)) else None


def _has_matrix(table: ResultsTable, counts: Counts) -> bool:
    supports = [row.support or 0 for row in table.rows]
    wrong = sum(supports) - sum(hits for hits, _ in counts)
    if sum(predicted for _, predicted in counts) != sum(supports):
        return False
    return all(
        support - hits + predicted - hits <= wrong for support, (hits, predicted) in zip(supports, counts, strict=True)
    )


def _fits(table: ResultsTable, counts: Counts, *, closed: bool) -> bool:
    total = table.total or 0
    right, guesses = sum(hits for hits, _ in counts), sum(predicted for _, predicted in counts)
    accuracy, micro = table.averages.get("accuracy"), table.averages.get("micro")
    if closed and accuracy is not None and accuracy.f1 is not None and not accuracy.f1.admits(right, total):
        return False
    if micro is not None:
        if micro.recall is not None and not micro.recall.admits(right, total):
            return False
        if micro.f1 is not None and not micro.f1.admits(2 * right, guesses + total):
            return False
        if guesses and micro.precision is not None and not micro.precision.admits(right, guesses):
            return False
    return all(_fits_mean(table, counts, kind) for kind in ("macro", "weighted"))


def _fits_mean(table: ResultsTable, counts: Counts, kind: str) -> bool:
    row = table.averages.get(kind)
    if row is None:
        return True
    for column, cell in row.cells.items():
        if any(own.cell(column) is None for own in table.rows):
            continue
        means = list(_means(table, counts, kind, column))
        if column == "f1" and not is_defined(row):
            sources = zip(_means(table, counts, kind, "precision"), _means(table, counts, kind, "recall"), strict=True)
            means += [harmonic(precision, recall) for precision, recall in sources]
        if not any(cell.admits(mean.numerator, mean.denominator) for mean in means):
            return False
    return True


def _means(table: ResultsTable, counts: Counts, kind: str, column: str) -> Iterator[Fraction]:
    """The mean over all rows, and where some have no items, the one over the others."""
    supports = [row.support or 0 for row in table.rows]
    shares = [share_of(row, pair, column) for row, pair in zip(table.rows, counts, strict=True)]
    weights = supports if kind == "weighted" else [1] * len(supports)
    yield sum(map(mul, weights, shares), Fraction(0)) / sum(weights)
    if kind == "macro" and 0 in supports:
        kept = [share for support, share in zip(supports, shares, strict=True) if support]
        yield sum(kept, Fraction(0)) / len(kept)


def share_of(row: TableRow, pair: tuple[int, int], column: str) -> Fraction:
    """Precision, recall or F1 of counts; 0/0 as the row prints it."""
    (hits, predicted), support = pair, row.support or 0
    numerator, denominator = {
        "precision": (hits, predicted),
        "recall": (hits, support),
        "f1": (2 * hits, predicted + support),
    }[column]
    if denominator:
        return Fraction(numerator, denominator)
    cell = row.cell(column)
    return Fraction(0 if cell is None or cell.low == 0 else 1)
