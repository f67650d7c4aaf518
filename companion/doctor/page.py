"""A report as a page in a notebook: the book's colours in light and dark, and no colour that carries meaning alone."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR, MARKS, NOTE, SEVERITIES, WARNING

if TYPE_CHECKING:
    from companion.doctor.findings import Finding, Report

# Each token (light, dark), as the pieces of the book have them: a test compares them with `companion.teaching.theme`,
# which stands on a higher floor and cannot be imported here.
TOKENS = {
    "text": ("#23211d", "#e8e3d8"),
    "muted": ("#645e53", "#a8a091"),
    "surface": ("#f6f2ea", "#211f1c"),
    "raised": ("#ffffff", "#2c2925"),
    "line": ("#ddd6c8", "#413c35"),
    "good": ("#2b6e4f", "#86c9a5"),
    "bad": ("#a63a25", "#ee9480"),
    "wait": ("#7f5d0d", "#dfb863"),
    "accent": ("#1d5c7a", "#86bfdc"),
}
COLOURS = {ERROR: "bad", WARNING: "wait", NOTE: "accent"}
# The book, Colab and JupyterLab each say in their own way that they are dark; elsewhere the system's wish decides.
DARK = (
    'html[data-theme="dark"] .ftc-doctor,html[theme="dark"] .ftc-doctor,body[data-jp-theme-light="false"] .ftc-doctor'
)
UNSAID = "html:not([data-theme]):not([theme]) body:not([data-jp-theme-light]) .ftc-doctor"
# The book's theme puts every HTML output on a light plate in dark mode; a report brings its own ground.
NO_PLATE = (
    'html[data-theme="dark"] .bd-content div.cell_output .text_html.text_html:has(>.ftc-doctor)'
    "{background:none;color:inherit;padding:0}"
)
RULES = (
    ".ftc-doctor,.ftc-doctor *{box-sizing:border-box}"
    ".ftc-doctor{color:var(--ftc-text);background:var(--ftc-surface);border:1px solid var(--ftc-line);"
    "border-radius:6px;padding:.7em 1em;margin:.35em 0;max-width:100%;font-size:.95em;line-height:1.5;"
    "overflow-wrap:anywhere}"
    ".ftc-doctor p{margin:.3em 0}"
    ".ftc-doctor code{font-size:.92em;background:none;border:0;padding:0;color:inherit;white-space:pre-wrap}"
    ".ftc-doctor ul{list-style:none;margin:.3em 0;padding-left:.4em}"
    ".ftc-doctor summary{cursor:pointer;margin-top:.5em}"
    ".ftc-doctor .finding{background:var(--ftc-raised);border:1px solid var(--ftc-line);border-left-width:5px;"
    "border-radius:4px;padding:.35em .9em;margin:.6em 0}"
    ".ftc-doctor .quiet{color:var(--ftc-muted)}"
    ".ftc-doctor .healthy{color:var(--ftc-good)}"
)


def page_of(report: Report) -> str:
    """The report as HTML; every text in it is escaped."""
    cards = [_card(finding) for severity in SEVERITIES for finding in report.of(severity)]
    healthy = [
        f'<li><span class="healthy">✓</span> <b>{escape(one.probe)}</b>: {escape(one.measured)}</li>'
        for one in report.healthy
    ]
    missing = [
        f'<li class="quiet">– <b>{escape(one.probe)}</b>: {escape(one.reason)}</li>' for one in report.not_checked
    ]
    return (
        f'<div class="ftc-doctor">{style()}<p><b>A second opinion.</b> {escape(report.summary)}</p>{"".join(cards)}'
        f"{_folded('Healthy', healthy)}{_folded('Not checked', missing)}</div>"
    )


def style() -> str:
    """The `<style>` of the page: its rules, and the tokens in light and dark."""
    light, dark = (";".join(f"--ftc-{name}:{pair[side]}" for name, pair in TOKENS.items()) for side in (0, 1))
    marks = "".join(
        f".ftc-doctor .{word}{{border-left-color:var(--ftc-{colour})}}"
        f".ftc-doctor .{word} .severity{{color:var(--ftc-{colour})}}"
        for word, colour in COLOURS.items()
    )
    return (
        f"<style>.ftc-doctor{{{light}}}{DARK}{{{dark}}}@media (prefers-color-scheme:dark){{{UNSAID}{{{dark}}}}}"
        f"{NO_PLATE}{RULES}{marks}</style>"
    )


def _card(finding: Finding) -> str:
    where = f' <span class="quiet">{escape(finding.where)}</span>' if finding.where else ""
    return (
        f'<div class="finding {finding.severity}"><p><b class="severity">{MARKS[finding.severity]} '
        f"{escape(finding.severity)}</b> · <b>{escape(finding.probe)}</b>{where}<br>{escape(finding.measured)}</p>"
        f'<p>→ {escape(finding.advice)}<br><small class="quiet">why: <code>{escape(finding.page)}</code></small></p>'
        "</div>"
    )


def _folded(title: str, items: list[str]) -> str:
    if not items:
        return ""
    return f"<details><summary>{title} ({len(items)})</summary><ul>{''.join(items)}</ul></details>"
