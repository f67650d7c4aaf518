"""Checks of one row: can any whole numbers of hits and predictions print as its three cells?"""

from __future__ import annotations

from fractions import Fraction

from companion.evaluation.forensics.feasibility import Option, row_options
from companion.evaluation.forensics.findings import Finding, shown
from companion.evaluation.forensics.table import LABELS, Cell, TableRow


def check_row(row: TableRow, *, percent: bool) -> list[Finding]:
    """The cells of a class that are impossible: out of range, F1 outside its two sources, or made by no counts.

    Recall is tried by itself, then precision with it, then F1 with both; the first that fails is the one named, though
    the mistake may be in a cell before it, or in the support.
    """
    wild = [column for column, cell in row.cells.items() if not cell.is_share]
    if wild:
        return [_finding(row, column, "out-of-range", "0 to 1", _OUT) for column in wild]
    found = []
    if (outside := _outside(row, percent)) is not None:
        found.append(outside)
    if row.support is None or row_options(row.support, recall=row.recall) is None:
        return found
    hits = row_options(row.support, recall=row.recall) or ()
    pairs = row_options(row.support, recall=row.recall, precision=row.precision) or ()
    if not hits:
        return [*found, _no_recall(row, percent)]
    if not pairs:
        return [*found, _no_precision(row, hits, percent)]
    if not found and not row_options(row.support, **row.cells):
        found.append(_no_f1(row, pairs, percent))
    return found


_OUT = "a share lies between 0 and 1."


def _outside(row: TableRow, percent: bool) -> Finding | None:
    """F1 is a mean of precision and recall: beyond rounding it lies between them, and at their harmonic mean."""
    precision, recall, f1 = row.precision, row.recall, row.f1
    if precision is None or recall is None or f1 is None:
        return None
    low, high = (
        harmonic(Fraction(getattr(precision, end), precision.scale), Fraction(getattr(recall, end), recall.scale))
        for end in ("low", "high")
    )
    if Fraction(f1.low, f1.scale) <= high and Fraction(f1.high, f1.scale) >= low:
        return None
    ends = [shown(end, f1.digits + 1, percent=percent, way=way) for end, way in ((low, "down"), (high, "up"))]
    beyond = not min(precision.value, recall.value) <= f1.value <= max(precision.value, recall.value)
    why = (
        "F1 lies between precision and recall, whatever the counts."
        if beyond
        else "F1 is the harmonic mean of the two, whatever the counts."
    )
    message = f"precision {precision.text} and recall {recall.text} give {ends[0]} to {ends[1]}: {why}"
    return _finding(row, "f1", "f1-outside" if beyond else "f1", " to ".join(ends), message)


def harmonic(a: Fraction, b: Fraction) -> Fraction:
    """2ab/(a + b), and 0 for two zeros."""
    return 2 * a * b / (a + b) if a + b else Fraction(0)


def _no_recall(row: TableRow, percent: bool) -> Finding:
    cell, support = row.recall, row.support
    assert cell is not None and support is not None
    if support == 0:
        return _finding(row, "recall", "recall", "0 or 1", "with support 0 recall is 0/0, printed as 0 or 1.")
    below = cell.units * support // 10**cell.digits
    near = " and ".join(
        f"{hits:,}/{support:,} = {shown(Fraction(hits, support), cell.digits + 1, percent=percent)}"
        for hits in (below, below + 1)
    )
    message = f"no whole number of hits in {support:,} items gives it; the nearest are {near}."
    return _finding(row, "recall", "recall", near, message)


def _no_precision(row: TableRow, hits: tuple[Option, ...], percent: bool) -> Finding:
    cell = row.precision
    assert cell is not None
    below, above = (Fraction(0), "0"), None
    for option in hits:
        if option.hits == 0:
            continue
        most = option.hits * 10**cell.digits // cell.units
        below = max(below, _ratio(option.hits, most + 1, cell, percent))
        if most >= option.hits:
            over = _ratio(option.hits, most, cell, percent)
            above = over if above is None else min(above, over)
    near = " and ".join(text for _, text in (below, above or below)) if above else below[1]
    message = f"{_given(row, hits)}; hits divided by predictions come no nearer than {near}."
    return _finding(row, "precision", "precision", near, message)


def _ratio(hits: int, predicted: int, cell: Cell, percent: bool) -> tuple[Fraction, str]:
    value = Fraction(hits, predicted)
    return value, f"{hits:,}/{predicted:,} = {shown(value, cell.digits + 1, percent=percent)}"


def _given(row: TableRow, hits: tuple[Option, ...]) -> str:
    """What the recall says about the hits."""
    first, last = hits[0].hits, hits[-1].hits
    number = f"{first:,}" if first == last else f"{first:,} to {last:,}"
    if row.recall is None:
        return f"support {row.support:,} means {number} hits"
    return f"recall {row.recall.text} of {row.support:,} means {number} hit{'s' * (last != 1)}"


def _no_f1(row: TableRow, pairs: tuple[Option, ...], percent: bool) -> Finding:
    cell, support = row.f1, row.support
    assert cell is not None and support is not None
    below: tuple[Fraction, str] | None = None
    above: tuple[Fraction, str] | None = None
    for option in pairs:
        for predicted in _nearest(option, support, cell):
            total = predicted + support
            value = Fraction(2 * option.hits, total) if total else Fraction(0)
            text = f"2 · {option.hits:,}/({predicted:,} + {support:,}) = "
            found = value, text + shown(value, cell.digits + 1, percent=percent)
            if value < cell.value:
                below = found if below is None else max(below, found)
            else:
                above = found if above is None else min(above, found)
    near = " and ".join(found[1] for found in (below, above) if found is not None)
    others = " and ".join(f"{LABELS[name]} {other.text}" for name, other in row.cells.items() if name != "f1")
    message = f"no counts that print {others} for {support:,} items give it; the nearest are {near}."
    return _finding(row, "f1", "f1", near, message)


def _nearest(option: Option, support: int, cell: Cell) -> list[int]:
    """The numbers of predictions of an option whose F1 comes next to the printed one, on either side."""
    if option.hits == 0 or cell.units == 0:
        return [option.fewest if option.most is None else option.most]
    turn = 2 * option.hits * 10**cell.digits // cell.units - support
    upper = turn if option.most is None else min(turn, option.most)
    found = [upper] if upper >= option.fewest else []
    lower = max(turn + 1, option.fewest)
    return [*found, lower] if option.most is None or lower <= option.most else found


def _finding(row: TableRow, column: str, kind: str, possible: str, message: str) -> Finding:
    cell = row.cell(column)
    printed = "" if cell is None else cell.text
    text = f"{row.name}, {LABELS[column]} {printed}: {message}"
    return Finding(
        kind=kind, row=row.name, column=column, printed=printed, possible=possible, message=text, line=row.line
    )
