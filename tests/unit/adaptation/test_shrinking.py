"""Pruning and dropped layers: the right entries are zero and stay so, and what is left is a model of its own."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.adaptation import adapt, adaptation_of
from companion.adaptation.shrinking import Pruning, drop_layers, matrices_of, smallest, sparsity
from companion.errors import ConfigError
from companion.models.origin import exporter_of, remember_exporter
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.tiny import tiny_batches, tiny_tagger

CONFIG = TrainConfig(epochs=2, learning_rate=1e-2, precision="fp32", progress=False)


def trained(model, **options):
    return train(model, tiny_batches(), TokenCrossEntropy(), CONFIG, say=lambda line: None, **options).model


def zeros(model):
    return {name: weight == 0 for name, weight in matrices_of(model).items()}


@given(share=st.floats(0.0, 0.99), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_the_entries_are_those_that_torch_prunes(share, seed):
    layer = torch.nn.Linear(7, 5)
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(seed))
    mask = smallest(layer.weight, share)
    torch_prune.l1_unstructured(layer, "weight", amount=round(share * 35))
    assert torch.equal(mask, layer.weight_mask == 0)
    assert int(mask.sum()) == round(share * 35)


def test_equal_weights_are_pruned_by_number_and_not_by_value():
    assert int(smallest(torch.ones(4, 5), 0.5).sum()) == 10


def test_only_the_matrices_of_the_body_lose_weights():
    before, model = tiny_tagger(), adapt(tiny_tagger(), Pruning(0.75))
    touched = set(matrices_of(model))
    assert sparsity(model) == pytest.approx(0.75)
    assert len(touched) == 12
    for (name, one), other in zip(before.named_parameters(), model.parameters(), strict=True):
        assert other.requires_grad
        assert (name.removeprefix("bert.") in touched) or torch.equal(one, other), name


def test_training_moves_the_rest_and_keeps_the_zeros():
    start = adapt(tiny_tagger(), Pruning(0.6))
    before, held = copy.deepcopy(start), zeros(start)
    model = trained(start)
    assert all(bool((weight[held[name]] == 0).all()) for name, weight in matrices_of(model).items())
    assert any(not torch.equal(one, other) for one, other in zip(before.parameters(), model.parameters(), strict=True))
    # Sabotage: without the method beside the model, the optimiser fills the zeros.
    loose = trained(copy.deepcopy(before).requires_grad_(True))
    assert adaptation_of(loose) is None
    assert sparsity(loose) < 0.1


def test_a_stopped_run_resumes_to_the_same_bits(tmp_path):
    whole = trained(adapt(tiny_tagger(), Pruning(0.6)), run_dir=tmp_path / "whole")

    def stop(step, values):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(adapt(tiny_tagger(), Pruning(0.6)), run_dir=tmp_path / "half", log=stop)
    again = trained(adapt(tiny_tagger(), Pruning(0.6)), run_dir=tmp_path / "half")
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), again.parameters(), strict=True))
    # Which entries are zero travels with the checkpoint, whatever the fresh model would have pruned.
    bound = adaptation_of(again)
    other = {name: ~mask for name, mask in bound.state_dict().items()}
    bound.load_state_dict(other)
    assert all(mask.equal(other[name]) for name, mask in bound.state_dict().items())


@pytest.mark.parametrize("share", [-0.1, 1.0, True, "half", float("nan")])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ConfigError, match="share is"):
        Pruning(share)


def test_dropped_layers_leave_a_model_of_its_own():
    model = tiny_tagger()
    remember_exporter(model, export := lambda *arguments, **options: None)
    smaller = drop_layers(model, [1])
    assert (smaller.config.num_hidden_layers, model.config.num_hidden_layers) == (1, 2)
    assert exporter_of(smaller) is export
    kept, layer = smaller.bert.encoder.layer[0], model.bert.encoder.layer[1]
    assert all(torch.equal(one, other) for one, other in zip(kept.parameters(), layer.parameters(), strict=True))
    pieces = torch.tensor([[1, 9, 7, 2]])
    with torch.no_grad():
        hidden = model.bert.embeddings(pieces)
        by_hand = model.classifier(layer(hidden)[0] if isinstance(layer(hidden), tuple) else layer(hidden))
        assert torch.allclose(smaller.eval()(pieces).logits, by_hand, atol=1e-6)
        smaller.classifier.bias.add_(1.0)
        assert not torch.equal(smaller.classifier.bias, model.classifier.bias)


@pytest.mark.parametrize("keep", [[], [2], [1, 0], [0, 0], [-1]])
def test_layers_that_are_not_there_are_refused(keep):
    with pytest.raises(ConfigError, match="cannot be kept of 2"):
        drop_layers(tiny_tagger(), keep)


def test_kept_layers_of_a_decoder_find_their_own_keys_and_values():
    from transformers import GPT2Config, GPT2ForTokenClassification

    config = GPT2Config(vocab_size=60, n_positions=32, n_embd=16, n_layer=4, n_head=2, bos_token_id=1, eos_token_id=1)
    smaller = drop_layers(GPT2ForTokenClassification(config).eval(), [0, 3])
    assert smaller(torch.tensor([[1, 9, 7, 2]])).logits.isfinite().all()


def test_kept_layers_are_of_their_kind_when_the_model_is_opened_again(tmp_path):
    from transformers import ModernBertConfig, ModernBertForTokenClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
    special = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 0)
    config = ModernBertConfig(vocab_size=60, max_position_embeddings=64, local_attention=4, **sizes, **special)
    smaller = drop_layers(ModernBertForTokenClassification(config).eval(), [0, 3])
    smaller.save_pretrained(tmp_path)
    again = ModernBertForTokenClassification.from_pretrained(tmp_path).eval()
    pieces = torch.arange(1, 41)[None]
    with torch.no_grad():
        assert torch.equal(smaller(pieces).logits, again(pieces).logits)
