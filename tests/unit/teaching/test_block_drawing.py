"""The drawing of a layer: every method has its number and its spots, and the words say what is drawn."""

from itertools import combinations

import pytest

from companion.errors import ConfigError
from companion.teaching.block_drawing import BOXES, LAYER, MARKS, STACK, block_figure

ALWAYS = 1 + len(STACK) + len(BOXES)
"""Outlines that are drawn whatever is trained."""


def filled(drawn):
    """Filled boxes, and the numbers written in them."""
    boxes = [patch for patch in drawn.axes[0].patches if patch.get_facecolor()[3] > 0]
    return boxes, [text.get_text() for text in drawn.axes[0].texts if text.get_text().isdigit()]


def test_every_spot_is_filled_and_numbered():
    drawn = block_figure()
    boxes, numbers = filled(drawn)
    spots = sum(len(mark.places) for mark in MARKS.values())
    assert len(MARKS) == 7
    assert len(boxes) == len(numbers) == spots + len(MARKS)
    assert len(drawn.axes[0].patches) >= ALWAYS + spots
    for number, (name, mark) in enumerate(MARKS.items(), start=1):
        assert numbers.count(f"{number}") == len(mark.places) + 1
        assert f"{number} {name}: {mark.told}" in drawn.get_label()


@pytest.mark.parametrize("only", MARKS)
def test_one_method_alone(only):
    drawn = block_figure(only)
    boxes, numbers = filled(drawn)
    assert set(numbers) == {f"{1 + list(MARKS).index(only)}"}
    assert len(boxes) == len(MARKS[only].places) + 1
    assert [name for name in MARKS if f" {name}: " in drawn.get_label()] == [only]


def test_no_spot_hides_another_and_added_ones_hide_no_box():
    spots = [(name, place) for name, mark in MARKS.items() for place in mark.places]
    assert [(one[0], other[0]) for one, other in combinations(spots, 2) if overlap(one[1], other[1])] == []
    hidden = [
        (name, box)
        for name, mark in MARKS.items()
        for place in mark.places
        for box, (_, other) in BOXES.items()
        if mark.added and overlap(place, other)
    ]
    assert hidden == []
    assert overlap(LAYER, BOXES["query"][1])
    assert not overlap(LAYER, BOXES["head"][1])


def test_what_belongs_to_a_layer_is_drawn_in_it():
    inside = {name for name, mark in MARKS.items() if any(overlap(LAYER, place) for place in mark.places)}
    assert inside == {"BitFit", "adapters", "LoRA", "prefix"}


def test_an_unknown_method_is_refused():
    with pytest.raises(ConfigError, match=r"(?s)block_figure: only='lora'.*LoRA"):
        block_figure("lora")


def overlap(one, other):
    """Whether two rectangles share more than an edge."""
    return all(
        min(one[axis] + one[axis + 2], other[axis] + other[axis + 2]) - max(one[axis], other[axis]) > 1e-9
        for axis in (0, 1)
    )
