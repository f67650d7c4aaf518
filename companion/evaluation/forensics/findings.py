"""What an audit found: impossible things, each a proof, and suspicious ones, each a reason to ask."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from companion.evaluation.forensics.ranges import Range, Recomputed
from companion.evaluation.forensics.table import COLUMNS, LABELS, ResultsTable

IMPOSSIBLE, SUSPICIOUS = "impossible", "suspicious"
MARKS = {IMPOSSIBLE: "✗", SUSPICIOUS: "?"}
KINDS: Mapping[str, str] = {
    "out-of-range": IMPOSSIBLE,
    "recall": IMPOSSIBLE,
    "precision": IMPOSSIBLE,
    "f1": IMPOSSIBLE,
    "f1-outside": IMPOSSIBLE,
    "support-total": IMPOSSIBLE,
    "predicted-total": IMPOSSIBLE,
    "errors": IMPOSSIBLE,
    "average": IMPOSSIBLE,
    "disagreement": IMPOSSIBLE,
    "joint": IMPOSSIBLE,
    "other-definition": SUSPICIOUS,
    "below-baseline": SUSPICIOUS,
    "equal-metrics": SUSPICIOUS,
}
"""Every kind of finding with its level."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong with a table, or odd.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    kind: str
    """One of `KINDS`."""
    row: str
    """The row's name as printed; "all rows" for what concerns several."""
    column: str
    """"precision", "recall", "f1", "support" or "predicted"; "" for what concerns several."""
    printed: str
    """What the table says."""
    possible: str
    """What would be possible: the nearest values, or the range."""
    message: str
    """The finding in a sentence or two."""
    line: int | None
    """Line of the text; None for what concerns several."""

    @property
    def level(self) -> str:
        """ "impossible" (no counts make it, whatever the model) or "suspicious" (possible, and worth a question)."""
        return KINDS[self.kind]

    def __str__(self) -> str:
        return f"{MARKS[self.level]} {self.message}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The findings on one table; `print` it, or let a notebook draw it.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    table: ResultsTable
    """The table as it was read."""
    findings: tuple[Finding, ...]
    """Row by row, then what concerns the averages, then suspicions."""
    recomputed: Recomputed
    """The averages that the rows imply, as ranges."""
    closed: bool
    """Whether every item was taken to have one gold and one predicted label, each of them a row of the table."""
    notes: tuple[str, ...]
    """What was taken for granted and what was not checked."""

    @property
    def impossible(self) -> tuple[Finding, ...]:
        """The findings that are proofs."""
        return tuple(finding for finding in self.findings if finding.level == IMPOSSIBLE)

    @property
    def suspicious(self) -> tuple[Finding, ...]:
        """The findings that are questions."""
        return tuple(finding for finding in self.findings if finding.level == SUSPICIOUS)

    @property
    def summary(self) -> str:
        """The outcome in a sentence."""
        return summarise(len(self.impossible), len(self.suspicious))

    def to_dict(self) -> dict[str, Any]:
        """The audit as plain JSON values.

        Taught in: book/walkthroughs/reading-a-results-table
        """
        averages = {
            name: {column: _ends(getattr(getattr(self.recomputed, name), column)) for column in COLUMNS}
            for name in ("micro", "macro", "weighted")
        }
        return {
            "summary": self.summary,
            "impossible": len(self.impossible),
            "suspicious": len(self.suspicious),
            "findings": [{"level": finding.level, **asdict(finding)} for finding in self.findings],
            "closed": self.closed,
            "notes": list(self.notes),
            "recomputed": averages,
        }

    def to_json(self) -> str:
        """`to_dict` as one JSON object.

        Taught in: book/walkthroughs/reading-a-results-table
        """
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def __str__(self) -> str:
        return "\n".join([self.summary, *map(str, self.findings), *(f"· {note}" for note in self.notes)])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        style = "text-align: left; padding: 0.15em 0.8em; border-bottom: 1px solid currentColor"
        head = "".join(f'<th scope="col" style="{style}">{title}</th>' for title in ("", "row", "column", "finding"))
        lines = [f"<tr>{head}</tr>"]
        for finding in self.findings:
            cells = (
                f"{MARKS[finding.level]} {finding.level}",
                finding.row,
                LABELS.get(finding.column, finding.column),
                finding.message,
            )
            lines.append("<tr>" + "".join(f'<td style="{style}">{html.escape(cell)}</td>' for cell in cells) + "</tr>")
        table = f'<table style="border-collapse: collapse">{"".join(lines)}</table>' if self.findings else ""
        notes = "<br>".join(map(html.escape, self.notes))
        return f'<p>{self.summary}</p><div style="overflow-x: auto">{table}</div><p>{notes}</p>'


def summarise(impossible: int, suspicious: int) -> str:
    """The outcome in a sentence."""
    if not impossible and not suspicious:
        return "Nothing found: the numbers fit each other. That is no proof that they were measured."
    parts = [f"{number} {level}" for number, level in ((impossible, IMPOSSIBLE), (suspicious, SUSPICIOUS)) if number]
    return f"{' and '.join(parts)} finding{'s' * (impossible + suspicious != 1)}."


def shown(value: Fraction, digits: int, *, percent: bool, way: str = "near") -> str:
    """A share with `digits` decimals (two fewer in percent), rounded "near", "down" or "up"."""
    decimals = max(digits - 2 * percent, 0)
    scaled = value * 10**decimals * (100 if percent else 1)
    numerator, denominator = scaled.numerator, scaled.denominator
    units = {
        "near": (2 * numerator + denominator) // (2 * denominator),
        "down": numerator // denominator,
        "up": -(-numerator // denominator),
    }[way]
    text = str(units).rjust(decimals + 1, "0")
    return f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text


def spread(low: Fraction, high: Fraction, digits: int, *, percent: bool) -> str:
    """A range with one digit more than the printed number has, rounded outward."""
    ends = (shown(end, digits + 1, percent=percent, way=way) for end, way in ((low, "down"), (high, "up")))
    return " to ".join(dict.fromkeys(ends))


def _ends(found: Range | None) -> dict[str, float | None] | None:
    if found is None:
        return None
    estimate = None if found.estimate is None else float(found.estimate)
    return {"low": float(found.low), "high": float(found.high), "estimate": estimate}
