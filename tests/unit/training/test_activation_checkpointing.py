"""Activation checkpointing: the same bits from fewer bytes, and a model that is given back as it came."""

from __future__ import annotations

import pytest
import torch

from companion.errors import ConfigError
from companion.models.dropout import with_quick_dropout
from companion.objectives import TokenCrossEntropy
from companion.randomness import torch_stream
from companion.training import TrainConfig, train
from companion.training.forward import recomputed
from tests.tiny import digest, tiny_batches, tiny_tagger

SETTINGS = {"epochs": 2, "learning_rate": 1e-3, "precision": "fp32", "device": "cpu", "piece_budget": 40}


def backward_of(model: torch.nn.Module) -> tuple[str, int]:
    """The digest of one batch's gradient, and how many bytes autograd kept for it."""
    kept: dict[int, int] = {}
    owned = {parameter.data_ptr() for parameter in model.parameters()}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if tensor.data_ptr() not in owned:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    source, objective = tiny_batches(16, batch_size=16), TokenCrossEntropy()
    batch = {"labelled": source.collate("labelled", range(16))}
    model.zero_grad()
    with torch_stream("cpu", 0, "forward"):
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            loss = objective(model, batch)["supervised"]
        loss.backward()
    return digest({name: parameter.grad for name, parameter in model.named_parameters()}), sum(kept.values())


def attributes(model: torch.nn.Module) -> list[dict]:
    """What is set on each module, apart from its parameters' values."""
    return [{name: id(value) for name, value in module.__dict__.items()} for module in model.modules()]


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_gradient_is_the_same_to_the_bit_and_fewer_bytes_are_kept(dropout, quick):
    model = tiny_tagger(dropout=dropout).train()
    model = with_quick_dropout(model) if quick else model
    plain, plain_bytes = backward_of(model)
    with recomputed(model):
        frugal, frugal_bytes = backward_of(model)
    assert frugal == plain
    assert frugal_bytes < plain_bytes / 2
    assert backward_of(model) == (plain, plain_bytes), "and it is off again"


def test_dropout_that_is_drawn_anew_would_be_seen():
    model = tiny_tagger(dropout=0.3).train()
    plain, _ = backward_of(model)
    with recomputed(model):
        for layer in model.bert.encoder.layer:
            layer._gradient_checkpointing_func.keywords["preserve_rng_state"] = False
        assert backward_of(model)[0] != plain


def test_a_run_with_it_is_the_run_without(tmp_path):
    def go(**settings) -> tuple[str, list[dict]]:
        model = tiny_tagger(dropout=0.1)
        before = attributes(model)
        config = TrainConfig(**SETTINGS, **settings)
        run = train(model, tiny_batches(16), TokenCrossEntropy(), config, run_dir=tmp_path / "run", say=lambda _: None)
        model.train()
        changed = [name for old, new in zip(before, attributes(model), strict=True) for name in old.keys() ^ new.keys()]
        assert changed == []
        assert not any(getattr(module, "gradient_checkpointing", False) for module in model.modules())
        return digest(run.model.state_dict()), run.history

    plain = go(max_updates=8)
    (tmp_path / "run").rename(tmp_path / "plain")
    assert go(max_updates=8, activation_checkpointing=True) == plain
    # It does not change the course of a run, so a finished or broken off one may be resumed without it.
    assert go(max_updates=8, activation_checkpointing=False) == plain


def test_what_was_set_before_is_set_afterwards():
    model = tiny_tagger()
    layer = model.bert.encoder.layer[0]
    layer.gradient_checkpointing, layer._gradient_checkpointing_func = True, print
    with recomputed(model):
        assert layer._gradient_checkpointing_func is not print
    assert (layer.gradient_checkpointing, layer._gradient_checkpointing_func) == (True, print)


def test_a_model_without_such_layers_is_refused():
    model = torch.nn.Linear(3, 2)
    rows = [{"input": torch.eye(3), "labels": torch.tensor([0, 1, 0])}]
    with pytest.raises(ConfigError, match=r"Linear has none\n.*torch.utils.checkpoint in your model's forward"):
        train(
            model,
            rows,
            TokenCrossEntropy(),
            TrainConfig(activation_checkpointing=True, precision="fp32"),
            say=lambda line: None,
        )
