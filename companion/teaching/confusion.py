"""Which label was taken for which: a confusion matrix that reads on white, on black, and without colour."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.teaching.figures import INK, PALETTE, figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from companion.evaluation.classification import ClassificationReport

MOST_WITH_NUMBERS = 12
MOST = 40
WIDEST = 0.56
LEFT = 0.2
"""How far a box stands left of the middle of its cell, so that its number fits beside it."""

Counts = Counter[tuple[str, str]]


@style()
def confusion_figure(report: ClassificationReport) -> Figure:
    """One box for each pair of gold label (row) and predicted label (column): its area is the share of the row.

    Right answers lie on the diagonal and are blue; errors are orange and have an edge. Up to 12 labels, the count
    stands beside the box. Works for up to 40 labels of a single-label report. The figure's alternative text names the
    recall of the labels (of 12 or fewer: each) and the most frequent errors.

    Raises: ConfigError for a report of several labels per text, or more than 40 labels.
    Taught in: book/walkthroughs/sentiment
    """
    if not all(isinstance(label, str) for label in (*report.gold, *report.predicted)):
        raise ConfigError("confusion_figure: texts have several labels", remedy="Look at one label at a time.")
    labels = sorted({*report.gold, *report.predicted})
    if len(labels) > MOST:
        raise ConfigError(f"confusion_figure: {len(labels)} labels", remedy=f"Choose up to {MOST} of them.")
    counts = Counter(zip(report.gold, report.predicted, strict=True))
    side = min(6.2, 1.2 + 0.62 * len(labels))
    drawn, axes = figure(width=6.2, height=side)
    _draw_boxes(axes, labels, counts)
    _draw_labels(axes, labels)
    drawn.set_label(_words(labels, counts))
    return drawn


def _draw_boxes(axes: Axes, labels: list[str], counts: Counts) -> None:
    from matplotlib.patches import Rectangle

    many = len(labels) > MOST_WITH_NUMBERS
    rows = _rows(counts)
    for (gold, predicted), count in sorted(counts.items()):
        x, y = labels.index(predicted), labels.index(gold)
        side = WIDEST * (count / rows[gold]) ** 0.5 * (1.5 if many else 1)
        middle = x if many else x - LEFT
        fill, edge = (PALETTE[0], PALETTE[0]) if gold == predicted else (PALETTE[1], PALETTE[1] if many else INK)
        corner = (middle - side / 2, y - side / 2)
        axes.add_patch(Rectangle(corner, side, side, facecolor=fill, edgecolor=edge, linewidth=0.6 if many else 1))
        if not many:
            size = 9 if len(labels) <= 8 else 7
            axes.text(x + 0.13, y, f"{count:,}", ha="left", va="center", color=INK, fontsize=size)


def _draw_labels(axes: Axes, labels: list[str]) -> None:
    n = len(labels)
    size = 9 if n <= 8 else 8 if n <= MOST_WITH_NUMBERS else 6
    # A letter is about half as wide as it is high; 72 points are an inch, and the cells share five.
    upright = max(map(len, labels)) * size * 0.55 / 72 > 5 / max(n, 8)
    axes.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), xlabel="predicted", ylabel="gold", aspect="equal")
    axes.set_xticks(range(n), labels, rotation=90 if upright else 0, fontsize=size)
    axes.set_yticks(range(n), labels, fontsize=size)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xticks([place + 0.5 for place in range(n - 1)], minor=True)
    axes.set_yticks([place + 0.5 for place in range(n - 1)], minor=True)
    axes.grid(visible=True, which="minor")
    axes.tick_params(which="minor", length=0)


def _words(labels: list[str], counts: Counts) -> str:
    rows, texts = _rows(counts), counts.total()
    right = sum(counts[label, label] for label in labels)
    recalls = sorted((label for label in labels if rows[label]), key=lambda label: counts[label, label] / rows[label])
    if len(labels) > MOST_WITH_NUMBERS:
        opening, shown = "Lowest recall", recalls[:3]
    else:
        opening, shown = "Right", [label for label in labels if rows[label]]
    said = ", ".join(f"{label} {counts[label, label]:,} of {rows[label]:,}" for label in shown)
    errors = sorted((pair for pair in counts if pair[0] != pair[1]), key=lambda pair: (-counts[pair], pair))[:3]
    told = ", ".join(f"{gold} taken for {predicted} {counts[gold, predicted]:,}" for gold, predicted in errors)
    return (
        f"Confusion matrix of {len(labels)} labels, gold in rows, predicted in columns: {right:,} of {texts:,} texts "
        f"lie on the diagonal. {opening}: {said}. {f'Most frequent errors: {told}.' if told else 'No errors.'}"
    )


def _rows(counts: Counts) -> Counter[str]:
    rows: Counter[str] = Counter()
    for (gold, _), count in counts.items():
        rows[gold] += count
    return rows
