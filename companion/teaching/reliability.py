"""The reliability diagram: how often answers are right, over how sure they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.teaching.figures import INK, figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from companion.evaluation.calibration import CalibrationReport, ConfidenceBin

FEWEST = 5


@style()
def reliability_figure(
    before: CalibrationReport, after: CalibrationReport | None = None, *, names: tuple[str, str] = ("before", "after")
) -> Figure:
    """Accuracy over mean confidence, one point a bin with Wilson's 95 % interval; on the diagonal the two agree.

    With `after`, a second row of points, such as the same answers at a fitted temperature. Bins with fewer than five
    answers have no point: their interval fills the picture and says nothing. The strip below counts the answers of
    every bin. The figure's alternative text says in words what it shows.

    Taught in: book/walkthroughs/sentiment
    """
    from mpl_toolkits.axes_grid1 import make_axes_locatable

    drawn, axes = figure(width=6.2, height=4.0)
    strip = make_axes_locatable(axes).append_axes("bottom", size="20%", pad=0.12, sharex=axes)
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle=":", marker="", label="confidence = accuracy")
    named = list(zip(names, [before] if after is None else [before, after], strict=False))
    for name, report in named:
        bins = _with_point(report)
        means = [one.accuracy.mean for one in bins]
        ends = [
            [mean - one.accuracy.low for mean, one in zip(means, bins, strict=True)],
            [one.accuracy.high - mean for mean, one in zip(means, bins, strict=True)],
        ]
        label = f"{name}: expected calibration error {report.error:.3f}"
        points = axes.errorbar([one.confidence for one in bins], means, yerr=ends, capsize=2, elinewidth=1, label=label)
        strip.stairs(*_counts(report), color=points[0].get_color(), linestyle=points[0].get_linestyle(), linewidth=1.5)
    lowest = min(one.low for _, report in named for one in report.bins)
    axes.set(xlim=(lowest, 1.02), ylim=(0, 1.05), ylabel="accuracy")
    axes.tick_params(labelbottom=False)
    axes.legend(loc="lower right", fontsize=8)
    strip.set(xlabel="confidence", ylabel="answers")
    drawn.set_label(" ".join(["Reliability diagram.", *(_words(*pair) for pair in named)]))
    return drawn


def _with_point(report: CalibrationReport) -> list[ConfidenceBin]:
    return [one for one in report.bins if one.count >= FEWEST]


def _counts(report: CalibrationReport) -> tuple[list[int], list[float]]:
    """Answers of every bin from the lowest that holds one to the highest, empty ones included, and the bins' edges."""
    width = report.bins[0].high - report.bins[0].low
    there = {round(one.low / width): one.count for one in report.bins}
    places = range(min(there), max(there) + 1)
    return [there.get(place, 0) for place in places], [place * width for place in [*places, places[-1] + 1]]


def _words(name: str, report: CalibrationReport) -> str:
    bins = _with_point(report)
    below = sum(one.accuracy.high < one.confidence for one in bins)
    above = sum(one.accuracy.low > one.confidence for one in bins)
    return (
        f"{name}: {report.n:,} answers, mean confidence {report.confidence:.2f}, accuracy {report.accuracy:.2f}, "
        f"expected calibration error {report.error:.3f}; of {len(bins)} points, {below} lie below the diagonal "
        f"with their whole interval and {above} above it."
    )
