"""`torch.compile` for the time of a run: the loss it had, the names it had, and never a silent way back to eager."""

from __future__ import annotations

import shutil

import pytest
import torch

from companion.errors import CheckpointError, ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training import forward as forward_module
from companion.training.checkpoint import read_checkpoint
from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger

COMPILER = any(map(shutil.which, ("g++", "clang++", "c++")))


def go(tmp_path=None, model=None, **settings):
    config = TrainConfig(
        **{"epochs": 1, "learning_rate": 1e-3, "precision": "fp32", "device": "cpu", "piece_budget": 40, **settings}
    )
    model = model or tiny_tagger()
    return train(
        model,
        tiny_batches(16),
        TokenCrossEntropy(),
        config,
        evaluate=TinyEvaluator(),
        run_dir=tmp_path,
        say=lambda line: None,
    )


@pytest.fixture
def traced(monkeypatch):
    """A backend that runs the traced graph as it is, and counts its calls."""
    calls = []

    def backend(graph, inputs):
        def run(*arguments):
            calls.append(torch.is_grad_enabled())
            return graph(*arguments)

        return run

    monkeypatch.setattr(forward_module, "BACKEND", backend)
    torch._dynamo.reset()
    yield calls
    torch._dynamo.reset()


def test_the_loop_trains_through_the_compiled_forward_pass(tmp_path, traced):
    plain = go()
    assert traced == []
    model = tiny_tagger()
    kind, attributes = type(model), set(model.__dict__)
    run = go(tmp_path, model, compile=True)
    assert len(traced) >= len(run.losses) == 4
    assert all(traced), "evaluation runs the model as it stands"
    assert run.losses == pytest.approx(plain.losses, rel=1e-6)
    assert run.model is model
    assert type(model) is kind
    assert set(model.__dict__) == attributes
    stored = read_checkpoint(run.last)[0]["model.safetensors"]
    assert set(stored) == set(model.state_dict())
    assert not any("_orig_mod" in name for name in stored)


def test_compiling_is_part_of_what_a_run_is(tmp_path, traced):
    go(tmp_path, compile=True)
    with pytest.raises(CheckpointError, match="compile: True → False"):
        go(tmp_path)


def test_a_failure_says_what_to_do_and_leaves_the_model_as_it_was(monkeypatch):
    def fails(graph, inputs):
        raise RuntimeError("no such instruction")

    monkeypatch.setattr(forward_module, "BACKEND", fails)
    torch._dynamo.reset()
    model = tiny_tagger()
    with pytest.raises(ConfigError, match=r"torch.compile failed on BertForTokenClassification.*\n.*compile at False"):
        go(model=model, compile=True)
    assert "_compiled_call_impl" not in model.__dict__
    torch._dynamo.reset()
    assert len(go(model=model).losses) == 4


def test_without_a_compiler_it_is_refused_before_anything_is_trained(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    model = tiny_tagger()
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler.*\n.*install g\+\+"):
        go(model=model, compile=True)
    assert "_compiled_call_impl" not in model.__dict__


@pytest.mark.slow
@pytest.mark.skipif(not COMPILER, reason="no C++ compiler here")
def test_the_real_compiler_gives_the_same_curve():
    torch._dynamo.reset()
    plain, quick = go(max_updates=1, piece_budget=1024), go(max_updates=1, piece_budget=1024, compile=True)
    assert quick.losses == pytest.approx(plain.losses, rel=1e-5)
    for name, weights in plain.model.state_dict().items():
        torch.testing.assert_close(quick.model.state_dict()[name], weights, rtol=1e-3, atol=1e-5, msg=name)
