"""The confusion figure: areas are shares of the row, numbers are counts."""

import pytest

from companion.errors import ConfigError
from companion.evaluation import score_labels
from companion.teaching import confusion_figure
from companion.teaching.confusion import WIDEST
from companion.teaching.figures import PALETTE


def squares(figure):
    from matplotlib.colors import to_hex

    return {
        (round(patch.get_y() + patch.get_height() / 2), round(patch.get_x() + patch.get_width() / 2)): (
            round(patch.get_width() ** 2 / WIDEST**2, 6),
            to_hex(patch.get_facecolor()),
        )
        for patch in figure.axes[0].patches
    }


def test_areas_are_shares_of_the_row_and_counts_stand_beside():
    report = score_labels(["a", "a", "a", "a", "b"], ["a", "a", "a", "b", "a"], bootstrap=0)
    drawn = confusion_figure(report)
    assert squares(drawn) == {
        (0, 0): (0.75, PALETTE[0]),
        (0, 1): (0.25, PALETTE[1]),
        (1, 0): (1.0, PALETTE[1]),
    }
    assert sorted(text.get_text() for text in drawn.axes[0].texts) == ["1", "1", "3"]


def test_many_labels_have_no_numbers_and_too_many_are_refused():
    names = [f"label {n:02}" for n in range(31)]
    drawn = confusion_figure(score_labels(names, names, bootstrap=0))
    assert len(squares(drawn)) == 31 and not drawn.axes[0].texts
    names = [f"label {n:02}" for n in range(41)]
    with pytest.raises(ConfigError, match="41 labels"):
        confusion_figure(score_labels(names, names, bootstrap=0))


def test_several_labels_a_text_are_refused():
    with pytest.raises(ConfigError, match="several labels"):
        confusion_figure(score_labels([["a"], ["b"]], [["a"], []], bootstrap=0))
