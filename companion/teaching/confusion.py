"""Which label was taken for which: a confusion matrix that reads on white, on black, and without colour."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.figures import INK, PALETTE, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.evaluation.classification import ClassificationReport

MOST_WITH_NUMBERS = 12
WIDEST = 0.6


def confusion_figure(report: ClassificationReport) -> Figure:
    """One box for each pair of gold label (row) and predicted label (column): its area is the share of the row.

    Right answers lie on the diagonal and are blue; errors are orange and have a dark edge. Up to 12 labels, the count
    stands beside the box. Works for up to 40 labels of a single-label report.

    Raises: ConfigError for a report of several labels per text, or more than 40 labels.
    Taught in: book/walkthroughs/sentiment
    """
    from matplotlib.patches import Rectangle

    if not all(isinstance(label, str) for label in (*report.gold, *report.predicted)):
        raise ConfigError("confusion_figure: texts have several labels", remedy="Look at one label at a time.")
    labels = sorted({*report.gold, *report.predicted})
    if len(labels) > 40:
        raise ConfigError(f"confusion_figure: {len(labels)} labels", remedy="Choose up to 40 of them.")
    counts = Counter(zip(report.gold, report.predicted, strict=True))
    rows = Counter(report.gold)
    many = len(labels) > MOST_WITH_NUMBERS
    drawn, axes = figure(width=6.2, height=6.2 if many else 1.3 + 0.62 * len(labels))
    for y, gold in enumerate(labels):
        for x, predicted in enumerate(labels):
            count = counts[gold, predicted]
            if not count:
                continue
            side = WIDEST * (count / rows[gold]) ** 0.5
            right = gold == predicted
            fill, edge = (PALETTE[0], PALETTE[0]) if right else (PALETTE[1], INK)
            corner = (x - side / 2, y - side / 2)
            axes.add_patch(Rectangle(corner, side, side, facecolor=fill, edgecolor=edge, linewidth=1.2))
            if not many:
                axes.text(x + side / 2 + 0.04, y, f"{count:,}", ha="left", va="center", color=INK, fontsize=9)
    axes.set(xlim=(-0.5, len(labels) - 0.4), ylim=(len(labels) - 0.5, -0.5), xlabel="predicted", ylabel="gold")
    axes.set_xticks(range(len(labels)), labels, rotation=90 if many else 0, fontsize=6 if many else 9)
    axes.set_yticks(range(len(labels)), labels, fontsize=6 if many else 9)
    axes.set_aspect("equal" if many else "auto")
    return drawn
