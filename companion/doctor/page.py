"""A report as a page in a notebook: no script, no colour that carries meaning alone, readable in light and dark."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from companion.doctor.findings import MARKS, SEVERITIES

if TYPE_CHECKING:
    from companion.doctor.findings import Finding, Report

CARD = "border: 1px solid currentColor; border-left-width: 6px; padding: 0.3em 0.9em; margin: 0.5em 0"


def page_of(report: Report) -> str:
    """The report as HTML; every text in it is escaped."""
    cards = [_card(finding) for severity in SEVERITIES for finding in report.of(severity)]
    healthy = [f"<li>✓ <b>{escape(one.probe)}</b>: {escape(one.measured)}</li>" for one in report.healthy]
    missing = [f"<li>– <b>{escape(one.probe)}</b>: {escape(one.reason)}</li>" for one in report.not_checked]
    return (
        f"<div><p><b>A second opinion.</b> {escape(report.summary)}</p>{''.join(cards)}"
        f"{_folded('Healthy', healthy)}{_folded('Not checked', missing)}</div>"
    )


def _card(finding: Finding) -> str:
    return (
        f'<div style="{CARD}"><p>{MARKS[finding.severity]} <b>{escape(finding.severity)}</b> · '
        f"{escape(finding.probe)}<br>{escape(finding.measured)}</p>"
        f"<p>→ {escape(finding.advice)}<br><small>why: <code>{escape(finding.page)}</code></small></p></div>"
    )


def _folded(title: str, items: list[str]) -> str:
    if not items:
        return ""
    listed = f'<ul style="list-style: none; padding-left: 0.5em">{"".join(items)}</ul>'
    return f"<details><summary>{title} ({len(items)})</summary>{listed}</details>"
