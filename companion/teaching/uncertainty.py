"""Numbers drawn with their intervals: side by side (a forest plot), or as curves with bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.figures import INK, PALETTE, figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.evaluation.intervals import Interval


@style()
def interval_figure(rows: Mapping[str, Interval], *, reference: float | None = None, label: str = "") -> Figure:
    """A forest plot: one line for each name, a point at its mean, a bar over its interval, the numbers beside it.

    `reference` draws an upright line, such as 0 for differences or the score of a baseline; a point whose interval does
    not hold it is filled, any other is hollow. `label` names the axis. A row without an interval is a point alone, and
    an undefined one says so. The figure's alternative text holds the numbers.

    Raises: ConfigError for no rows, or none that is defined.
    Taught in: book/walkthroughs/honest-experiments
    """
    if all(row.mean is None for row in rows.values()):
        raise ConfigError("interval_figure: no row has a value", remedy="Give {name: interval}.")
    drawn, axes = figure(width=6.2, height=0.7 + 0.34 * len(rows))
    if reference is not None:
        axes.axvline(reference, color=INK, linewidth=1, linestyle="--", marker="")
    for place, row in enumerate(rows.values()):
        # In fractions of the width, so that the numbers stand in a column at the right of the picture.
        axes.text(1.02, place, f"{row}", transform=axes.get_yaxis_transform(), va="center", fontsize=8.5)
        if row.mean is None:
            continue
        low, high = (row.mean if end is None else end for end in (row.low, row.high))
        axes.plot([low, high], [place, place], color=PALETTE[0], linestyle="-", marker="|", markeredgewidth=1.6)
        apart = reference is None or (low < high and not low <= reference <= high)
        fill = PALETTE[0] if apart else "none"
        axes.plot(
            [row.mean], [place], color=PALETTE[0], marker="o", markersize=7, markerfacecolor=fill, markeredgewidth=1.6
        )
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=label)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    drawn.set_label(_told(rows, reference, label))
    return drawn


@style()
def learning_curve_figure(
    curves: Mapping[str, Mapping[int, Interval]], *, x_label: str = "labels", y_label: str = "accuracy"
) -> Figure:
    """Scores over the number of training labels on a logarithmic axis, each curve with the band of its intervals.

    `curves` maps the name of a system to `{labels: interval}`, such as `seeds_interval` gives for each size. A size at
    which there is no interval leaves a gap in the band, an undefined one in the curve. The figure's alternative text
    gives both ends of every curve.

    Raises: ConfigError for no curve, more than six, one without a size, or a size below 1.
    Taught in: book/walkthroughs/sentiment
    """
    if not 1 <= len(curves) <= len(PALETTE) or not all(curve and min(curve) >= 1 for curve in curves.values()):
        raise ConfigError(
            f"learning_curve_figure: {len(curves)} curves, or a curve without sizes of 1 or more",
            remedy=f"Give 1 to {len(PALETTE)} curves as {{name: {{labels: interval}}}}.",
        )
    drawn, axes = figure(width=6.2, height=3.2)
    for name, curve in curves.items():
        sizes = sorted(curve)
        means, lows, highs = ([_number(getattr(curve[n], end)) for n in sizes] for end in ("mean", "low", "high"))
        (line,) = axes.plot(sizes, means, label=name)
        axes.fill_between(sizes, lows, highs, color=line.get_color(), alpha=0.2, linewidth=0)
    ticks = sorted({size for curve in curves.values() for size in curve})
    axes.set(xscale="log", xlabel=x_label, ylabel=y_label)
    axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axes.minorticks_off()
    axes.legend()
    drawn.set_label(
        f"{y_label} over {x_label}, from {ticks[0]:,} to {ticks[-1]:,}, with bands. "
        + " ".join(
            f"{name}: {curve[min(curve)]} at {min(curve):,}, {curve[max(curve)]} at {max(curve):,}."
            for name, curve in curves.items()
        )
    )
    return drawn


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _told(rows: Mapping[str, Interval], reference: float | None, label: str) -> str:
    line = "" if reference is None else f", and a line at {reference:g}"
    told = "; ".join(f"{name} {row}" for name, row in rows.items())
    return f"{label or 'Values'} with intervals{line}: {told}."
