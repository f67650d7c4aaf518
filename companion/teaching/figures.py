"""Figures that read well on white and on black, and without colour vision.

Transparent ground, mid-grey text and axes, and a cycle in which every line differs in colour, dash and marker. The
emitted bytes depend on the figure alone: no date, no version of the library, no random id. Alternative text stands in
the cell's metadata (`mystnb.image.alt`). A figure that knows its numbers brings its own, as its
label: `figure.get_label()`.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from companion.errors import ConfigError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# At least 3:1 contrast on white and on the book's dark page at once, and apart under simulated protanopia,
# deuteranopia and tritanopia; a test measures both.
PALETTE = ("#2d59dc", "#dc7c1c", "#17a967", "#be74c7", "#7e6622", "#8e8b94")
INK = "#7a8087"
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = ("-", "--", "-.", ":", (0, (6, 2, 1, 2, 1, 2)), (0, (1, 2)))
MARKERS = ("o", "s", "^", "D", "v", "X")

Kind = Literal["png", "svg"]


@contextmanager
def style() -> Iterator[None]:
    """A `with` block in which figures have the book's style; outside it nothing has changed.

    Taught in: book/walkthroughs/train-a-tagger
    """
    import matplotlib

    # Not `rc_context`: where the backend starts inside the block, it would take back that figures show themselves.
    settings = _settings()
    before = {name: matplotlib.rcParams[name] for name in settings}
    matplotlib.rcParams.update(settings)
    try:
        yield
    finally:
        matplotlib.rcParams.update(before)


def apply(kind: Kind = "png") -> None:
    """Give every later figure of this notebook the book's style, and make inline figures deterministic.

    Raises: ConfigError for a kind other than "png" and "svg".
    Taught in: book/walkthroughs/train-a-tagger
    """
    import matplotlib

    _check(kind)
    matplotlib.rcParams.update(_settings())
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    if shell is None:
        return
    from matplotlib.figure import Figure

    if "inline" in matplotlib.get_backend():
        # It installs formatters of its own when it is first loaded, which must not be after ours.
        importlib.import_module("matplotlib_inline.backend_inline")
    formatters = shell.display_formatter.formatters
    for mime, name in (("image/png", "png"), ("image/svg+xml", "svg")):
        formatters[mime].pop(Figure, None)
        if name == kind:
            formatters[mime].for_type(Figure, lambda figure: _payload(figure, kind))


def figure(width: float = 6.2, height: float = 3.0) -> tuple[Figure, Axes]:
    """One figure with one pair of axes in the book's style; sizes in inches.

    The default fills the text column; letters of a wider figure get smaller there, and unreadable on a phone. What is
    drawn later, such as a legend, takes the style that holds then: that of `teaching.start()`, of `apply()`, or of
    a `with style():` around the lines that draw.

    Raises: ConfigError for a size outside 0.5 to 20 inches.
    Taught in: book/walkthroughs/train-a-tagger
    """
    import matplotlib.pyplot as plt

    for name, size in (("width", width), ("height", height)):
        if not 0.5 <= size <= 20:
            raise ConfigError(f"figure: {name}={size!r} is outside 0.5 to 20 inches", remedy="6.2 by 3 fits the page.")
    with style():
        return plt.subplots(figsize=(width, height))


def encode(figure: Figure, kind: Kind = "png") -> bytes:
    """The figure as PNG (144 dots per inch) or SVG, without anything that changes from run to run.

    Raises: ConfigError for a kind other than "png" and "svg".
    Taught in: book/walkthroughs/train-a-tagger
    """
    _check(kind)
    target = io.BytesIO()
    metadata = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
    with style():
        figure.savefig(target, format=kind, dpi=144, metadata=metadata, bbox_inches="tight", transparent=True)
    return _with_palette(target) if kind == "png" else target.getvalue()


def _with_palette(png: io.BytesIO) -> bytes:
    """The same picture from 256 colours: a quarter of the bytes, so that a chapter's figures stay small in git."""
    from PIL import Image

    target = io.BytesIO()
    with Image.open(png) as picture:
        few = picture.convert("RGBA").quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        few.save(target, format="png", optimize=True, dpi=(144, 144))
    return target.getvalue()


def _payload(figure: Figure, kind: Kind) -> tuple[bytes | str, dict[str, str]]:
    content, words = encode(figure, kind), str(figure.get_label())
    return content if kind == "png" else content.decode(), {"alt": words} if words else {}


def _check(kind: str) -> None:
    if kind not in ("png", "svg"):
        raise ConfigError(f"figures: kind={kind!r} is unknown", remedy='Use "png" or "svg".')


def _settings() -> dict[str, object]:
    from cycler import cycler

    return {
        "figure.figsize": (6.2, 3.0),
        "figure.dpi": 144,
        "figure.facecolor": "none",
        "figure.constrained_layout.use": True,
        "savefig.dpi": 144,
        "savefig.facecolor": "none",
        "font.family": "DejaVu Sans",
        "font.size": 9.5,
        "text.color": INK,
        "axes.facecolor": "none",
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.titlecolor": INK,
        "axes.titlesize": 10.5,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=DASHES) + cycler(marker=MARKERS),
        "grid.color": INK,
        "grid.alpha": 0.25,
        "grid.linewidth": 0.6,
        "xtick.color": INK,
        "ytick.color": INK,
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "lines.markeredgewidth": 0,
        "patch.edgecolor": "none",
        "legend.frameon": False,
        "legend.labelcolor": INK,
        "svg.hashsalt": "companion",
        "svg.fonttype": "path",
    }
