"""The confusion figure: areas are shares of the row, numbers are counts."""

import itertools

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
    assert drawn.get_label() == (
        "Confusion matrix of 2 labels, gold in rows, predicted in columns: 3 of 5 texts lie on the diagonal. "
        "Right: a 3 of 4, b 0 of 1. Most frequent errors: a taken for b 1, b taken for a 1."
    )


@pytest.mark.parametrize("count", [3, 12, 13, 31])
def test_names_and_numbers_do_not_run_into_each_other(count):
    names = [f"out of scope {n:02}" for n in range(count)]
    gold = [name for name in names for _ in range(1 + count)] * 2
    drawn = confusion_figure(score_labels(gold, gold[3:] + gold[:3], bootstrap=0))
    drawn.canvas.draw()
    axes = drawn.axes[0]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert overlapping([label.get_window_extent() for label in labels]) == 0
    boxes = [patch.get_window_extent() for patch in axes.patches]
    numbers = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) >= 2 * count and len(numbers) == (len(boxes) if count <= 12 else 0)
    assert overlapping(boxes) == 0 and overlapping([*boxes, *numbers]) == 0


def overlapping(extents):
    """How many of these rectangles overlap the one after it, in reading order."""
    order = sorted(extents, key=lambda extent: (-round(extent.y0 + extent.height / 2), extent.x0))
    return sum(left.overlaps(right) for left, right in itertools.pairwise(order))


def test_many_labels_have_no_numbers_and_too_many_are_refused():
    names = [f"label {n:02}" for n in range(31)]
    drawn = confusion_figure(score_labels(names, names, bootstrap=0))
    assert len(squares(drawn)) == 31 and not drawn.axes[0].texts
    words = drawn.get_label()
    assert "31 of 31 texts" in words and words.count(" of ") == 5 and words.endswith("No errors.")
    names = [f"label {n:02}" for n in range(41)]
    with pytest.raises(ConfigError, match="41 labels"):
        confusion_figure(score_labels(names, names, bootstrap=0))


def test_several_labels_a_text_are_refused():
    with pytest.raises(ConfigError, match="several labels"):
        confusion_figure(score_labels([["a"], ["b"]], [["a"], []], bootstrap=0))
