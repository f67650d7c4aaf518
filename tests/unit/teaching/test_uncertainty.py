"""Pictures of numbers with intervals: what is drawn is what was given, and the words say it."""

import math

import pytest

from companion.errors import ConfigError
from companion.evaluation import Interval
from companion.teaching import interval_figure, learning_curve_figure


def interval(mean, low, high):
    return Interval(mean=mean, low=low, high=high, n=5, sd=None)


ROWS = {
    "better": interval(0.02, 0.01, 0.03),
    "open": interval(-0.01, -0.02, 0.01),
    "single": interval(0.03, None, None),
    "none": interval(None, None, None),
}


def test_a_row_is_a_bar_over_its_interval_and_filled_when_it_excludes_the_reference():
    drawn = interval_figure(ROWS, reference=0, label="difference")
    reference, *lines = drawn.axes[0].lines
    assert set(reference.get_xdata()) == {0}
    bars, points = lines[::2], lines[1::2]
    assert [list(bar.get_xdata()) for bar in bars] == [[0.01, 0.03], [-0.02, 0.01], [0.03, 0.03]]
    assert [point.get_xdata()[0] for point in points] == [0.02, -0.01, 0.03]
    assert [point.get_markerfacecolor() == "none" for point in points] == [False, True, True]
    assert [text.get_text() for text in drawn.axes[0].texts] == [str(row) for row in ROWS.values()]
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == list(ROWS)
    assert drawn.get_label() == (
        "difference with intervals, and a line at 0: better 0.020 [0.010, 0.030]; open -0.010 [-0.020, 0.010]; "
        "single 0.030; none undefined."
    )


def test_without_a_reference_every_point_is_filled():
    lines = interval_figure({"a": ROWS["open"], "b": ROWS["single"]}).axes[0].lines
    assert len(lines) == 4 and all(line.get_markerfacecolor() != "none" for line in lines[1::2])


@pytest.mark.parametrize("rows", [{}, {"none": ROWS["none"]}])
def test_nothing_to_draw_is_refused(rows):
    with pytest.raises(ConfigError, match="no row"):
        interval_figure(rows)


def test_a_curve_goes_through_its_means_with_a_band_over_its_intervals():
    curves = {
        "a": {400: interval(0.7, 0.6, 0.8), 20: interval(0.4, 0.3, 0.5), 100: interval(0.5, None, None)},
        "b": {20: interval(None, None, None), 400: interval(0.6, 0.55, 0.65)},
    }
    drawn = learning_curve_figure(curves)
    axes = drawn.axes[0]
    first, second = axes.lines
    assert (list(first.get_xdata()), list(first.get_ydata())) == ([20, 100, 400], [0.4, 0.5, 0.7])
    assert math.isnan(second.get_ydata()[0]) and second.get_ydata()[1] == 0.6
    band = axes.collections[0].get_paths()
    corners = {tuple(map(float, corner)) for path in band for corner in path.vertices}
    assert {(20.0, 0.3), (20.0, 0.5), (400.0, 0.6), (400.0, 0.8)} <= corners
    assert not any(x == 100 for x, _ in corners), "a band must not be drawn where there is no interval"
    assert axes.get_xscale() == "log" and [text.get_text() for text in axes.get_xticklabels()] == ["20", "100", "400"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
    assert drawn.get_label() == (
        "accuracy over labels, from 20 to 400, with bands. a: 0.400 [0.300, 0.500] at 20, 0.700 [0.600, 0.800] at 400. "
        "b: undefined at 20, 0.600 [0.550, 0.650] at 400."
    )


@pytest.mark.parametrize(
    "curves",
    [{}, {"a": {}}, {"a": {0: ROWS["open"]}}, {str(n): {20: ROWS["open"]} for n in range(7)}],
    ids=["none", "empty", "size 0", "seven"],
)
def test_curves_that_cannot_be_drawn_are_refused(curves):
    with pytest.raises(ConfigError, match="learning_curve_figure"):
        learning_curve_figure(curves)
