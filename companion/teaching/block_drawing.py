"""One layer of a transformer as a drawing: where each parameter-efficient method puts what it trains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.figures import INK, PALETTE, figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Place = tuple[float, float, float, float]
"""Left, bottom, width, height."""

BOXES: dict[str, tuple[str, Place]] = {
    "embeddings": ("embeddings", (2.2, 0.5, 4.8, 0.75)),
    "query": ("query", (1.75, 2.3, 1.3, 0.75)),
    "key": ("key", (3.95, 2.3, 1.3, 0.75)),
    "value": ("value", (5.75, 2.3, 1.3, 0.75)),
    "attention": ("attention", (2.2, 4.2, 4.8, 0.75)),
    "output": ("project", (2.2, 5.4, 2.8, 0.75)),
    "first norm": ("add, normalise", (2.2, 6.6, 4.8, 0.75)),
    "widen": ("widen, gelu", (2.2, 7.8, 4.8, 0.75)),
    "narrow": ("narrow", (2.2, 9.0, 2.8, 0.75)),
    "second norm": ("add, normalise", (2.2, 10.2, 4.8, 0.75)),
    "head": ("mean, then the head", (2.2, 12.0, 4.8, 0.75)),
}
"""What is drawn of a model: what it says, and where; from the bottom up."""
LAYER: Place = (1.2, 1.85, 6.6, 9.4)
STACK: tuple[Place, ...] = tuple((0.0, 1.85 + 1.6 * number, 0.75, 1.4) for number in range(6))
"""The layers of the model beside the one that is drawn large, the lowest first."""
WITHOUT_BIAS = ("attention", "head")
"""Boxes without one, or whose bias is trained in any case. That of the embeddings is their normalisation's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Where one method acts.

    Taught in: book/constraints/freezing-and-adapters
    """

    told: str
    """What is trained, for the key beside the drawing."""
    places: tuple[Place, ...]
    """Every spot at which something is trained."""
    added: bool = True
    """Whether the method adds it; else it is a part of the model itself."""


def _right_of(*names: str) -> tuple[Place, ...]:
    """A small square behind each box."""
    return tuple(
        (left + wide + 0.08, low + 0.125, 0.5, 0.5) for left, low, wide, _ in (BOXES[name][1] for name in names)
    )


MARKS: dict[str, Mark] = {
    "head": Mark(told="every method trains it, too", places=(BOXES["head"][1],), added=False),
    "top layers": Mark(told="the last layers, whole", places=STACK[-2:], added=False),
    "BitFit": Mark(
        told="every bias of the body",
        places=tuple(
            (left - 0.25, low + 0.125, 0.5, 0.5)
            for name, (_, (left, low, _, _)) in BOXES.items()
            if name not in WITHOUT_BIAS
        ),
        added=False,
    ),
    "adapters": Mark(
        told="a bottleneck behind each part",
        places=tuple((5.15, BOXES[name][1][1], 1.85, 0.75) for name in ("output", "narrow")),
    ),
    "LoRA": Mark(told="B·A beside query and value", places=_right_of("query", "value")),
    "prefix": Mark(told="more keys, more values", places=((4.35, 3.38, 0.5, 0.5), (6.15, 3.38, 0.5, 0.5))),
    "prompt": Mark(told="vectors before the text", places=((0.95, 0.5, 0.9, 0.75),)),
}
"""The methods by name, in the order of the numbers that the drawing gives them."""
_FROZEN = (
    "A transformer from the bottom up, frozen parts as outlines: embeddings; one layer of six, with query, key and "
    "value, attention, a projection, a normalisation, two feed-forward matrices and a second normalisation; the head. "
)


@style()
def block_figure(only: str | None = None) -> Figure:
    """One layer between embeddings and head; what each of seven methods trains is filled and bears its number.

    `only` names one method, and leaves out the others. The figure's alternative text says the same in words.

    Raises: ConfigError for a method that is not drawn.
    Taught in: book/constraints/freezing-and-adapters
    """
    if only is not None and only not in MARKS:
        raise ConfigError(f"block_figure: only={only!r} is not drawn", remedy=f"Choose one of {', '.join(MARKS)}.")
    drawn, axes = figure(width=6.2, height=4.7)
    for place in (LAYER, *STACK, *(place for _, place in BOXES.values())):
        _box(axes, place)
    for said, (left, low, wide, high) in BOXES.values():
        axes.text(left + wide / 2 + 0.1, low + high / 2, said, ha="center", va="center", fontsize=8.5, zorder=2)
    _arrows(axes)
    for number, (name, mark) in enumerate(MARKS.items(), start=1):
        if only in (None, name):
            for place in mark.places:
                _box(axes, place, number)
            _key(axes, number, name, mark)
    axes.text(0.375, 11.4, "all\nlayers", ha="center", va="bottom", fontsize=8)
    axes.text(7.8, 11.35, "one layer", ha="right", va="bottom", fontsize=8)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[], xlim=(-0.1, 13.4), ylim=(-0.5, 13.0))
    drawn.set_label(_told(only))
    return drawn


def _box(axes: Axes, place: Place, number: int | None = None) -> None:
    """An outline for what stays as it is, a filled box with a number for what is trained."""
    from matplotlib.patches import Rectangle

    left, low, wide, high = place
    filled = {"facecolor": PALETTE[0], "zorder": 3} if number else {"facecolor": "none", "zorder": 1}
    axes.add_patch(Rectangle((left, low), wide, high, edgecolor=INK, linewidth=0.8, **filled))
    if number:
        middle = (left + wide / 2, low + high / 2)
        axes.text(*middle, f"{number}", color="white", ha="center", va="center", fontsize=8.5, weight="bold", zorder=4)


def _key(axes: Axes, number: int, name: str, mark: Mark) -> None:
    """The method's number, its name, and what it trains, to the right of the drawing."""
    low = 12.25 - 1.75 * number + 0.6
    _box(axes, (8.2, low, 0.6, 0.6), number)
    axes.text(9.05, low + 0.3, name, va="center", fontsize=9.5, weight="bold")
    whose = "added" if mark.added else "the model's own"
    axes.text(9.05, low - 0.12, f"{mark.told}\n({whose})", va="top", fontsize=8)


def _arrows(axes: Axes) -> None:
    """The way up, from one row of boxes to the next."""
    middles = (4.6,) * 7 + (2.4, 4.6, 6.4) * 2
    starts = (-0.3, 4.95, 6.15, 7.35, 8.55, 9.75, 10.95, 1.25, 1.25, 1.25, 3.05, 3.05, 3.05)
    ends = (0.5, 5.4, 6.6, 7.8, 9.0, 10.2, 12.0, 2.3, 2.3, 2.3, 4.2, 4.2, 4.2)
    for x, start, end in zip(middles, starts, ends, strict=True):
        axes.annotate(
            "",
            (x, end),
            (x, start),
            arrowprops={"arrowstyle": "->", "color": INK, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0},
        )


def _told(only: str | None) -> str:
    named = [
        f"{number} {name}: {mark.told}, at {len(mark.places)} {'place' if len(mark.places) == 1 else 'places'}"
        for number, (name, mark) in enumerate(MARKS.items(), start=1)
        if only in (None, name)
    ]
    return f"{_FROZEN}Filled and numbered is what is trained. {'; '.join(named)}."
