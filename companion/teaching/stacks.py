"""What a whole is made of: stacked bars, one for each case, the same parts in the same order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.figures import INK, PALETTE, figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Beside colour, so that neighbours differ in grey as well.
HATCHES = ("", "///", "", "...", "", "xxx")


@style()
def stacked_figure(
    rows: Mapping[str, Mapping[str, float]], *, label: str, notes: Mapping[str, str] | None = None
) -> Figure:
    """One bar for each row, made of the same named parts; `notes` stand at the bars' ends, `label` names the axis.

    The figure's alternative text holds the numbers.

    Raises: ConfigError for no rows, no parts or more than six, rows with other parts than the first, or a part that is
    negative.
    Taught in: book/engineering/memory-and-speed
    """
    parts = list(next(iter(rows.values()), {}))
    if not 1 <= len(parts) <= len(PALETTE) or any(list(row) != parts or min(row.values()) < 0 for row in rows.values()):
        raise ConfigError(
            f"stacked_figure: {len(rows)} rows with the parts {parts}, or other or negative ones in some row",
            remedy=f"Give {{row: {{part: number}}}} with the same 1 to {len(PALETTE)} parts, 0 or more, in every row.",
        )
    drawn, axes = figure(width=6.2, height=1.1 + 0.3 * len(rows))
    ends = [0.0] * len(rows)
    for number, part in enumerate(parts):
        widths = [row[part] for row in rows.values()]
        axes.barh(
            range(len(rows)),
            widths,
            left=ends,
            height=0.7,
            color=PALETTE[number],
            hatch=HATCHES[number],
            edgecolor=INK,
            linewidth=0.4,
            label=part,
        )
        ends = [end + width for end, width in zip(ends, widths, strict=True)]
    for place, name in enumerate(rows):
        axes.text(ends[place], place, f" {(notes or {}).get(name, '')}", va="center", fontsize=8.5)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(0, max(ends) * (1.15 if notes else 1.02)), xlabel=label)
    axes.grid(visible=False, axis="y")
    drawn.legend(loc="outside upper center", ncols=3, fontsize=8.5)
    drawn.set_label(_told(rows, label, notes or {}))
    return drawn


def _told(rows: Mapping[str, Mapping[str, float]], label: str, notes: Mapping[str, str]) -> str:
    told = (
        f"{name}: {', '.join(f'{part} {value:.3g}' for part, value in row.items())}"
        + (f", {notes[name]} in all" if name in notes else "")
        for name, row in rows.items()
    )
    return f"Stacked bars of {label}. {'; '.join(told)}."
