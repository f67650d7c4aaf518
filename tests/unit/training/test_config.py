"""Every field is checked before anything is loaded, and the message names the field and its range."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from companion.errors import ConfigError
from companion.training import TrainConfig
from companion.training.config import PRECISIONS, SCHEDULES, SHARDINGS

NOT_NUMBERS = (math.nan, math.inf, -math.inf, "8", True, [1])
REFUSED = {
    "epochs": (0, -1, 1.5, "8", True, None),
    "max_updates": (0, -1, 1.5, "8", True),
    "learning_rate": (0, 0.0, -1e-4, *NOT_NUMBERS),
    "schedule": ("exponential", None, 1),
    "layer_decay": (0, 0.0, -0.5, 1.5, None, *NOT_NUMBERS),
    "warmup": (-0.1, 1.0, 2, None, *NOT_NUMBERS),
    "weight_decay": (-0.01, None, *NOT_NUMBERS),
    "beta1": (-0.1, 1.0, None, *NOT_NUMBERS),
    "beta2": (-0.1, 1.0, None, *NOT_NUMBERS),
    "epsilon": (0.0, -1e-8, None, *NOT_NUMBERS),
    "clip_norm": (0, 0.0, -1, *NOT_NUMBERS),
    "piece_budget": (0, -1, 1.5, "8", True, None),
    "activation_checkpointing": (None, 1, "yes"),
    "compile": (None, 1, "yes"),
    "sharding": ("half", None, True),
    "accumulate": (0, -1, 1.5, "8", True, None),
    "evaluate_every": (0, -1, 1.5, "8", True),
    "checkpoint_every": (0, -1, 1.5, "8", True),
    "metric": (1, "", True),
    "greater_is_better": (1, "yes"),
    "patience": (0, -1, 1.5, "8", True),
    "minimum_gain": (-0.1, None, *NOT_NUMBERS),
    "precision": ("fp64", None, "BF16"),
    "device": ("", None, 0),
    "seed": (1.5, "0", None, True),
    "progress": (1, "yes"),
}


def test_every_field_has_values_that_are_refused():
    assert set(REFUSED) == {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in REFUSED.items() for value in values])
def test_an_impossible_value_names_the_field_and_what_to_give(name, value):
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**{name: value})
    assert caught.value.problem == f"{name} is {value!r}"
    assert caught.value.remedy.startswith(("give ", "choose "))


def test_the_borders_of_the_ranges_are_allowed():
    allowed = [
        {"epochs": 1, "max_updates": 1, "accumulate": 1, "piece_budget": 1, "evaluate_every": 1, "patience": 1},
        {"warmup": 0, "weight_decay": 0, "beta1": 0, "beta2": 0.0, "minimum_gain": 0, "learning_rate": 1, "seed": -3},
        {"clip_norm": None, "learning_rate": None, "max_updates": None, "metric": None, "greater_is_better": False},
        *({"precision": value} for value in PRECISIONS),
        *({"schedule": value} for value in SCHEDULES),
        *({"sharding": value} for value in SHARDINGS),
        {"layer_decay": 1, "activation_checkpointing": True, "compile": True},
    ]
    for fields in allowed:
        config = TrainConfig(**fields)
        assert {name: getattr(config, name) for name in fields} == fields
    assert len(allowed) == 13


def test_it_cannot_be_changed_and_does_not_take_positions():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().epochs = 2
    with pytest.raises(TypeError):
        TrainConfig(3)


def test_it_goes_through_json():
    config = TrainConfig(learning_rate=1e-3, metric="accuracy")
    assert TrainConfig(**json.loads(json.dumps(config.to_dict()))) == config
