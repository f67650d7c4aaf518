"""Drag the logits of one position and watch probabilities, loss and gradient follow.

On the page one small inline script computes them, so no kernel is needed; in a live notebook the same piece is a set of
ipywidgets. Both draw the rows of `_row`, and neither needs colour: numbers carry signs, the gold label says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.compact import compacted
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, escape
from companion.teaching.theme import style

if TYPE_CHECKING:
    from ipywidgets import Widget

LIMIT = 6.0
_BARS_CSS = """
.ftc .ftc-bars{display:grid;grid-template-columns:1fr 1fr;gap:0 .9em;flex:1 1 15em;min-width:0}
.ftc .ftc-measure{display:flex;align-items:center;gap:.5em;min-width:0}
.ftc .ftc-track{position:relative;flex:1;height:.85em;background:var(--ftc-raised);
border:1px solid var(--ftc-strong-line);border-radius:.15em;overflow:hidden;min-width:2.5em}
.ftc .ftc-track i{position:absolute;top:0;bottom:0;left:0;background:var(--ftc-series-0)}
.ftc .ftc-track .ftc-g{background:var(--ftc-series-1)}
.ftc .ftc-track .ftc-up{background:var(--ftc-series-2)}
.ftc .ftc-zero::after{content:"";position:absolute;left:50%;top:0;bottom:0;width:1px;background:var(--ftc-text)}
.ftc .ftc-number{min-width:3.1em;text-align:right;font-variant-numeric:lining-nums tabular-nums}
.ftc .ftc-gold{color:var(--ftc-good);font-weight:600;font-size:.85em;width:2.8em}
"""
_CSS = (
    """
.ftc.ftc-logits{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-logits .ftc-title{margin:0 0 .4em;font-weight:600}
.ftc.ftc-logits:not(.ftc-live) label,.ftc.ftc-logits:not(.ftc-live) .ftc-slide{display:none}
.ftc.ftc-logits .ftc-row{display:flex;flex-wrap:wrap;align-items:center;gap:.1em .8em;padding:.3em 0;
border-top:1px solid var(--ftc-line)}
.ftc.ftc-logits .ftc-name{min-width:4em;font-weight:600}
.ftc.ftc-logits .ftc-slide{display:flex;align-items:center;gap:.5em}
.ftc.ftc-logits input{width:7em;min-height:1.9em;margin:0;accent-color:var(--ftc-accent)}
.ftc.ftc-logits select{font:inherit;color:var(--ftc-text);background:var(--ftc-raised);padding:.2em .4em;
border:1px solid var(--ftc-strong-line);border-radius:.3em}
.ftc.ftc-logits output{min-width:2.6em;text-align:right;font-variant-numeric:lining-nums tabular-nums}
.ftc.ftc-logits :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-logits p{margin:.4em 0 0}
.ftc.ftc-logits .ftc-hint{color:var(--ftc-muted);font-size:.88em}
"""
    + _BARS_CSS
)
_CARD_CSS = ".ftc.ftc-card{background:none;margin:0}" + _BARS_CSS
_HINT = "Left bar: probability p, from 0 to 1. Right bar: gradient p − y, from −1 to 1; a step goes the other way."


class LogitDragger(Piece):
    """One slider per label, a menu for the gold label, and bars for probability and gradient.

    Taught in: book/foundations/cross-entropy
    """

    __slots__ = ("gold", "labels", "logits")

    def __init__(self, labels: Sequence[str], logits: Sequence[float], gold: int) -> None:
        self.labels, self.logits, self.gold = tuple(labels), tuple(map(float, logits)), gold

    def text(self) -> str:
        rows = zip(self.labels, self.logits, *measures(self.logits, self.gold)[:2], strict=True)
        lines = [f"{name}: logit {_signed(z)}, p {p:.3f}, gradient {_signed(g, 3)}" for name, z, p, g in rows]
        return "\n".join(["Drag the logits:", *lines, _sentence(self.labels, self.logits, self.gold)])

    def html(self) -> str:
        name = digest(self.labels, self.logits, self.gold)
        options = "".join(
            f'<option value="{n}"{" selected" if n == self.gold else ""}>{escape(label)}</option>'
            for n, label in enumerate(self.labels)
        )
        rows = "".join(
            f'<div class="ftc-row" data-ftc-label="{escape(label)}"><span class="ftc-name">{escape(label)}</span>'
            f'<span class="ftc-slide"><input type="range" min="{-LIMIT:g}" max="{LIMIT:g}" step="0.1" value="{z:g}"'
            f' aria-label="logit of {escape(label)}" {NO_SHORTCUTS}><output>{_signed(z)}</output></span>{bars}</div>'
            for label, z, bars in zip(self.labels, self.logits, _bars(self.logits, self.gold), strict=True)
        )
        return (
            f'<div class="ftc ftc-logits" data-ftc-logits="{name}" role="group" aria-label="Drag the logits">'
            f'{style(_CSS)}<p class="ftc-title">Drag the logits</p>'
            f"<label>gold label <select {NO_SHORTCUTS}>{options}</select></label>{rows}"
            f'<p class="ftc-sentence" aria-live="polite">{escape(_sentence(self.labels, self.logits, self.gold))}</p>'
            f'<p class="ftc-hint">{_HINT}</p>'
            f'<script>(function(){{{compacted("logits.js")}ftcLogits("{name}");}})();</script></div>'
        )

    def widget(self) -> Widget | None:
        """The same with ipywidgets: `children[0]` is the gold label, one box per label follows, then the sentence."""
        try:
            import ipywidgets
        except ImportError:
            return None
        gold = ipywidgets.Dropdown(
            options=list(zip(self.labels, range(len(self.labels)), strict=True)),
            value=self.gold,
            description="gold label",
        )
        sliders = [
            ipywidgets.FloatSlider(value=z, min=-LIMIT, max=LIMIT, step=0.1, description=label, readout_format=".1f")
            for label, z in zip(self.labels, self.logits, strict=True)
        ]
        bars = [ipywidgets.HTML(layout=ipywidgets.Layout(width="24em")) for _ in sliders]
        sentence = ipywidgets.HTML()

        def draw(_change: object = None) -> None:
            logits = [slider.value for slider in sliders]
            for drawn, content in zip(bars, _bars(logits, gold.value), strict=True):
                drawn.value = _card(content)
            said = escape(_sentence(self.labels, logits, gold.value))
            sentence.value = _card(f'<div role="status">{said} {_HINT}</div>')

        for control in (gold, *sliders):
            control.observe(draw, names="value")
        draw()
        rows = [ipywidgets.HBox([slider, drawn]) for slider, drawn in zip(sliders, bars, strict=True)]
        return ipywidgets.VBox([gold, *rows, sentence])


def logit_dragger(
    labels: Sequence[str], logits: Sequence[float] | None = None, gold: str | None = None
) -> LogitDragger:
    """Sliders for the logits of one position, and what softmax cross-entropy makes of them.

    `labels` are two to eight names. `logits`, one for each and within ±6, start at 0 where none are given; `gold` is
    the right label, the last one where none is given.

    Raises: ConfigError for labels that are too few, too many or repeated, a gold label that is none of them, or
    logits that do not fit.
    Taught in: book/foundations/cross-entropy
    """
    labels = list(labels)
    if not 2 <= len(labels) <= 8 or len(set(labels)) < len(labels):
        raise ConfigError(f"logit_dragger: labels {labels}", remedy="Give two to eight different names.")
    logits = [0.0] * len(labels) if logits is None else list(logits)
    if len(logits) != len(labels) or not all(abs(float(z)) <= LIMIT for z in logits):
        raise ConfigError(
            f"logit_dragger: logits {logits}", remedy=f"Give {len(labels)} numbers from −{LIMIT:g} to {LIMIT:g}."
        )
    gold = labels[-1] if gold is None else gold
    if gold not in labels:
        raise ConfigError(f"logit_dragger: gold label {gold!r} is none of {labels}", remedy="Name one of the labels.")
    return LogitDragger(labels, logits, labels.index(gold))


def measures(logits: Sequence[float], gold: int) -> tuple[list[float], list[float], float]:
    """Probabilities, gradient p − y, and loss of one position, by log-sum-exp."""
    top = max(logits)
    total = sum(math.exp(z - top) for z in logits)
    p = [math.exp(z - top) / total for z in logits]
    return p, [value - (n == gold) for n, value in enumerate(p)], top + math.log(total) - logits[gold]


def _bars(logits: Sequence[float], gold: int) -> list[str]:
    """For every label its two bars with their numbers, as HTML that the page's script finds again."""
    probabilities, gradient, _ = measures(logits, gold)
    return [
        f'<span class="ftc-bars"><span class="ftc-measure"><span class="ftc-track" aria-hidden="true">'
        f'<i class="ftc-p" style="width:{100 * p:.1f}%"></i></span><span class="ftc-number ftc-p-number">{p:.3f}</span>'
        f'</span><span class="ftc-measure"><span class="ftc-track ftc-zero" aria-hidden="true">'
        f'<i class="ftc-g{" ftc-up" if g < 0 else ""}" style="left:{50 + 50 * min(g, 0):.1f}%;'
        f'width:{50 * abs(g):.1f}%"></i></span><span class="ftc-number ftc-g-number">{_signed(g, 3)}</span></span>'
        f'</span><span class="ftc-gold">{"gold" if n == gold else ""}</span>'
        for n, (p, g) in enumerate(zip(probabilities, gradient, strict=True))
    ]


def _sentence(labels: Sequence[str], logits: Sequence[float], gold: int) -> str:
    probabilities, _, loss = measures(logits, gold)
    return f"Gold label {labels[gold]}: p = {probabilities[gold]:.3f}, loss −ln p = {loss:.3f}."


def _signed(value: float, digits: int = 1) -> str:
    """A number with a real minus sign, and at three digits a plus."""
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        return text.lstrip("-")
    return text.replace("-", "−") if value < 0 or digits == 1 else f"+{text}"


def _card(content: str) -> str:
    return f'<div class="ftc ftc-card">{style(_CARD_CSS)}{content}</div>'
