"""A merged model says what the adapted one said, and is made only where that is so."""

from __future__ import annotations

import copy

import pytest
import torch

from companion.adaptation import (
    AdaLoRA,
    BottleneckAdapter,
    HeadOnly,
    LoRA,
    PrefixTuning,
    PromptTuning,
    adapt,
    can_merge,
    merge,
)
from companion.errors import ConfigError, ExportError
from companion.objectives import Orthogonality, TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.apple import Apple
from tests.tiny import digest, tiny_batches, tiny_tagger


def trained(method):
    objective = TokenCrossEntropy()
    return train(
        adapt(tiny_tagger(), method),
        tiny_batches(),
        Orthogonality(objective) if isinstance(method, AdaLoRA) else objective,
        TrainConfig(epochs=3, learning_rate=2e-2, precision="fp32", progress=False),
        say=lambda line: None,
    ).model


@pytest.mark.parametrize("method", [LoRA(4), LoRA(4, targets="all-linear"), AdaLoRA(2, 4)], ids=repr)
def test_merging_gives_a_plain_model_and_leaves_the_adapted_one_alone(method):
    model = trained(method)
    before = digest(model.state_dict())
    merged = merge(model)
    assert type(merged) is type(tiny_tagger())
    assert merged.state_dict().keys() == tiny_tagger().state_dict().keys()
    assert digest(model.state_dict()) == before
    assert not torch.equal(
        merged.bert.encoder.layer[0].attention.self.query.weight,
        tiny_tagger().bert.encoder.layer[0].attention.self.query.weight,
    )
    assert all(parameter.requires_grad for parameter in merged.parameters())


def test_what_is_merged_is_the_scaled_product():
    model = trained(LoRA(4, alpha=6))
    layer = model.base_model.model.bert.encoder.layer[1].attention.self.value
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = layer.base_layer.weight + (6 / 4) * b @ a
    torch.testing.assert_close(merge(model).bert.encoder.layer[1].attention.self.value.weight, expected)


def test_a_merged_model_is_not_merged_again():
    merged = merge(trained(LoRA(2)))
    with pytest.raises(ConfigError, match="nothing to merge, or it was merged"):
        merge(merged)
    assert not can_merge(merged)
    assert can_merge(adapt(merged, LoRA(2)))


@pytest.mark.parametrize("method", [PrefixTuning(2), PromptTuning(2)], ids=repr)
def test_a_prefix_cannot_be_merged(method):
    with pytest.raises(ConfigError, match="adds no matrix"):
        merge(adapt(tiny_tagger(), method))


@pytest.mark.parametrize("method", [HeadOnly(), BottleneckAdapter(2)], ids=repr)
def test_a_model_without_low_rank_products_cannot_be_merged(method):
    with pytest.raises(ConfigError, match="carries no adapter of peft"):
        merge(adapt(tiny_tagger(), method))


def test_a_merge_that_goes_wrong_is_noticed(monkeypatch):
    from peft.tuners.lora.layer import Linear

    model, right = trained(LoRA(4)), Linear.get_delta_weight
    merge(copy.deepcopy(model))
    # The well-known mistake: the product without its scale.
    monkeypatch.setattr(Linear, "get_delta_weight", lambda self, name: right(self, name) / self.scaling[name])
    with pytest.raises(ExportError, match="the merged model differs by"):
        merge(model)


def test_half_precision_is_merged_in_fp32_and_loses_nothing():
    model = trained(LoRA(4)).to(torch.bfloat16)
    merged = merge(model)
    assert {parameter.dtype for parameter in merged.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    wide = copy.deepcopy(model).float()
    inputs = {"input_ids": torch.arange(5, 15).view(2, 5)}
    with torch.inference_mode():
        assert torch.allclose(merged(**inputs).logits, wide(**inputs).logits, atol=1e-5)


def test_a_model_on_a_device_without_float64_is_merged():
    model = trained(LoRA(rank=2))
    with Apple():
        assert merge(model).state_dict().keys() == tiny_tagger().state_dict().keys()
