"""Checks across the rows: totals, averages, and numbers that are the same by algebra.

Each check takes the range of every row by itself, adds the ranges up, and asks whether the printed number can lie in
the sum. Where an average is a share of whole numbers, only whole numbers count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from companion.evaluation.forensics.cells import harmonic
from companion.evaluation.forensics.feasibility import LIMIT, RowSpans, Span, ceil_div
from companion.evaluation.forensics.findings import Finding, spread
from companion.evaluation.forensics.ranges import Average, Recomputed, add, recompute
from companion.evaluation.forensics.table import LABELS, Cell, ResultsTable, TableRow, is_defined

ALL = "all rows"
GIVEN = " (every item has one label, and every label is a row)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What the checks across rows work with."""

    table: ResultsTable
    """The table."""
    spans: Sequence[RowSpans]
    """The ranges of its rows."""
    recomputed: Recomputed
    """The averages that follow from them."""
    closed: bool
    """Whether every item has one gold and one predicted label, each of them a row."""
    total: int | None
    """The number of items, as the user knows it."""


def check_totals(evidence: Evidence) -> list[Finding]:
    """The supports against every printed or known total, the predictions against the items, errors against errors."""
    table = evidence.table
    total = table.total
    if total is None:
        return []
    found = []
    for row in table.averages.values():
        if row.support is not None and row.support != total:
            message = f"{row.name}, support {row.support:,}: the supports of the rows add up to {total:,}."
            found.append(_about(row, "support", "support-total", f"{row.support:,}", f"{total:,}", message))
    if evidence.total is not None and evidence.total != total:
        message = f"the supports of the rows add up to {total:,}, but {evidence.total:,} items were to be scored."
        found.append(_about(None, "support", "support-total", f"{total:,}", f"{evidence.total:,}", message))
    if evidence.closed and (finding := _predictions(evidence, total)) is not None:
        found.append(finding)
    elif evidence.closed:
        found += _errors(evidence)
    return found


def _predictions(evidence: Evidence, total: int) -> Finding | None:
    predicted = add([span.predicted for span in evidence.spans])
    if predicted.low <= total and (predicted.high is None or total <= predicted.high):
        return None
    low = f"{ceil_div(predicted.low.numerator, predicted.low.denominator):,}"
    possible = f"at least {low}" if predicted.high is None else f"{low} to {int(predicted.high):,}"
    message = f"the rows imply {possible} predictions in all, but there are {total:,} items{GIVEN}."
    return _about(None, "predicted", "predicted-total", f"{total:,}", possible, message)


def _errors(evidence: Evidence) -> list[Finding]:
    """A wrong prediction of one class is a missed item of another, so neither can exceed the other rows' supply."""
    rows, found = evidence.table.rows, []
    for number, (row, span) in enumerate(zip(rows, evidence.spans, strict=True)):
        others = [(other, its) for n, (other, its) in enumerate(zip(rows, evidence.spans, strict=True)) if n != number]
        missed = sum((other.support - its.hits.low for other, its in others), Fraction(0))  # type: ignore[operator]
        false = add([its.false for _, its in others])
        own_missed = row.support - span.hits.high  # type: ignore[operator]
        if span.false.low > missed:
            least, most = _up(span.false.low), f"{int(missed):,}"
            message = (
                f"{row.name} was predicted wrongly at least {least} times, but the other rows miss at most {most} "
                f"items{GIVEN}."
            )
            found.append(_about(row, "precision", "errors", least, most, message))
        if false.high is not None and own_missed > false.high:
            least, most = _up(own_missed), f"{int(false.high):,}"
            message = (
                f"{row.name} misses at least {least} items, but the other rows have at most {most} wrong "
                f"predictions{GIVEN}."
            )
            found.append(_about(row, "recall", "errors", least, most, message))
    return found


def _up(value: Fraction) -> str:
    return f"{ceil_div(value.numerator, value.denominator):,}"


def check_shares(evidence: Evidence) -> list[Finding]:
    """Accuracy, micro and weighted recall: each a number of right items divided by all items, and the same number.

    Weighted recall is Σ supportᵢ · hitsᵢ/supportᵢ / N. In a closed table micro precision and micro F1 are it as well.
    """
    total, hits = evidence.table.total, add([span.hits for span in evidence.spans])
    if not total or hits.high is None:
        return []
    first, last = ceil_div(hits.low.numerator, hits.low.denominator), int(hits.high)
    fits, sources, found = (first, last), [], []
    for row, column, cell, given in _right_shares(evidence):
        low, high = ceil_div(cell.low * total, cell.scale), cell.high * total // cell.scale
        if max(low, first) > min(high, last):
            possible = spread(hits.low / total, hits.high / total, cell.digits, percent=evidence.table.percent)
            found.append(_average(evidence, row, column, cell, possible, given))
        elif max(low, fits[0]) > min(high, fits[1]):
            least, most = (Fraction(end, total) for end in fits)
            possible = spread(least, most, cell.digits, percent=evidence.table.percent)
            message = (
                f"{_name(evidence, row, column)} {cell.text}: it is the share of right items, as "
                f"{' and '.join(sources)} is, and no number of right items in {total:,} prints as "
                f"both{GIVEN if evidence.closed else ''}."
            )
            found.append(_about(row, column, "disagreement", cell.text, possible, message))
        else:
            fits = max(low, fits[0]), min(high, fits[1])
            sources.append(f"{_name(evidence, row, column)} {cell.text}")
    return found


def _right_shares(evidence: Evidence) -> list[tuple[TableRow, str, Cell, str]]:
    """The printed numbers that are the share of right items, and the condition under which they are."""
    wanted = [("micro", "recall", ""), ("weighted", "recall", "")]
    if evidence.closed:
        micro = [("micro", "precision", GIVEN), ("micro", "recall", ""), ("micro", "f1", GIVEN)]
        wanted = [("accuracy", "f1", GIVEN), *micro, ("weighted", "recall", "")]
    found = []
    for kind, column, given in wanted:
        row = evidence.table.averages.get(kind)
        cell = None if row is None else row.cell(column)
        if row is not None and cell is not None:
            found.append((row, column, cell, given))
    return found


def check_micro(evidence: Evidence) -> list[Finding]:
    """Micro precision and F1 of a table that is not closed: pooled counts, within the sums of the rows' ranges."""
    row, total = evidence.table.averages.get("micro"), evidence.table.total
    if evidence.closed or row is None or not total:
        return []
    hits, predicted, false = (
        add([getattr(span, name) for span in evidence.spans]) for name in ("hits", "predicted", "false")
    )
    found: list[Finding] = []
    cells: dict[str, Cell] = {}
    for column in ("recall", "precision", "f1"):
        cell = row.cell(column)
        if cell is None:
            continue
        cells[column] = cell
        if _pooled(cells, total, hits, predicted, false):
            continue
        del cells[column]
        if column != "recall":  # check_shares has said so
            span = getattr(evidence.recomputed.micro, column)
            possible = "" if span is None else spread(span.low, span.high, cell.digits, percent=evidence.table.percent)
            found.append(_average(evidence, row, column, cell, possible, ""))
    return found


def _pooled(cells: dict[str, Cell], total: int, hits: Span, predicted: Span, false: Span) -> bool:
    """Whether some whole numbers of hits and predictions within these ranges print as the cells."""
    first, last = ceil_div(hits.low.numerator, hits.low.denominator), int(hits.high or 0)
    if (recall := cells.get("recall")) is not None:
        first, last = (
            max(first, ceil_div(recall.low * total, recall.scale)),
            min(last, recall.high * total // recall.scale),
        )
    if last - first >= LIMIT:
        return True
    return any(_pooled_predictions(right, cells, total, predicted, false) for right in range(first, last + 1))


def _pooled_predictions(right: int, cells: dict[str, Cell], total: int, predicted: Span, false: Span) -> bool:
    least = max(predicted.low, right + false.low)
    fewest = ceil_div(least.numerator, least.denominator)
    ends = [predicted.high, None if false.high is None else right + false.high]
    most = [int(end) for end in ends if end is not None]
    precision, f1 = cells.get("precision"), cells.get("f1")
    if right == 0:
        # No hit at all: precision is 0, or 0/0 where nothing was predicted either, which may print as 1.
        undefined = fewest == 0 and precision is not None and precision.high == precision.scale
        fits = (precision is None or precision.low == 0 or undefined) and (f1 is None or f1.low == 0)
        return fits and (not most or fewest <= min(most))
    if precision is not None:
        if precision.high == 0:
            return False
        fewest = max(fewest, ceil_div(right * precision.scale, precision.high))
        most += [right * precision.scale // precision.low] if precision.low else []
    if f1 is not None:
        if f1.high == 0:
            return False
        fewest = max(fewest, ceil_div(2 * right * f1.scale, f1.high) - total)
        most += [2 * right * f1.scale // f1.low - total] if f1.low else []
    return not most or fewest <= min(most)


def check_means(evidence: Evidence) -> list[Finding]:
    """Macro averages and weighted precision and F1, against the means of the rows' ranges."""
    found = []
    for kind in ("macro", "weighted"):
        row = evidence.table.averages.get(kind)
        for column, cell in row.cells.items() if row is not None else ():
            if kind == "weighted" and column == "recall" and evidence.table.total:
                continue  # check_shares knows it more exactly
            readings = [getattr(result, kind) for result in _readings(evidence)]
            ranges = [getattr(reading, column) for reading in readings]
            if any(span is None or _meets(cell, span.low, span.high) for span in ranges):
                continue
            possible = spread(ranges[0].low, ranges[0].high, cell.digits, percent=evidence.table.percent)
            assert row is not None
            harmonic_too = column == "f1" and not is_defined(row)
            if harmonic_too and any(_meets(cell, *_harmonic_range(reading)) for reading in readings):
                found.append(_other_definition(row, cell, possible))
            else:
                found.append(_average(evidence, row, column, cell, possible, ""))
    return found


def _meets(cell: Cell, low: Fraction, high: Fraction) -> bool:
    return cell.low <= high * cell.scale and low * cell.scale <= cell.high


def _harmonic_range(average: Average) -> tuple[Fraction, Fraction]:
    """The harmonic mean of averaged precision and recall: some tools print it as the average of F1."""
    precision, recall = average.precision, average.recall
    if precision is None or recall is None:
        return Fraction(0), Fraction(1)
    return harmonic(precision.low, recall.low), harmonic(precision.high, recall.high)


def _readings(evidence: Evidence) -> list[Recomputed]:
    """The averages over all rows, and over those with support: tools differ in what a class without items counts."""
    pairs = [pair for pair in zip(evidence.table.rows, evidence.spans, strict=True) if pair[0].support != 0]
    if not pairs or len(pairs) == len(evidence.spans):
        return [evidence.recomputed]
    return [evidence.recomputed, recompute([row for row, _ in pairs], [span for _, span in pairs])]


def _other_definition(row: TableRow, cell: Cell, possible: str) -> Finding:
    message = (
        f"{row.name}, F1 {cell.text}: the rows' F1 average to {possible}; the number fits the harmonic mean of the "
        "averaged precision and recall, which is another definition."
    )
    return _about(row, "f1", "other-definition", cell.text, possible, message)


def _average(evidence: Evidence, row: TableRow, column: str, cell: Cell, possible: str, given: str) -> Finding:
    message = f"{_name(evidence, row, column)} {cell.text}: the rows imply {possible}{given}."
    return _about(row, column, "average", cell.text, possible, message)


def _name(evidence: Evidence, row: TableRow, column: str) -> str:
    return row.name if row is evidence.table.averages.get("accuracy") else f"{row.name}, {LABELS[column]}"


def _about(row: TableRow | None, column: str, kind: str, printed: str, possible: str, message: str) -> Finding:
    return Finding(
        kind=kind,
        row=ALL if row is None else row.name,
        column=column,
        printed=printed,
        possible=possible,
        message=message,
        line=None if row is None else row.line,
    )
