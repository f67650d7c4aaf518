"""A seal: one quiet line that says what holds, and how it was measured."""

from __future__ import annotations

from dataclasses import dataclass

from companion.teaching.surface import Piece, escape, inline, plain
from companion.teaching.theme import style

_CSS = """
.ftc.ftc-seal{padding:.35em .9em .35em 2.2em;text-indent:-1.3em;border-left:3px solid var(--ftc-good);
border-radius:0 .3em .3em 0}
.ftc.ftc-seal .ftc-mark{color:var(--ftc-good);font-weight:700;display:inline-block;text-indent:0}
.ftc.ftc-seal .ftc-tick{width:1.3em}
.ftc.ftc-seal .ftc-value{font-weight:600;font-variant-numeric:lining-nums tabular-nums}
.ftc.ftc-seal .ftc-note{color:var(--ftc-muted);font-size:.9em}
.ftc.ftc-seal .ftc-value,.ftc.ftc-seal .ftc-note{display:inline-block;text-indent:0}
.ftc.ftc-seal .ftc-said,.ftc.ftc-seal .ftc-value{margin-right:.3em}
"""
_WAITING = """
.ftc.ftc-seal.ftc-waiting{border-left-color:var(--ftc-wait)}
.ftc.ftc-seal.ftc-waiting .ftc-mark{color:var(--ftc-wait)}
"""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Seal(Piece):
    """One line: a mark, a sentence, a value and a note.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    sentence: str
    """What is said; `backticks` mark code."""
    value: str = ""
    """What was measured, already rounded."""
    note: str = ""
    """The bound, or how the value came about."""
    opening: str = ""
    """A word before the sentence: `done`, `not yet`."""
    waiting: bool = False
    """Whether this is still open (an amber ring) and not a thing that holds (a green tick)."""
    source: str = ""
    """The ids of the source documents' sentences that this settles; kept in the HTML, not shown."""

    def text(self) -> str:
        opening = f"{self.opening}: " if self.opening else "✓ "
        value = f": {self.value}" if self.value else ""
        note = f" ({plain(self.note)})" if self.note else ""
        return f"{opening}{plain(self.sentence)}{value}{note}"

    def html(self) -> str:
        mark, spoken, kind = ("○", "open", " ftc-waiting") if self.waiting else ("✓", "holds", "")
        opening = f'<span class="ftc-mark">{inline(self.opening)}:</span> ' if self.opening else ""
        said = "" if self.opening else f'<span class="ftc-unseen">{spoken}: </span>'
        value = f' <span class="ftc-value">{inline(self.value)}</span>' if self.value else ""
        note = f' <span class="ftc-note">{inline(self.note)}</span>' if self.note else ""
        source = f' data-ftc-claim="{escape(self.source)}"' if self.source else ""
        opened = f'<div class="ftc ftc-seal{kind}"{source}>'
        body = (
            f'<span class="ftc-mark ftc-tick" aria-hidden="true">{mark}</span>{opening}'
            f'<span class="ftc-said">{said}{inline(self.sentence)}</span>{value}{note}</div>'
        )
        return f"{opened}{style(_CSS + _WAITING, opened + body)}{body}"
