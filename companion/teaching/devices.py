"""Four ways to lay one model over two devices, as a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.teaching.figures import INK, PALETTE, figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Layers from the bottom up: capital letters are stored by that device, small ones only borrowed for the moment.
PLANS = {
    "data": ("AA BB",) * 4,
    "tensor": ("AB",) * 4,
    "pipeline": ("AA", "AA", "BB", "BB"),
    "sharded": ("Aa bB",) * 4,
}
_TOLD = (
    "Four drawings of a model with four layers on two devices, one plain and one hatched. Data: two whole copies, one "
    "on each device. Tensor: one copy, the left half of every layer on the first device and the right half on the "
    "second. Pipeline: one copy, the two lower layers on the first device and the two upper ones on the second. "
    "Sharded: two copies, of which each device stores one half; the other half is faint, borrowed when it is needed."
)


@style()
def parallel_figure() -> Figure:
    """A model of four layers on two devices: data parallel, cut within layers, cut between layers, sharded.

    Taught in: book/engineering/memory-and-speed
    """
    drawn, axes = figure(width=6.2, height=1.9)
    place = 0.0
    for name, layers in PLANS.items():
        for height, layer in enumerate(layers):
            for column, owner in enumerate(layer):
                if owner == " ":
                    continue
                first = owner in "Aa"
                axes.barh(
                    height,
                    0.94,
                    left=place + column,
                    height=0.85,
                    color=PALETTE[0 if first else 1],
                    hatch="" if first else "///",
                    alpha=1.0 if owner.isupper() else 0.25,
                    edgecolor=INK,
                    linewidth=0.5,
                )
        axes.text(place + len(layers[0]) / 2, -0.7, name, ha="center", va="top")
        place += len(layers[0]) + 1.2
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[], ylim=(-1.4, 3.6))
    drawn.set_label(_TOLD)
    return drawn
