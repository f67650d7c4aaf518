"""Who looks at whom: the weights of an attention layer as a table that a reader can ask.

Every row is a token that looks, every column one that is looked at; a cell shows its weight as a number and as a bar.
A menu chooses the head, the row's own button a token, and one sentence says what it looks at most. All of it travels
with the page as whole hundredths, so no kernel is needed and nothing depends on colour.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from companion.errors import ConfigError
from companion.teaching.compact import compacted
from companion.teaching.surface import NO_SHORTCUTS, Piece, digest, escape
from companion.teaching.theme import style

MOST_TOKENS, MOST_HEADS = 24, 12
_CSS = """
.ftc.ftc-attention{padding:.7em .9em;border:1px solid var(--ftc-line);border-radius:.4em}
.ftc.ftc-attention .ftc-title{margin:0 0 .4em;font-weight:600}
.ftc.ftc-attention:not(.ftc-live) .ftc-choice,.ftc.ftc-attention:not(.ftc-live) input{display:none}
.ftc.ftc-attention select{font:inherit;color:var(--ftc-text);background:var(--ftc-raised);padding:.2em .4em;
border:1px solid var(--ftc-strong-line);border-radius:.3em}
.ftc.ftc-attention .ftc-scroll{overflow-x:auto;margin:.4em 0}
.ftc.ftc.ftc-attention table{border-collapse:separate;border-spacing:2px;margin:0;width:auto;font-size:.92em;
background:none;color:inherit;border:0}
.ftc.ftc.ftc-attention tr{background:none;border:0}
.ftc.ftc.ftc-attention th,.ftc.ftc.ftc-attention td{padding:.2em .35em;border:0;background:none;color:inherit;
font-weight:400;text-align:right;vertical-align:middle}
.ftc.ftc.ftc-attention thead th{vertical-align:bottom;text-align:left;padding:.2em 0}
.ftc.ftc-attention thead code{writing-mode:vertical-rl;transform:rotate(180deg);white-space:nowrap}
.ftc.ftc-attention th label{display:flex;align-items:center;justify-content:flex-end;gap:.35em;margin:0;
white-space:nowrap}
.ftc.ftc-attention input{margin:0;min-height:1.4em;accent-color:var(--ftc-accent)}
.ftc.ftc.ftc-attention tbody td{position:relative;min-width:3.2em;padding-bottom:.6em;background:var(--ftc-raised);
outline:1px solid var(--ftc-line);outline-offset:-1px;font-variant-numeric:lining-nums tabular-nums}
.ftc.ftc-attention td i{position:absolute;left:0;bottom:0;height:.4em;background:var(--ftc-series-0)}
.ftc.ftc.ftc-attention .ftc-chosen td{outline:2px solid var(--ftc-accent)}
.ftc.ftc.ftc-attention .ftc-chosen th{font-weight:700}
.ftc.ftc-attention :focus-visible{outline:2px solid var(--ftc-accent);outline-offset:2px}
.ftc.ftc-attention p{margin:.4em 0 0}
.ftc.ftc-attention .ftc-hint{color:var(--ftc-muted);font-size:.88em}
"""
_HINT = "Each row is a token that looks; its weights add up to 1, up to rounding."


class AttentionMap(Piece):
    """A table of attention weights with a menu for the head and a button for each token that looks.

    Taught in: book/foundations/a-bert-from-scratch
    """

    __slots__ = ("hundredths", "start", "title", "tokens")

    def __init__(self, tokens: Sequence[str], hundredths: list[list[list[int]]], start: int, title: str) -> None:
        self.tokens, self.hundredths, self.start, self.title = tuple(tokens), hundredths, start, title

    def text(self) -> str:
        lines = []
        for head, rows in enumerate(self.hundredths):
            lines += [f"head {head + 1}"] if len(self.hundredths) > 1 else []
            named = zip(self.tokens, rows, strict=True)
            lines += [f"{token}: {' '.join(map(_weight, row))}" for token, row in named]
        return "\n".join([f"{self.title}:", *lines, self._sentence()])

    def html(self) -> str:
        numbers = json.dumps(
            {"tokens": self.tokens, "heads": self.hundredths}, ensure_ascii=False, separators=(",", ":")
        )
        name = digest(self.title, self.start, numbers)
        heads = "".join(f'<option value="{n}">{n + 1}</option>' for n in range(len(self.hundredths)))
        menu = f'<label class="ftc-choice">head <select {NO_SHORTCUTS}>{heads}</select></label>'
        columns = "".join(f'<th scope="col"><code>{escape(token)}</code></th>' for token in self.tokens)
        rows = "".join(self._row(looks, name) for looks in range(len(self.tokens)))
        return (
            f'<div class="ftc ftc-attention" data-ftc-attention="{name}" role="group"'
            f' aria-label="{escape(self.title)}" data-ftc-start="{self.start}" data-ftc-numbers="{escape(numbers)}">'
            f'{style(_CSS)}<p class="ftc-title">{escape(self.title)}</p>{menu if len(self.hundredths) > 1 else ""}'
            f'<div class="ftc-scroll"><table><thead><tr><td></td>{columns}</tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
            f'<p class="ftc-sentence" aria-live="polite">{escape(self._sentence())}</p>'
            f'<p class="ftc-hint">{_HINT}</p>'
            f'<script>(function(){{{compacted("attention.js")}ftcAttention("{name}");}})();</script></div>'
        )

    def _row(self, looks: int, name: str) -> str:
        chosen = ' class="ftc-chosen"' if looks == self.start else ""
        checked = " checked" if looks == self.start else ""
        cells = "".join(
            f'<td><i aria-hidden="true" style="width:{value}%"></i><span>{_weight(value)}</span></td>'
            for value in self.hundredths[0][looks]
        )
        button = f'<input type="radio" name="looks-{name}" value="{looks}"{checked} {NO_SHORTCUTS}>'
        token = f"<code>{escape(self.tokens[looks])}</code>"
        return f'<tr{chosen}><th scope="row"><label>{button}{token}</label></th>{cells}</tr>'

    def _sentence(self) -> str:
        row = self.hundredths[0][self.start]
        first, second = sorted(range(len(row)), key=lambda n: -row[n])[:2]
        head = "Head 1: " if len(self.hundredths) > 1 else ""
        most = f"{self.tokens[first]} ({_weight(row[first])})"
        then = f"{self.tokens[second]} ({_weight(row[second])})"
        return f"{head}{self.tokens[self.start]} looks most at {most}, then at {then}."


def attention_map(
    tokens: Sequence[str], weights: Any, *, start: str | None = None, title: str = "Who looks at whom"
) -> AttentionMap:
    """The attention weights of one sentence as a table to ask: which token, in which head, looks at which?

    `weights` is a tensor or nested list of shape (heads, tokens, tokens), or (tokens, tokens) for a single head; a row
    holds the weights of one token that looks, and adds up to 1. `start` is the token chosen at first.

    Raises: ConfigError for fewer than 2 or more than 24 tokens, more than 12 heads, another shape, rows that are no
    weights, or a start that is none of the tokens.
    Taught in: book/foundations/a-bert-from-scratch
    """
    tokens = [str(token) for token in tokens]
    heads = weights.tolist() if hasattr(weights, "tolist") else list(weights)
    if heads and heads[0] and isinstance(heads[0][0], int | float):
        heads = [heads]
    if not 2 <= len(tokens) <= MOST_TOKENS or not 1 <= len(heads) <= MOST_HEADS:
        raise ConfigError(
            f"attention_map: {len(tokens)} tokens, {len(heads)} heads",
            remedy=f"Give 2 to {MOST_TOKENS} tokens and 1 to {MOST_HEADS} heads; weights[0] is one row of the batch.",
        )
    if any(len(rows) != len(tokens) or any(len(row) != len(tokens) for row in rows) for rows in heads):
        raise ConfigError(
            f"attention_map: the weights do not fit {len(tokens)} tokens",
            remedy="Give one row for each token, with one weight for each token.",
        )
    for head, rows in enumerate(heads):
        for token, row in zip(tokens, rows, strict=True):
            if not (all(weight >= 0 for weight in row) and abs(sum(row) - 1) < 1e-3):
                raise ConfigError(
                    f"attention_map: the row of {token!r} in head {head + 1} adds up to {sum(row):.3f}",
                    remedy="Give weights after the softmax, not scores.",
                )
    start = tokens[0] if start is None else start
    if start not in tokens:
        raise ConfigError(f"attention_map: start={start!r} is none of {tokens}", remedy="Name one of the tokens.")
    hundredths = [[[round(100 * weight) for weight in row] for row in rows] for rows in heads]
    return AttentionMap(tokens, hundredths, tokens.index(start), title)


def _weight(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}"
