"""GPT-2 keeps its matrices the other way round (`Conv1D`): they are adapted, merged, stored and pruned all the same."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2ForTokenClassification
from transformers.pytorch_utils import Conv1D

import companion
from companion.adaptation import AdaLoRA, BottleneckAdapter, LoRA, Pruning, adapt, count_trainable, merge, sparsity
from companion.adaptation.linear import is_transposed, linear_layers, size_of
from companion.adaptation.shrinking import matrices_of
from companion.errors import ConfigError
from companion.models import load_encoder
from companion.objectives import TokenCrossEntropy
from companion.tasks import TokenTask
from companion.training import TrainConfig, train
from tests.decoders import make_decoder_folder
from tests.tiny import LABELS, tiny_batches
from tests.unit.tasks.conftest import make_sentences

WIDTH, LAYERS, HEAD = 16, 2, 16 * len(LABELS) + len(LABELS)
CONFIG = TrainConfig(epochs=2, learning_rate=2e-2, precision="fp32", progress=False)
LOW_RANK = [LoRA(3), LoRA(3, targets="all-linear"), LoRA(3, targets=("mlp.c_fc",)), AdaLoRA(2, 3)]


def gpt2():
    sizes = {"n_positions": 64, "n_embd": WIDTH, "n_layer": LAYERS, "n_head": 2, "num_labels": len(LABELS)}
    config = GPT2Config(vocab_size=60, **sizes, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, classifier_dropout=0.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return GPT2ForTokenClassification(config).eval()


def logits(model):
    rows = {"input_ids": torch.arange(5, 21).view(2, 8), "attention_mask": torch.ones(2, 8, dtype=torch.long)}
    with torch.no_grad():
        return model.eval()(**rows).logits


def trained(model):
    return train(model, tiny_batches(), TokenCrossEntropy(), CONFIG, say=lambda line: None).model


def test_both_layouts_are_linear_layers_and_know_their_size():
    layers = linear_layers(gpt2().transformer, method="LoRA")
    assert len(layers) == 4 * LAYERS
    assert all(map(is_transposed, layers.values()))
    assert size_of(layers["h.0.attn.c_attn"]) == (3 * WIDTH, WIDTH) == size_of(nn.Linear(WIDTH, 3 * WIDTH))


@pytest.mark.parametrize("method", LOW_RANK, ids=repr)
def test_a_low_rank_method_trains_gpt2_and_merges(method):
    start = logits(gpt2())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = adapt(gpt2(), method)
    assert torch.equal(logits(model), start)
    trained(model)
    after = logits(model)
    merged = merge(model)
    assert merged.state_dict().keys() == gpt2().state_dict().keys()
    torch.testing.assert_close(logits(merged), after)
    assert not torch.allclose(after, start, atol=1e-3)


def test_what_is_trained_follows_from_the_sizes():
    def count(method):
        return sum(some for some, _ in count_trainable(adapt(gpt2(), method)).values())

    assert count(LoRA(3)) == HEAD + LAYERS * 3 * (WIDTH + 3 * WIDTH)
    everything = (WIDTH + 3 * WIDTH) + (WIDTH + WIDTH) + 2 * (WIDTH + 4 * WIDTH)
    assert count(LoRA(3, targets="all-linear")) == HEAD + LAYERS * 3 * everything
    assert count(BottleneckAdapter(4)) == HEAD + LAYERS * 2 * (2 * WIDTH * 4 + 4 + WIDTH)


def test_what_is_merged_is_the_product_the_other_way_round():
    model = trained(adapt(gpt2(), LoRA(4, alpha=6)))
    layer = model.base_model.model.transformer.h[1].attn.c_attn
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = layer.base_layer.weight + (6 / 4) * (b @ a).T
    torch.testing.assert_close(merge(model).transformer.h[1].attn.c_attn.weight, expected)


def test_a_rank_above_the_narrower_side_is_refused():
    with pytest.raises(ConfigError, match="rank 17, but .*c_attn is 48 × 16"):
        adapt(gpt2(), LoRA(17))


@pytest.mark.parametrize("method", [LoRA(2), AdaLoRA(1, 2), BottleneckAdapter(4)], ids=repr)
def test_what_was_trained_goes_through_a_folder(tmp_path, method):
    folder = make_decoder_folder("gpt2", tmp_path / "gpt2")
    task = TokenTask(LABELS, load_encoder(str(folder)))
    model = adapt(task.model(), method)
    run = train(model, task.batches(make_sentences(12)), task.objective, CONFIG, say=lambda line: None)
    expected = logits(run.model)
    stored = run.export(tmp_path / "adapter", adapter_only=True)
    torch.testing.assert_close(logits(companion.load(stored, base=str(folder)).model), expected)
    if not isinstance(method, BottleneckAdapter):
        torch.testing.assert_close(logits(companion.load(run.export(tmp_path / "whole")).model), expected)


def test_pruning_empties_its_matrices_and_keeps_the_zeros():
    model = adapt(gpt2(), Pruning(0.5))
    assert len(matrices_of(model)) == 4 * LAYERS
    assert sparsity(model) == pytest.approx(0.5)
    before = logits(model)
    assert sparsity(trained(model)) == pytest.approx(0.5)
    assert not torch.equal(logits(model), before)


@pytest.mark.parametrize("method", [LoRA(2), AdaLoRA(1, 2), Pruning(0.5)], ids=repr)
def test_a_body_without_linear_layers_names_the_layers_that_hold_its_matrices(method):
    class Turned(nn.Module):
        def __init__(self, nf, nx):
            super().__init__()
            self.weight, self.bias = nn.Parameter(torch.ones(nx, nf)), nn.Parameter(torch.zeros(nf))

    model = gpt2()
    for layer in model.transformer.h:
        for part, name in [(layer.attn, "c_attn"), (layer.attn, "c_proj"), (layer.mlp, "c_fc"), (layer.mlp, "c_proj")]:
            own = getattr(part, name)
            assert isinstance(own, Conv1D)
            setattr(part, name, Turned(own.nf, own.nx))
    named = r"GPT2Model has no linear layers; .*: c_attn \(Turned\), c_fc \(Turned\), c_proj \(Turned\)"
    with pytest.raises(ConfigError, match=named):
        adapt(model, method)
