"""Adapted models under the loop's other settings: precision, recomputation, splitting, several processes, shards."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from companion.adaptation import AdaLoRA, BitFit, BottleneckAdapter, LoRA, PrefixTuning, PromptTuning, adapt, ranks
from companion.errors import ConfigError
from companion.objectives import Orthogonality, TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.processes import call_together
from tests.tiny import digest, tiny_batches, tiny_tagger

METHODS = {
    "bitfit": BitFit(),
    "bottleneck": BottleneckAdapter(4),
    "lora": LoRA(4),
    "adalora": AdaLoRA(2, 4, begin=0.1, end=0.9),
    "prefix": PrefixTuning(3),
    "prompt": PromptTuning(3),
}
LAYERED = ("bitfit", "bottleneck", "lora", "adalora")


def go(name: str, **settings):
    model, objective = adapt(tiny_tagger(), METHODS[name]), TokenCrossEntropy()
    config = TrainConfig(
        **{"epochs": 2, "learning_rate": 1e-2, "precision": "fp32", "device": "cpu", "progress": False, **settings}
    )
    return train(
        model,
        tiny_batches(),
        Orthogonality(objective) if name == "adalora" else objective,
        config,
        say=lambda line: None,
    )


@pytest.mark.parametrize("name", [name for name in METHODS if name != "prefix"])
def test_computing_activations_again_changes_nothing(name):
    plain, again = go(name), go(name, activation_checkpointing=True)
    assert plain.losses == pytest.approx(again.losses, abs=1e-6)


def test_a_prefix_cannot_be_computed_again_and_the_error_says_so():
    with pytest.raises(ConfigError, match="lose the keys and values that prefix tuning trains") as caught:
        go("prefix", activation_checkpointing=True)
    assert "LoRA" in caught.value.remedy


@pytest.mark.parametrize("name", METHODS)
def test_updates_may_be_split(name):
    assert go(name, piece_budget=24).losses == pytest.approx(go(name).losses, rel=2e-3)


@pytest.mark.parametrize("name", LAYERED)
def test_what_is_trained_in_lower_layers_can_have_a_lower_rate(name):
    assert go(name, layer_decay=0.5).losses != go(name).losses


@pytest.mark.parametrize("name", ["prefix", "prompt"])
def test_what_stands_before_the_layers_has_no_depth(name):
    with pytest.raises(ConfigError, match="layer_decay needs layers"):
        go(name, layer_decay=0.5)


def together(rank: int, name: str, sharding: str) -> tuple[str, list[float], dict[str, int]]:
    torch.set_num_threads(1)
    run = go(name, sharding=sharding)
    return digest(run.model.state_dict()), run.losses, ranks(run.model)


@pytest.mark.two_process
@pytest.mark.parametrize("name", ["lora", "adalora", "prompt"])
def test_two_processes_train_the_same_adapter(tmp_path: Path, name):
    first, second = call_together(2, tmp_path, together, name, "none")
    assert first == second
    alone = go(name)
    assert first[1] == pytest.approx(alone.losses, abs=1e-5)
    assert first[2] == ranks(alone.model)


@pytest.mark.two_process
def test_an_adapter_on_a_body_in_shards_learns_the_same(tmp_path: Path):
    first, second = call_together(2, tmp_path, together, "lora", "full")
    assert first[1] == second[1] == pytest.approx(go("lora").losses, abs=1e-5)


def refused(rank: int) -> str:
    try:
        together(rank, "adalora", "full")
    except ConfigError as error:
        return str(error)
    return "trained"


@pytest.mark.two_process
def test_adalora_reads_whole_parameters_and_is_refused_in_shards(tmp_path: Path):
    for said in call_together(2, tmp_path, refused):
        assert "sharding" in said
