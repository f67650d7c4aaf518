"""Search spaces: what a line of text means, and errors that teach how to write one."""

from __future__ import annotations

import pytest

from companion.errors import ConfigError
from companion.recipes.tuning_space import (
    TUNABLE,
    Choice,
    LogUniform,
    Uniform,
    check_space,
    default_space,
    describe_space,
    grid_of,
    read_space,
)
from companion.training.config import TrainConfig


def test_a_line_becomes_typed_ranges() -> None:
    assert read_space("learning_rate=1e-5..1e-3, epochs=2|4|8,warmup=0..0.2,schedule=linear|cosine,batch_size=16") == {
        "learning_rate": LogUniform(low=1e-5, high=1e-3),
        "epochs": Choice(values=(2, 4, 8)),
        "warmup": Uniform(low=0.0, high=0.2),
        "schedule": Choice(values=("linear", "cosine")),
        "batch_size": Choice(values=(16,)),
    }


def test_a_grid_is_every_combination() -> None:
    points = grid_of(read_space("epochs=1|2,batch_size=8|16|32"))
    assert len(points) == 6
    assert points[:2] == [{"epochs": 1, "batch_size": 8}, {"epochs": 1, "batch_size": 16}]


def test_the_default_space_is_allowed_and_holds_the_suggested_rate() -> None:
    space = default_space(2e-4)
    check_space(space, "tpe")
    assert space["learning_rate"].low < 2e-4 < space["learning_rate"].high
    assert describe_space(space).count("\n") == len(space) - 1


def test_every_tunable_setting_is_one() -> None:
    fields = TrainConfig().to_dict()
    assert [name for name in TUNABLE if name not in fields] == ["batch_size"]


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("learning_rate", "'learning_rate'", "NAME=LOW..HIGH"),
        ("", "''", "NAME=LOW..HIGH"),
        ("epochs=2|4,", "''", "NAME=LOW..HIGH"),
        ("learning_rate=1e-3..1e-5", "from 0.001 to 1e-05", "smaller one first"),
        ("learning_rate=0..1e-3", "cannot start at 0", "start above 0"),
        ("learning_rate=low..high", "'low..high'", "two numbers"),
        ("epochs=2|2", "[2, 2]", "once"),
        ("epochs=2,epochs=4", "epochs stands twice", "once"),
    ],
)
def test_a_line_that_cannot_be_read_teaches_how(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_space(text)
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("lr=1e-5..1e-3", "no setting 'lr'", "learning_rate"),
        ("epochs=2..8", "epochs takes whole numbers", "epochs=2|4|8"),
        ("batch_size=8..32", "batch_size takes whole numbers", "batch_size=2|4|8"),
        ("schedule=0..1", "schedule takes names", "linear|cosine"),
        ("epochs=0|2", "epochs is 0", "1 or more"),
        ("batch_size=0", "batch_size is 0", "1 or more"),
        ("warmup=0..1", "warmup is 1", "below 1"),
        ("schedule=linear|step", "schedule is 'step'", "cosine"),
        ("learning_rate=fast|slow", "learning_rate is 'fast'", "number"),
    ],
)
def test_a_space_that_the_loop_would_refuse_is_refused_first(text: str, problem: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_space(read_space(text), "random")
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_grid_needs_choices() -> None:
    with pytest.raises(ConfigError, match="a grid cannot hold the range of learning_rate"):
        check_space(read_space("learning_rate=1e-5..1e-3"), "grid")
    check_space(read_space("learning_rate=1e-5|1e-3"), "grid")


def test_only_ranges_and_choices_are_ranges() -> None:
    with pytest.raises(ConfigError, match="range of epochs"):
        check_space({"epochs": [1, 2]}, "random")
    with pytest.raises(ConfigError, match="no choice"):
        Choice(values=(None,))
