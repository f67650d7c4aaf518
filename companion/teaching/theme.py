"""The few colours that every piece shares, in light and in dark, and the CSS that finds out which of the two it is.

A piece carries its own `<style>`: outputs can be shown alone (Colab puts each in a frame of its own), and a page may
show any of them first. Only the tokens that a piece uses travel with it.
"""

from __future__ import annotations

import re

# Each token: (light, dark). A test measures what this promises: text has 4.5:1 contrast on its ground, lines and bars
# 3:1, and the series can be told apart under simulated protanopia, deuteranopia and tritanopia.
TOKENS: dict[str, tuple[str, str]] = {
    "text": ("#23211d", "#e8e3d8"),
    "muted": ("#645e53", "#a8a091"),
    "surface": ("#f6f2ea", "#211f1c"),
    "raised": ("#ffffff", "#2c2925"),
    "line": ("#ddd6c8", "#413c35"),
    "strong-line": ("#7d7668", "#8a8274"),
    "good": ("#2b6e4f", "#86c9a5"),
    "bad": ("#a63a25", "#ee9480"),
    "wait": ("#7f5d0d", "#dfb863"),
    "accent": ("#1d5c7a", "#86bfdc"),
    "type-0": ("#d6e6fb", "#1c3d5e"),
    "type-1": ("#d3efdc", "#1b4430"),
    "type-2": ("#eadcf8", "#432f5e"),
    "type-3": ("#fbe8c8", "#4e3a12"),
    "type-4": ("#d2eef0", "#184248"),
    "type-5": ("#f9dce6", "#562a3c"),
    "series-0": ("#2752cc", "#6a8ff0"),
    "series-1": ("#c4670f", "#f0973f"),
    "series-2": ("#0f8a55", "#62e6aa"),
    "series-3": ("#a85db3", "#e3b0ea"),
    "series-4": ("#5c4a14", "#93732b"),
    "series-5": ("#7a7880", "#9b98a0"),
    "code-keyword": ("#8a2a66", "#e0a0cc"),
    "code-name": ("#1d5c7a", "#86bfdc"),
    "code-string": ("#2b6e4f", "#86c9a5"),
    "code-number": ("#924a08", "#e6a96b"),
    "code-comment": ("#645e53", "#a8a091"),
}

_DARK = 'html[data-theme="dark"] .ftc,html[theme="dark"] .ftc,body[data-jp-theme-light="false"] .ftc'
_UNSAID = "html:not([data-theme]):not([theme]) body:not([data-jp-theme-light]) .ftc"
# The book's theme puts every HTML output on a light plate in dark mode; a piece brings its own surface.
_NO_PLATE = (
    'html[data-theme="dark"] .bd-content div.cell_output .text_html.text_html:has(>.ftc)'
    "{background:none;color:inherit;padding:0}"
)
_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_BASE = (
    ".ftc,.ftc *{box-sizing:border-box}"
    ".ftc{color:var(--ftc-text);background:var(--ftc-surface);max-width:100%;margin:.35em 0;"
    "font-size:.95em;line-height:1.5;overflow-wrap:anywhere;color-scheme:inherit}"
    ".ftc .ftc-unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}"
    ".ftc.ftc.ftc code{font-size:.92em;background:none;border:0;padding:0;color:inherit;white-space:pre-wrap}"
)


def style(css: str, body: str | None = None) -> str:
    """The `<style>` element of a piece: the shared base, its own rules, and the tokens that these use.

    With `body`, the piece's HTML, rules for what it does not hold are left out: a page shows dozens of small pieces.

    Raises KeyError for a rule that names a token which does not exist.
    """
    rules = re.sub(r"\s*\n\s*", "", _BASE + css)
    if body is not None:
        rules = "".join(f"{kept}{{{rule}}}" for names, rule in _RULE.findall(rules) if (kept := _met(names, body)))
    used = list(dict.fromkeys(re.findall(r"var\(--ftc-([a-z0-9-]+)\)", rules)))
    light, dark = (";".join(f"--ftc-{name}:{TOKENS[name][side]}" for name in used) for side in (0, 1))
    return (
        f"<style>.ftc{{{light}}}{_DARK}{{{dark}}}"
        f"@media (prefers-color-scheme:dark){{{_UNSAID}{{{dark}}}}}{_NO_PLATE}{rules}</style>"
    )


def _met(selectors: str, body: str) -> str:
    """Those of the selectors, commas between them, whose classes and elements are all there."""
    return ",".join(
        selector
        for selector in selectors.split(",")
        if all(name in body for name in re.findall(r"ftc-[a-z-]+", selector))
        and ("<code" in body or not selector.endswith(" code"))
    )
