"""The reliability figure: its points are the report's bins."""

import numpy as np
import pytest

from companion.evaluation import apply_temperature, calibration_report
from companion.teaching import reliability_figure


def reports():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(400, 3)) * 4
    gold = (generator.random(400)[:, None] > apply_temperature(logits, 2.0).cumsum(1)).sum(1)
    return [calibration_report(apply_temperature(logits, t), gold) for t in (1.0, 2.0)]


def test_every_bin_with_enough_answers_is_a_point():
    before, after = reports()
    axes = reliability_figure(before, after).axes[0]
    assert len(axes.containers) == 2
    for container, report in zip(axes.containers, (before, after), strict=True):
        x, y = container[0].get_data()
        bins = [one for one in report.bins if one.count >= 5]
        assert bins
        assert list(x) == pytest.approx([one.confidence for one in bins])
        assert list(y) == pytest.approx([one.accuracy.mean for one in bins])
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert any(f"before: expected calibration error {before.error:.3f}" == line for line in told)


def test_the_strip_counts_every_answer():
    before, after = reports()
    steps = [patch.get_data() for patch in reliability_figure(before, after).axes[1].patches]
    assert [sum(step.values) for step in steps] == [before.n, after.n]
    for step, report in zip(steps, (before, after), strict=True):
        there = dict(zip(step.edges.round(9), step.values, strict=False))
        assert {round(one.low, 9): one.count for one in report.bins}.items() <= there.items()


def test_the_words_say_on_which_side_of_the_diagonal_the_points_lie():
    before, _ = reports()
    words = reliability_figure(before).get_label()
    bins = [one for one in before.bins if one.count >= 5]
    below = sum(one.accuracy.high < one.confidence for one in bins)
    assert below >= 2 and "after" not in words
    assert f"of {len(bins)} points, {below} lie below the diagonal with their whole interval and 0 above it." in words
    assert f"expected calibration error {before.error:.3f}" in words


def test_one_report_is_one_row():
    assert len(reliability_figure(reports()[0]).axes[0].containers) == 1
