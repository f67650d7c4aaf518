"""The few colours that every piece shares, in light and in dark, and the CSS that finds out which of the two it is.

A piece carries its own `<style>`: outputs can be shown alone (Colab puts each in a frame of its own), and a page may
show any of them first. Only the tokens that a piece uses travel with it.
"""

from __future__ import annotations

import re

# Each token: (light, dark). Text on `surface` has at least 4.5:1 contrast, marks and lines that carry meaning 3:1.
TOKENS: dict[str, tuple[str, str]] = {
    "text": ("#1f2933", "#d9e0e7"),
    "muted": ("#55616d", "#a3afbb"),
    "surface": ("#f5f7f9", "#1e252d"),
    "raised": ("#ffffff", "#28313b"),
    "line": ("#cfd7df", "#414d5a"),
    "strong-line": ("#7b8794", "#7f8c99"),
    "good": ("#14713f", "#6fcf97"),
    "bad": ("#b3261e", "#ff9a8f"),
    "wait": ("#8a5a00", "#e5b567"),
    "accent": ("#1d5fa8", "#7db8f5"),
    "type-0": ("#d6e6fb", "#1f4468"),
    "type-1": ("#d3efdc", "#1f4d36"),
    "type-2": ("#eadcf8", "#4a3468"),
    "type-3": ("#fbe8c8", "#5a4317"),
    "type-4": ("#d2eef0", "#1b4a50"),
    "type-5": ("#f9dce6", "#5f2d42"),
    "series-0": ("#1f6fb5", "#6cb2f0"),
    "series-1": ("#c2500a", "#f0955a"),
    "series-2": ("#0b7f5c", "#4fc79d"),
    "series-3": ("#8a4fb0", "#c79be6"),
    "series-4": ("#8a6d00", "#d9bd4e"),
    "series-5": ("#5b6670", "#a9b4bf"),
    "code-keyword": ("#8a1c6b", "#e79ad0"),
    "code-name": ("#1d5fa8", "#7db8f5"),
    "code-string": ("#14713f", "#8ed6a5"),
    "code-number": ("#9a4a00", "#efb073"),
    "code-comment": ("#55616d", "#a3afbb"),
}

_DARK = 'html[data-theme="dark"] .ftc,html[theme="dark"] .ftc,body[data-jp-theme-light="false"] .ftc'
_UNSAID = "html:not([data-theme]):not([theme]) body:not([data-jp-theme-light]) .ftc"
# The book's theme puts every HTML output on a light plate in dark mode; a piece brings its own surface.
_NO_PLATE = (
    'html[data-theme="dark"] .bd-content div.cell_output .text_html.text_html:has(>.ftc)'
    "{background:none;color:inherit;padding:0}"
)
_BASE = (
    ".ftc,.ftc *{box-sizing:border-box}"
    ".ftc{color:var(--ftc-text);background:var(--ftc-surface);max-width:100%;margin:.35em 0;"
    "font-size:.95em;line-height:1.5;overflow-wrap:anywhere;color-scheme:inherit}"
    ".ftc .ftc-unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}"
    ".ftc code{font-size:.92em;background:none;border:0;padding:0;color:inherit;white-space:pre-wrap}"
)


def style(css: str) -> str:
    """The `<style>` element of a piece: the shared base, its own rules, and the tokens that these use.

    Raises KeyError for a rule that names a token which does not exist.
    """
    rules = re.sub(r"\s*\n\s*", "", _BASE + css)
    used = list(dict.fromkeys(re.findall(r"var\(--ftc-([a-z0-9-]+)\)", rules)))
    light, dark = (";".join(f"--ftc-{name}:{TOKENS[name][side]}" for name in used) for side in (0, 1))
    return (
        f"<style>.ftc{{{light}}}{_DARK}{{{dark}}}"
        f"@media (prefers-color-scheme:dark){{{_UNSAID}{{{dark}}}}}{_NO_PLATE}{rules}</style>"
    )
