"""Layer-wise learning-rate decay: depths from names, rates by hand, and a run that keeps them."""

from __future__ import annotations

import pytest
import torch

import companion
from companion.adaptation import HeadOnly, TopLayers, adapt
from companion.errors import CheckpointError, ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, parameter_groups, train
from companion.training.depth import depths_of
from companion.training.optimizer import trained_parameters
from tests.tiny import digest, tiny_batches, tiny_tagger

SETTINGS = {"learning_rate": 1e-2, "warmup": 0.0, "precision": "fp32", "device": "cpu"}


def factors_by_name(model: torch.nn.Module, decay: float) -> dict[str, float]:
    """What each parameter's learning rate is multiplied by."""
    named = trained_parameters(model, TokenCrossEntropy())
    names = {id(parameter): name for name, parameter in named}
    groups = parameter_groups(named, TrainConfig(layer_decay=decay))
    factors = {names[id(parameter)]: group["rate_factor"] for group in groups for parameter in group["params"]}
    assert len(factors) == len(named) == sum(len(group["params"]) for group in groups), "each in one group"
    return factors


def test_the_tiny_tagger_by_hand():
    by_hand = {"classifier": 1.0, "bert.encoder.layer.1": 0.5, "bert.encoder.layer.0": 0.25, "bert.embeddings": 0.125}
    factors = factors_by_name(tiny_tagger(), 0.5)
    seen = dict.fromkeys(by_hand, 0)
    for name, factor in factors.items():
        [start] = [start for start in by_hand if name.startswith(f"{start}.")]
        assert factor == by_hand[start], name
        seen[start] += 1
    assert seen == {"classifier": 2, "bert.encoder.layer.1": 16, "bert.encoder.layer.0": 16, "bert.embeddings": 5}


def test_the_offline_encoder_by_hand():
    model = companion.TokenTask(["O", "B-PER", "I-PER"], companion.load_encoder()).model()
    factors = factors_by_name(model, 0.9)
    assert factors["classifier.weight"] == 1.0
    rates = [2e-4 * factors[f"bert.encoder.layer.{layer}.attention.self.query.weight"] for layer in range(6)]
    assert rates == pytest.approx([1.062882e-4, 1.18098e-4, 1.3122e-4, 1.458e-4, 1.62e-4, 1.8e-4])
    assert 2e-4 * factors["bert.embeddings.word_embeddings.weight"] == pytest.approx(9.565938e-5)
    assert sorted(set(factors.values())) == pytest.approx(sorted(0.9**depth for depth in range(8)))


@pytest.mark.parametrize(
    ("names", "depths"),
    [
        (["transformer.wte.weight", "transformer.h.0.attn.weight", "transformer.ln_f.weight"], [2, 1, 0]),
        (["model.embeddings.w", "model.layers.0.w", "model.layers.10.w", "model.final_norm.w"], [12, 11, 1, 0]),
        (["d.embeddings.w", "d.encoder.layer.0.w", "d.encoder.rel_embeddings.w", "classifier.w"], [2, 1, 2, 0]),
        (["s.block.0.layer.0.w", "s.block.0.layer.1.w", "s.block.1.layer.0.w"], [2, 2, 1]),
        (["encoder.layer.4.w", "encoder.layer.5.w", "classifier.w", "objective.0"], [2, 1, 0, 0]),
        (["body.layer.0.w", "prompt_encoder.embedding.w"], [1, 0]),
    ],
)
def test_other_architectures_name_their_layers_otherwise(names, depths):
    assert list(depths_of(names).values()) == depths


def test_what_is_frozen_does_not_count():
    factors = factors_by_name(adapt(tiny_tagger(), TopLayers(1)), 0.5)
    assert set(factors.values()) == {1.0, 0.5}
    assert len(factors) == 18


@pytest.mark.parametrize("names", [[], ["0.weight", "1.weight"], ["classifier.weight"], ["player.0.w"]])
def test_without_layers_it_is_refused(names):
    with pytest.raises(ConfigError, match=r"trains nothing called layer.N\n.*set layer_decay=1.0"):
        depths_of(names)


def test_two_stacks_are_refused():
    with pytest.raises(ConfigError, match="has 2 stacks of them"):
        depths_of(["encoder.layers.0.w", "decoder.layers.0.w"])


def test_a_run_refuses_it_before_anything_is_trained():
    model, config = adapt(tiny_tagger(), HeadOnly()), TrainConfig(**SETTINGS, layer_decay=0.5)
    before = digest(model.state_dict())
    with pytest.raises(ConfigError, match="layer_decay needs layers"):
        train(model, tiny_batches(4), TokenCrossEntropy(), config, say=lambda line: None)
    assert digest(model.state_dict()) == before


def test_off_it_changes_nothing():
    named = trained_parameters(tiny_tagger(), TokenCrossEntropy())
    groups = parameter_groups(named, TrainConfig())
    assert [sorted(group) for group in groups] == [["params", "weight_decay"]] * 2


def moved(decay: float) -> tuple[dict[str, float], list[str]]:
    """How far the first update moves each parameter (Adam's first step is the rate times a sign), and what was said."""
    model, said = tiny_tagger(), []
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    config = TrainConfig(**SETTINGS, max_updates=1, weight_decay=0.0, clip_norm=None, layer_decay=decay)
    train(model, tiny_batches(16, batch_size=16), TokenCrossEntropy(), config, say=said.append)
    return {
        name: float((parameter.detach() - before[name]).abs().max()) for name, parameter in model.named_parameters()
    }, said


def test_the_loop_moves_each_layer_by_its_own_rate():
    distances, said = moved(0.5)
    factors = factors_by_name(tiny_tagger(), 0.5)
    # Bias of the keys: attention does not depend on it, so its gradient is rounding.
    followed = [name for name in factors if "key.bias" not in name]
    assert len(followed) == 37
    for name in followed:
        assert distances[name] == pytest.approx(1e-2 * factors[name], rel=2e-2), name
    assert "4 depths from the head down to the embeddings, peak rates 0.01, 0.005, 0.0025, 0.0013" in said[0]
    plain, _ = moved(1.0)
    assert plain["bert.embeddings.word_embeddings.weight"] == pytest.approx(1e-2, rel=2e-2), "without it: all the same"


def test_resuming_keeps_it_and_refuses_another(tmp_path):
    def go(folder: str, decay: float, updates: int | None = None) -> str:
        source = tiny_batches(16)
        window = source.window

        def stopping(epoch, update):
            if updates is not None and epoch * 4 + update == updates:
                raise KeyboardInterrupt
            return window(epoch, update)

        source.window = stopping
        config = TrainConfig(**SETTINGS, epochs=2, layer_decay=decay, checkpoint_every=1)
        run = train(
            tiny_tagger(), source, TokenCrossEntropy(), config, run_dir=tmp_path / folder, say=lambda line: None
        )
        return digest(run.model.state_dict())

    straight = go("straight", 0.5)
    with pytest.raises(KeyboardInterrupt):
        go("broken", 0.5, updates=5)
    with pytest.raises(CheckpointError, match=r"layer_decay: 0.5 → 0.9"):
        go("broken", 0.9)
    assert go("broken", 0.5) == straight
    assert go("other", 0.9) != straight
