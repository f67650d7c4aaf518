"""A derivation that is computed as well as read: every line has a value, and all lines must agree."""

from __future__ import annotations

import math
from collections.abc import Mapping

from companion.errors import ConfigError
from companion.teaching.claims import number
from companion.teaching.markup import Markup, styled
from companion.teaching.surface import escape

_CSS = """
.ftc.ftc-steps{padding:.5em .9em;border-radius:.4em;border-left:3px solid var(--ftc-good)}
.ftc.ftc-steps ol{margin:0;padding:0 0 0 1.6em}
.ftc.ftc-steps li{margin:.1em 0;padding:.1em 0}
.ftc.ftc-steps li::marker{color:var(--ftc-muted);font-size:.88em}
.ftc.ftc-steps .ftc-step{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1.2em}
.ftc.ftc-steps .ftc-value{font-weight:600;font-variant-numeric:lining-nums tabular-nums}
.ftc.ftc-steps .ftc-note{margin:.3em 0 0}
"""


def derivation(
    lines: Mapping[str, float], *, tolerance: float = 1e-12, significant: int = 6, where: str = ""
) -> Markup:
    """The lines of a derivation with their values, each of which must equal the first to `tolerance` (absolute).

    `lines` maps what was done in a line to what the line evaluates to: a number or a one-element tensor. `where` says
    at which numbers the lines were evaluated. Values are shown to `significant` digits.

    Raises: AssertionError naming the first line that breaks the chain; NaN and infinity break it. ConfigError for
    fewer than two lines.
    Taught in: book/foundations/cross-entropy
    """
    if len(lines) < 2:
        raise ConfigError(f"derivation: {len(lines)} lines", remedy="Give {what was done: value} for two or more.")
    values = {name: float(value) for name, value in lines.items()}
    (opening, first), *rest = values.items()
    previous = opening
    for name, value in [(opening, first), *rest]:
        if not math.isfinite(value) or abs(value - first) > tolerance:
            raise AssertionError(
                f"derivation: {name!r} gives {value!r}, {previous!r} gave {values[previous]!r}; "
                f"allowed difference {number(tolerance)}"
            )
        previous = name
    shown = {name: f"{value + 0.0:.{significant}g}" for name, value in values.items()}
    note = f"{len(values)} lines, one value{f', at {where}' if where else ''}"
    items = "".join(
        f'<li><span class="ftc-step"><span>{escape(name)}</span> <span class="ftc-value">{value}</span></span></li>'
        for name, value in shown.items()
    )
    return Markup(
        plain_text="\n".join([*(f"{name}: {value}" for name, value in shown.items()), f"✓ {note}"]),
        markup=f'<div class="ftc ftc-steps">{styled(_CSS, items)}<ol>{items}</ol>'
        f'<p class="ftc-note"><span aria-hidden="true">✓ </span>{escape(note)}</p></div>',
    )
