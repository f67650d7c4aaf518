"""What the drawn pieces share: ready-made markup, the colour of a type, the mark of a fault.

Colour says the type and red says wrong, and neither is needed: the label is printed, a wrong one has a ✗ and a wavy
line, and a screen reader hears "wrong".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from companion.errors import ConfigError
from companion.teaching.surface import Piece
from companion.teaching.theme import style

# Openings of the type names of the corpora in the book, each with its colour.
_TYPES = {"per": 0, "loc": 1, "geo": 1, "gpe": 1, "org": 2, "corp": 2, "misc": 3, "prod": 3, "group": 4, "creat": 5}
FAULT_CSS = """
.ftc.ftc .ftc-wrong{box-shadow:inset 0 0 0 1.5px var(--ftc-bad);border-color:var(--ftc-bad)}
.ftc .ftc-fault{color:var(--ftc-bad);font-weight:700}
.ftc .ftc-wavy{text-decoration:underline wavy var(--ftc-bad);text-decoration-thickness:1px;text-underline-offset:.2em}
.ftc .ftc-note{margin:.5em 0 0;color:var(--ftc-muted);font-size:.88em}
"""


@dataclass(frozen=True, kw_only=True, slots=True, repr=False)
class Markup(Piece):
    """A piece whose text and HTML are ready.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    plain_text: str
    """What `text()` gives."""
    markup: str
    """What `html()` gives."""

    def text(self) -> str:
        return self.plain_text

    def html(self) -> str:
        return self.markup


def styled(css: str, body: str) -> str:
    """The `<style>` of a piece, with the fills of only those types that its body shows."""
    fills = (f".ftc.ftc .ftc-t{n}.ftc-t{n}{{background:var(--ftc-type-{n})}}" for n in range(6) if f"ftc-t{n}" in body)
    return style(css + FAULT_CSS + "".join(fills))


def colour(kind: str) -> int:
    """The same colour for a type wherever it is shown: known names have their own, other names one of three."""
    lowered = kind.lower()
    known = next((number for opening, number in _TYPES.items() if lowered.startswith(opening)), None)
    return known if known is not None else 3 + hashlib.sha256(kind.encode()).digest()[0] % 3


def unseen(text: str) -> str:
    """Text that only a screen reader meets."""
    return f'<span class="ftc-unseen">{text}</span>'


def same_length(where: str, **sequences: Sequence[object] | None) -> None:
    """Refuse sequences of different length, by name; None is left out."""
    lengths = {name: len(sequence) for name, sequence in sequences.items() if sequence is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in lengths.items())
        raise ConfigError(f"{where}: {told}", remedy="Give one entry each, in the same order.")
