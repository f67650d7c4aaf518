"""Averages computed again from the rows, each as the range that rounding leaves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from companion.evaluation.forensics.feasibility import RowSpans, Span, row_spans
from companion.evaluation.forensics.table import COLUMNS, TableRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Range:
    """A share that the rows imply: `str` gives `0.9807 [0.9803, 0.9811]`.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    low: Fraction
    """The lowest value that fits the rows; exact."""
    high: Fraction
    """The highest value that fits the rows; exact."""
    estimate: Fraction | None
    """The value from the printed numbers as they stand; None where a row lacks one, or all are 0/0."""

    def __contains__(self, value: Fraction | float) -> bool:
        return self.low <= value <= self.high

    def __float__(self) -> float:
        return float((self.low + self.high) / 2 if self.estimate is None else self.estimate)

    def __format__(self, specification: str) -> str:
        digits = specification or ".4f"
        return f"{float(self):{digits}} [{float(self.low):{digits}}, {float(self.high):{digits}}]"

    def __str__(self) -> str:
        return format(self, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Average:
    """Precision, recall and F1 averaged in one way; None where the rows do not say enough.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    precision: Range | None
    """Of precision."""
    recall: Range | None
    """Of recall."""
    f1: Range | None
    """Of F1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recomputed:
    """What the rows of a table imply.

    `macro` is the plain mean of the rows, `weighted` the mean by support, `micro` pools the counts; micro recall is the
    accuracy of a table that lists every class of a single-label task.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    micro: Average
    """Pooled counts."""
    macro: Average
    """Mean over the rows."""
    weighted: Average
    """Mean over the rows by support."""
    predicted: Range | None
    """All predictions of the listed classes; None where precision or support is missing, or nothing bounds them."""
    total: int | None
    """The supports added up; None where one is missing."""

    @property
    def accuracy(self) -> Range | None:
        """The share of items that are right, if every item has one label and every label is a row."""
        return self.micro.recall


def recompute(rows: Sequence[TableRow], spans: Sequence[RowSpans] | None = None) -> Recomputed:
    """The averages of these rows; `spans` are their `row_spans`, if they are known already.

    Taught in: book/walkthroughs/reading-a-results-table
    """
    spans = [row_spans(row) for row in rows] if spans is None else spans
    supports = [row.support for row in rows]
    total = None if None in supports else sum(supports)  # type: ignore[arg-type]
    macro = {column: _mean(rows, spans, column, [1] * len(rows)) for column in COLUMNS}
    weighted: dict[str, Range | None] = dict.fromkeys(COLUMNS)
    micro: dict[str, Range | None] = dict.fromkeys(COLUMNS)
    predicted = None
    if total:
        weighted = {column: _mean(rows, spans, column, supports) for column in COLUMNS}  # type: ignore[arg-type]
        micro, predicted = _pool(rows, spans, total)
    return Recomputed(
        micro=Average(**micro),
        macro=Average(**macro),
        weighted=Average(**weighted),
        predicted=predicted,
        total=total,
    )


def _mean(rows: Sequence[TableRow], spans: Sequence[RowSpans], column: str, weights: Sequence[int]) -> Range | None:
    found = [span.shares[column] for span in spans]
    if not rows or None in found:
        return None
    total = sum(weights)
    low, high = (
        sum(weight * getattr(span, end) for weight, span in zip(weights, found, strict=True)) / total
        for end in ("low", "high")
    )
    printed = [row.cell(column) for row in rows]
    estimate = sum(weight * cell.value for weight, cell in zip(weights, printed, strict=True)) / total  # type: ignore
    return Range(low=Fraction(low), high=Fraction(high), estimate=Fraction(estimate))


def add(spans: Sequence[Span]) -> Span:
    """The range of a sum; open where one term is."""
    highs = [span.high for span in spans]
    return Span(
        low=sum((span.low for span in spans), Fraction(0)),
        high=None if None in highs else sum(highs, Fraction(0)),  # type: ignore[arg-type]
    )


def _pool(
    rows: Sequence[TableRow], spans: Sequence[RowSpans], total: int
) -> tuple[dict[str, Range | None], Range | None]:
    """Micro precision, recall and F1, and the predictions, from sums of counts.

    Precision is T/(T + W) and F1 is 2T/(T + W + N) for T hits, W wrong predictions and N items: both rise with T and
    fall with W, so their ends are those of T and W.
    """
    hits, false = add([span.hits for span in spans]), add([span.false for span in spans])
    predicted = add([span.predicted for span in spans])
    if hits.high is None or any(row.recall is None for row in rows):
        return dict.fromkeys(COLUMNS), None
    right = sum((row.recall.value * row.support for row in rows), Fraction(0))  # type: ignore[union-attr,operator]
    recall = Range(low=hits.low / total, high=hits.high / total, estimate=right / total)
    if false.high is None or predicted.high is None:
        return {"precision": None, "recall": recall, "f1": None}, None
    guesses = _printed_predictions(rows)
    precision = f1 = None
    if hits.low + false.high and hits.high + false.low:
        precision = Range(
            low=hits.low / (hits.low + false.high),
            high=hits.high / (hits.high + false.low),
            estimate=right / guesses if guesses else None,
        )
    f1 = Range(
        low=2 * hits.low / (hits.low + false.high + total),
        high=2 * hits.high / (hits.high + false.low + total),
        estimate=None if guesses is None else 2 * right / (guesses + total),
    )
    counted = Range(low=predicted.low, high=predicted.high, estimate=guesses)
    return {"precision": precision, "recall": recall, "f1": f1}, counted


def _printed_predictions(rows: Sequence[TableRow]) -> Fraction | None:
    """Recall · support / precision, added up; None where a precision is missing or printed as 0."""
    if any(row.precision is None or not row.precision.units for row in rows):
        return None
    return sum((row.recall.value * row.support / row.precision.value for row in rows), Fraction(0))  # type: ignore
