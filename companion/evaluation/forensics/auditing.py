"""The audit of a results table: every check in order, and what was taken for granted."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from companion.evaluation.forensics.cells import check_row
from companion.evaluation.forensics.coincidence import chance_of_equal_metrics
from companion.evaluation.forensics.combinations import check_together
from companion.evaluation.forensics.feasibility import row_spans
from companion.evaluation.forensics.findings import IMPOSSIBLE, Audit, Finding, shown
from companion.evaluation.forensics.headline import trivial_baseline
from companion.evaluation.forensics.ranges import Recomputed, recompute
from companion.evaluation.forensics.reading import read_table
from companion.evaluation.forensics.relations import Evidence, check_means, check_micro, check_shares, check_totals
from companion.evaluation.forensics.table import COLUMNS, Cell, ResultsTable, TableRow

RARE = Fraction(1, 5)
"""Equal metrics are worth a question where chance makes them less often than this."""
CHECKED = ("accuracy", "micro", "macro", "weighted")


def audit_table(
    table: ResultsTable | str, *, total: int | None = None, ignore: Sequence[str] = ("O",), closed: bool | None = None
) -> Audit:
    """Everything in a results table that no counts can make, and what is odd about it.

    `total` is the number of items that should have been scored, if you know it. A table is closed when every item has
    one gold and one predicted label and each label is a row: predictions then add up to the items, and micro precision,
    recall and F1 are the accuracy. None finds out: an accuracy line with the rows' support says so (scikit-learn prints
    it for no other table), and so does a row named in `ignore`, the label of words outside every entity, unless micro
    precision, recall and F1 differ.

    A finding that is "impossible" is a proof: integers are counted, ranges of rounding are closed fractions (halves may
    have gone up or to the even digit), 0/0 may stand as 0 or 1. It proves that the numbers do not belong together, not
    which of them is wrong. Not checked: numbers that were cut off instead of rounded, "samples avg", joint limits of
    several averages where there are more than 5,000 combinations of counts, a class whose recall allows more than
    20,000 numbers of hits (its ranges are used), and whether the numbers were ever measured: a forged table can pass.

    Raises: as `read_table`.
    Follows: Brown and Heathers (2017), "The GRIM Test", doi 10.1177/1948550616673876, for means of whole numbers.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    table = read_table(table) if isinstance(table, str) else table
    is_closed, premise = (closed, "") if closed is not None else _premise(table, ignore)
    findings = [finding for row in table.rows for finding in check_row(row, percent=table.percent)]
    findings += [
        finding
        for row in table.averages.values()
        for finding in check_row(row, percent=table.percent)
        if finding.kind == "out-of-range"
    ]
    spans = [row_spans(row) for row in table.rows]
    readable = all(finding.kind != "out-of-range" for finding in findings)
    recomputed = recompute(table.rows, spans) if readable else recompute(())
    evidence = Evidence(table=table, spans=spans, recomputed=recomputed, closed=is_closed, total=total)
    if readable:
        for check in (check_totals, check_shares, check_micro, check_means):
            findings += check(evidence)
        if not any(finding.level == IMPOSSIBLE for finding in findings):
            findings += check_together(table, spans, closed=is_closed)
        findings += _suspicions(table, recomputed, closed=is_closed)
    return Audit(
        table=table,
        findings=tuple(findings),
        recomputed=recomputed,
        closed=is_closed,
        notes=tuple(_notes(table, premise, readable=readable)),
    )


def _premise(table: ResultsTable, ignore: Sequence[str]) -> tuple[bool, str]:
    """Whether a table is closed, and what says so."""
    total, accuracy, micro = table.total, table.averages.get("accuracy"), table.averages.get("micro")
    if total is None:
        return False, ""
    # Where the accuracy stands without support, only a data frame of scikit-learn's report says that it is one.
    if accuracy is not None and (accuracy.support == total or _is_frame(table)):
        return True, f"the line {accuracy.name!r}"
    named = next((row for row in table.rows if row.name in ignore), None)
    equal = micro is None or len({cell.value for cell in micro.cells.values()}) <= 1
    return (True, f"the row {named.name!r}") if named is not None and equal else (False, "")


def _is_frame(table: ResultsTable) -> bool:
    accuracy = table.averages["accuracy"]
    supports = {row.support for kind, row in table.averages.items() if kind != "accuracy"}
    return accuracy.support is None and accuracy.repeated and supports == {table.total}


def _notes(table: ResultsTable, premise: str, *, readable: bool) -> list[str]:
    notes = []
    if premise:
        notes.append(f"taken for granted, because of {premise}: every item has one label, and every label is a row")
    skipped = [row.name for kind, row in table.averages.items() if kind not in CHECKED]
    if skipped:
        notes.append(f"not checked: {', '.join(skipped)}")
    if table.total is None:
        notes.append("a class without support: whole numbers, totals and weighted averages were not checked")
    if not readable:
        notes.append("averages were not checked, since some numbers are no shares")
    return notes


def _suspicions(table: ResultsTable, recomputed: Recomputed, *, closed: bool) -> list[Finding]:
    found = []
    if closed and table.total:
        found += _below_baseline(table, recomputed)
    return found + _equal_metrics(table)


def _below_baseline(table: ResultsTable, recomputed: Recomputed) -> list[Finding]:
    """A closed table whose best possible accuracy stays below the share of its largest class."""
    baseline, accuracy = trivial_baseline(table), recomputed.accuracy
    if accuracy is None or accuracy.high >= baseline.accuracy:
        return []
    digits = max(cell.digits for row in table.rows for cell in row.cells.values())
    share, best = (shown(value, digits, percent=table.percent) for value in (baseline.accuracy, accuracy.high))
    message = f"the rows imply an accuracy of at most {best}; always answering {baseline.label} gets {share}."
    return [
        Finding(
            kind="below-baseline",
            row="all rows",
            column="",
            printed=best,
            possible=share,
            message=message,
            line=None,
        )
    ]


def _equal_metrics(table: ResultsTable) -> list[Finding]:
    """Macro or weighted precision, recall and F1 that equal the accuracy, although no algebra makes them."""
    accuracy = table.averages.get("accuracy")
    micro = table.averages.get("micro")
    headline = accuracy.f1 if accuracy is not None else micro.f1 if micro is not None else None
    if headline is None or not table.total or headline.digits < 1 or not 0 < headline.value < 1:
        return []
    found = []
    for kind in ("macro", "weighted"):
        row = table.averages.get(kind)
        if row is not None and _all_equal(row, headline):
            chance = chance_of_equal_metrics(headline.value, table.total, headline.digits)
            if chance < RARE:
                found.append(_coincidence(row, headline, chance, table.total))
    return found


def _all_equal(row: TableRow, headline: Cell) -> bool:
    cells = row.cells.values()
    return len(cells) == len(COLUMNS) and {(cell.units, cell.digits) for cell in cells} == {
        (headline.units, headline.digits)
    }


def _coincidence(row: TableRow, headline: Cell, chance: float, total: int) -> Finding:
    message = (
        f"{row.name}: precision, recall, F1 and accuracy all print as {headline.text}. That can happen; in a test with "
        f"{total:,} items, two classes of equal size and this accuracy it does in {_percent(chance)} % of all cases."
    )
    return Finding(
        kind="equal-metrics",
        row=row.name,
        column="",
        printed=headline.text,
        possible="",
        message=message,
        line=row.line,
    )


def _percent(chance: float) -> str:
    return f"{100 * chance:.1f}"
