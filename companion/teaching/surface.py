"""Where a piece is shown, and what it is then made of.

Three surfaces: the built page (no kernel), JupyterLab, Colab. A piece always has text and self-contained HTML; a live
widget joins them only where a kernel listens, and never when `COMPANION_STATIC=1` (notebooks executed for commit and
tests), so that executing a notebook again gives the same bytes.
"""

from __future__ import annotations

import hashlib
import html
import os
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ipywidgets import Widget

# On whatever takes the keyboard: JupyterLab's one-key commands (arrows move the cell, dd deletes it) then stay away.
NO_SHORTCUTS = 'data-lm-suppress-shortcuts="true"'


def is_static() -> bool:
    """Whether outputs must be plain HTML and text, the same bytes every time."""
    return os.environ.get("COMPANION_STATIC") == "1"


def is_colab() -> bool:
    """Whether this kernel runs in Google Colab."""
    return "google.colab" in sys.modules


def escape(text: object) -> str:
    """Text made safe inside HTML elements and quoted attributes."""
    return html.escape(str(text), quote=True)


def inline(text: object) -> str:
    """Escaped text in which `backticks` become code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def plain(text: object) -> str:
    """Text without the backticks that mark code."""
    return re.sub(r"`([^`]+)`", r"\1", str(text))


def digest(*parts: object) -> str:
    """Ten characters that depend on the content alone: an id that is the same on every execution."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:10]


class Piece:
    """Something to show: `text()` and `html()` always, `widget()` where a kernel can answer.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    __slots__ = ()

    def text(self) -> str:
        """What a terminal, a diff and a screen without HTML show."""
        raise NotImplementedError

    def html(self) -> str:
        """One self-contained element: no script from elsewhere, no request, no random id."""
        raise NotImplementedError

    def widget(self) -> Widget | None:
        """The live version, or None for a piece whose HTML is all there is."""
        return None

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(
        self, include: Sequence[str] | None = None, exclude: Sequence[str] | None = None
    ) -> dict[str, Any]:
        bundle: dict[str, Any] = {"text/plain": self.text(), "text/html": self.html()}
        # Which of the two Colab would pick is not documented; the HTML works there, so it is the only one.
        widget = None if is_static() or is_colab() or not _has_kernel() else self.widget()
        if widget is not None:
            view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
            bundle["application/vnd.jupyter.widget-view+json"] = view
        return bundle


def present(piece: Piece) -> None:
    """Display the piece in a notebook, or print its text anywhere else."""
    if _has_shell():
        from IPython.display import display

        display(piece)
    else:
        print(piece.text())


def _shell() -> Any:
    # A process that never imported IPython has no shell; importing it to find out would cost half a second.
    module = sys.modules.get("IPython")
    return None if module is None else module.get_ipython()


def _has_shell() -> bool:
    return _shell() is not None


def _has_kernel() -> bool:
    return getattr(_shell(), "kernel", None) is not None
