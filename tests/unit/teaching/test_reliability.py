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


def test_one_report_is_one_row():
    assert len(reliability_figure(reports()[0]).axes[0].containers) == 1
