"""Stacked bars and the drawing of devices: what is drawn is what was given, and the words say it."""

import pytest

from companion.errors import ConfigError
from companion.teaching import parallel_figure, stacked_figure
from companion.teaching.devices import PLANS

ROWS = {"small": {"one": 1.0, "two": 2.0}, "large": {"one": 4.0, "two": 0.0}}


def test_every_part_begins_where_the_one_before_it_ends():
    drawn = stacked_figure(ROWS, label="bytes", notes={"small": "3 B"})
    bars = [(bar.get_x(), bar.get_width()) for bar in drawn.axes[0].patches]
    assert bars == [(0.0, 1.0), (0.0, 4.0), (1.0, 2.0), (4.0, 0.0)]
    assert [text.get_text() for text in drawn.axes[0].get_yticklabels()] == ["small", "large"]
    assert drawn.get_label() == "Stacked bars of bytes. small: one 1, two 2, 3 B in all; large: one 4, two 0."


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"a": {}},
        {"a": {"one": 1.0}, "b": {"two": 1.0}},
        {"a": {"one": -1.0}},
        {"a": {str(n): 1.0 for n in range(7)}},
    ],
)
def test_what_cannot_be_stacked_is_refused(rows):
    with pytest.raises(ConfigError, match="stacked_figure"):
        stacked_figure(rows, label="bytes")


def test_each_plan_lays_the_whole_model_over_two_devices():
    drawn = parallel_figure()
    cells = [owner for layers in PLANS.values() for layer in layers for owner in layer if owner != " "]
    assert len(drawn.axes[0].patches) == len(cells) == 4 * (4 + 2 + 2 + 4)
    assert sum(bar.get_hatch() == "///" for bar in drawn.axes[0].patches) == sum(owner in "Bb" for owner in cells)
    assert all(f"{name}:" in drawn.get_label().lower() for name in PLANS)
    # What two devices store together: the model twice where it is copied, once everywhere else.
    stored = {name: sum(owner.isupper() for layer in layers for owner in layer) for name, layers in PLANS.items()}
    assert stored == {"data": 16, "tensor": 8, "pipeline": 8, "sharded": 8}
