"""The reliability diagram: how often answers are right, over how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.teaching.figures import INK, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.evaluation.calibration import CalibrationReport

FEWEST = 5


def reliability_figure(
    before: CalibrationReport, after: CalibrationReport | None = None, *, names: tuple[str, str] = ("before", "after")
) -> Figure:
    """Accuracy over mean confidence, one point a bin with Wilson's 95 % interval; on the diagonal the two agree.

    With `after`, a second row of points, such as the same answers at a fitted temperature. Bins with fewer than five
    answers are left out: their interval fills the picture and says nothing.

    Taught in: book/walkthroughs/sentiment
    """
    drawn, axes = figure(width=6.2, height=3.4)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":", marker="", label="confidence = accuracy")
    for report, name in zip([before] if after is None else [before, after], names, strict=False):
        bins = [one for one in report.bins if one.count >= FEWEST]
        means = [one.accuracy.mean for one in bins]
        ends = [
            [mean - one.accuracy.low for mean, one in zip(means, bins, strict=True)],
            [one.accuracy.high - mean for mean, one in zip(means, bins, strict=True)],
        ]
        label = f"{name}: expected calibration error {report.error:.3f}"
        axes.errorbar([one.confidence for one in bins], means, yerr=ends, capsize=2, elinewidth=1, label=label)
    lowest = min(one.low for report in (before, after or before) for one in report.bins)
    axes.set(xlim=(lowest, 1.02), ylim=(0, 1.05), xlabel="confidence", ylabel="accuracy")
    axes.legend(loc="lower right", fontsize=8)
    return drawn
