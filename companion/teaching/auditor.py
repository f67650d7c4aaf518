"""Paste a results table and see, cell by cell, what no whole numbers can make.

On the page a script of its own does the arithmetic, exactly, so no kernel is needed; in a live notebook the package
does. Both give the same findings. A mark and a sentence say what a colour says.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from companion.errors import EvaluationError
from companion.evaluation.forensics.auditing import audit_table
from companion.evaluation.forensics.findings import IMPOSSIBLE, MARKS, SUSPICIOUS, Audit
from companion.evaluation.forensics.table import COLUMNS, TableRow
from companion.teaching.compact import compacted
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget

SCRIPTS = ("table_reading.js", "table_rows.js", "table_relations.js", "auditor.js")
_TITLE = "Audit a results table"
_CSS = """
.ftc.ftc-audit{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-audit .ftc-title{margin:0 0 .4em;font-weight:600}
.ftc.ftc-audit label{display:block}
.ftc.ftc-audit:not(.ftc-live) label{display:none}
.ftc.ftc-audit textarea{display:block;width:100%;margin:.2em 0 0;padding:.4em .5em;resize:vertical;
font:.85em/1.45 ui-monospace,monospace;white-space:pre;overflow:auto;color:var(--ftc-text);background:var(--ftc-raised);
border:1px solid var(--ftc-strong-line);border-radius:.3em}
.ftc.ftc-audit :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-audit .ftc-outcome{margin:.6em 0 .3em;font-weight:600}
.ftc.ftc-audit .ftc-scroll{overflow-x:auto}
.ftc.ftc-audit table{border-collapse:collapse;margin:.2em 0;font-variant-numeric:lining-nums tabular-nums}
.ftc.ftc-audit table[hidden]{display:none}
.ftc.ftc-audit th,.ftc.ftc-audit td{padding:.1em .6em;text-align:right;font-weight:400;color:inherit;background:none;
border:0;white-space:nowrap}
.ftc.ftc-audit thead th{color:var(--ftc-muted)}
.ftc.ftc-audit tbody th{text-align:left}
.ftc.ftc-audit td.ftc-impossible,.ftc.ftc-audit th.ftc-impossible{font-weight:700;color:var(--ftc-bad);
box-shadow:inset 0 0 0 1.5px var(--ftc-bad)}
.ftc.ftc-audit td.ftc-suspicious,.ftc.ftc-audit th.ftc-suspicious{outline:1.5px dashed var(--ftc-wait);
outline-offset:-2px}
.ftc.ftc-audit .ftc-mark{margin-right:.3em}
.ftc.ftc-audit ul{margin:.4em 0;padding:0;list-style:none}
.ftc.ftc-audit li{padding:.15em 0;overflow-wrap:anywhere}
.ftc.ftc-audit .ftc-notes{margin:.3em 0 0;color:var(--ftc-muted);font-size:.88em}
"""


class TableAuditor(Piece):
    """A field with a table, the table with its impossible cells marked, and the reasons.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    __slots__ = ("given",)

    def __init__(self, given: str) -> None:
        self.given = given

    def text(self) -> str:
        return f"{_TITLE}:\n{audit_table(self.given)}"

    def html(self) -> str:
        name = digest("table-auditor", self.given)
        lines = min(max(self.given.count("\n") + 1, 4), 24)
        return (
            f'<div class="ftc ftc-audit" data-ftc-audit="{name}" role="group" aria-label="{_TITLE}">{style(_CSS)}'
            f'<p class="ftc-title">{_TITLE}</p><label>The table: change a digit, or paste your own'
            f'<textarea rows="{lines}" spellcheck="false" {NO_SHORTCUTS}>\n{escape(self.given)}</textarea></label>'
            f"{_result(audit_table(self.given))}"
            f'<script>(function(){{{script()}ftcTableAuditor("{name}");}})();</script></div>'
        )

    def widget(self) -> Widget | None:
        """The same with ipywidgets: `children[0]` is the field, `children[1]` what the audit says."""
        try:
            import ipywidgets
        except ImportError:
            return None
        layout = ipywidgets.Layout(width="100%", height="20em")
        field = ipywidgets.Textarea(value=self.given, layout=layout, continuous_update=True)
        told = ipywidgets.HTML()

        def draw(_change: object = None) -> None:
            try:
                inside = _result(audit_table(field.value))
            except EvaluationError as error:
                inside = f'<p class="ftc-outcome" role="status">This cannot be read: {escape(error.problem)}</p>'
            told.value = f'<div class="ftc ftc-audit ftc-live">{style(_CSS)}{inside}</div>'

        field.observe(draw, names="value")
        draw()
        return ipywidgets.VBox([field, told])


def table_auditor(text: str) -> TableAuditor:
    """A field that starts with this table and audits whatever a reader types or pastes, as `audit_table` does.

    Raises: EvaluationError that names the line of a table that cannot be read.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    audit_table(text)
    return TableAuditor(text)


@cache
def script() -> str:
    """The page's own audit."""
    return '"use strict";' + compacted(*SCRIPTS)


def _result(audit: Audit) -> str:
    """What the page's script finds again and replaces: the outcome, the table, the reasons, the notes."""
    rows = "".join(_row(row, audit) for row in (*audit.table.rows, *audit.table.averages.values()))
    head = "".join(f'<th scope="col">{title}</th>' for title in ("", "precision", "recall", "F1", "support"))
    reasons = "".join(
        f'<li class="ftc-{found.level}">{MARKS[found.level]} {escape(found.message)}</li>' for found in audit.findings
    )
    return (
        f'<p class="ftc-outcome" aria-live="polite">{escape(audit.summary)}</p><div class="ftc-scroll" tabindex="0" '
        'role="region" aria-label="The table as it was read"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        f'<ul class="ftc-findings" aria-live="polite">{reasons}</ul>'
        f'<p class="ftc-notes">{escape(". ".join(audit.notes))}</p>'
    )


def _row(row: TableRow, audit: Audit) -> str:
    texts = {"": row.name, **{column: cell.text for column, cell in row.cells.items()}}
    if row.support is not None:
        texts["support"] = f"{row.support:,}"
    cells = []
    for column in ("", *COLUMNS, "support"):
        levels = {found.level for found in audit.findings if (found.line, found.column) == (row.line, column)}
        level = next((level for level in (IMPOSSIBLE, SUSPICIOUS) if level in levels), None)
        named, kind = ("td", "") if column else ("th", ' scope="row"')
        mark = f'<span class="ftc-mark">{MARKS[level]}</span><span class="ftc-unseen"> {level} </span>' if level else ""
        lit = f' class="ftc-{level}"' if level else ""
        cells.append(f"<{named}{kind}{lit}>{mark}{escape(texts.get(column, ''))}</{named}>")
    return f"<tr>{''.join(cells)}</tr>"
