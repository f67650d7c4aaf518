"""fp16 scales its loss and tries again after an overflow; bf16 keeps weights and sums in fp32."""

from __future__ import annotations

import json

import pytest
import torch

from companion.errors import NonFiniteError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training import resolve as resolve_module
from companion.training import state as state_module
from tests.tiny import digest, tiny_batches, tiny_tagger

BF16_HERE = resolve_module._computes_bf16(torch.device("cpu"))


def go(precision: str, *, model=None, objective=None, batches=None, folder=None, stop=None, **settings):
    def log(step, values):
        if step == stop:
            raise KeyboardInterrupt

    return train(
        model or tiny_tagger(),
        batches or tiny_batches(16),
        objective or TokenCrossEntropy(),
        TrainConfig(**{"epochs": 2, "learning_rate": 3e-3, "precision": precision, "device": "cpu", **settings}),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )


@pytest.fixture
def enormous(monkeypatch):
    """Every new run starts with this loss scale."""

    def start_with(scale: float) -> None:
        class Scaled(state_module.State):
            __slots__ = ()

            def __init__(self, **fields):
                super().__init__(**{"scale": scale, **fields})

        from companion.training import saving

        monkeypatch.setattr(saving, "State", Scaled)

    return start_with


def test_fp16_without_an_overflow_is_close_to_fp32():
    half, full = go("fp16"), go("fp32")
    assert half.losses == pytest.approx(full.losses, rel=5e-3)
    assert half.losses != full.losses
    assert half.notes == ()
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    norms = [row["gradient_norm"] for row in half.history]
    assert norms == pytest.approx([row["gradient_norm"] for row in full.history], rel=0.05), "the scale is undone"


@pytest.mark.parametrize("plain", [False, True], ids=["a batch source", "a plain iterable"])
def test_an_overflow_halves_the_scale_and_tries_the_same_rows_again(enormous, plain):
    source = tiny_batches(16, seed=0)
    items = [source.collate("labelled", source.window(0, update)["labelled"]) for update in range(4)]
    enormous(2.0**40)
    run = go("fp16", batches=items if plain else source)
    assert run.steps == 8
    [note] = run.notes
    count, scale = int(note.split()[0]), float(note.split()[-1])
    assert count > 5
    assert scale == 2.0 ** (40 - count)
    assert run.losses == pytest.approx(go("fp32", batches=items if plain else source).losses, rel=5e-3)
    assert [row["learning_rate"] for row in run.history] == [
        row["learning_rate"] for row in go("fp32", batches=items).history
    ], "a repeated update does not advance the schedule"


def test_a_scale_that_helps_at_no_size_is_an_error():
    class Infinite(TokenCrossEntropy):
        def __call__(self, model, batch):
            return {"supervised": super().__call__(model, batch)["supervised"] * float("inf")}

    model = tiny_tagger()
    before = digest(model.state_dict())
    with pytest.raises(NonFiniteError, match="update 1: the loss is inf"):
        go("fp16", model=model, objective=Infinite())
    assert digest(model.state_dict()) == before


def test_the_scale_travels_through_a_checkpoint(tmp_path, enormous):
    enormous(2.0**40)
    straight = go("fp16", folder=tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        go("fp16", folder=tmp_path / "broken", stop=5)
    resumed = go("fp16", folder=tmp_path / "broken")
    assert resumed.history == straight.history
    assert resumed.notes[-1] == straight.notes[-1]
    assert (resumed.last / "manifest.json").read_text() == (straight.last / "manifest.json").read_text()


def test_a_long_calm_doubles_the_scale_and_the_count_travels_through_a_checkpoint(tmp_path, enormous, monkeypatch):
    monkeypatch.setattr(state_module, "LONG_CALM", 3)
    enormous(2.0**8)
    straight = go("fp16", folder=tmp_path / "straight")
    stored = json.loads((straight.last / "state.json").read_text())
    assert stored["overflows"] == 0
    assert (stored["scale"], stored["calm"]) == (2.0**10, 2), "eight updates: doubled after the third and the sixth"
    with pytest.raises(KeyboardInterrupt):
        go("fp16", folder=tmp_path / "broken", stop=5)
    resumed = go("fp16", folder=tmp_path / "broken")
    assert json.loads((resumed.last / "state.json").read_text()) == stored
    assert resumed.losses == straight.losses == pytest.approx(go("fp32").losses, rel=5e-3)


def test_an_overflow_ends_the_calm(monkeypatch):
    monkeypatch.setattr(state_module, "LONG_CALM", 3)
    state = state_module.State(scale=8.0)
    for happens in (state.fitted, state.fitted, state.overflowed, state.fitted, state.fitted):
        happens()
    assert (state.scale, state.calm, state.overflows) == (4.0, 2, 1)
    state.fitted()
    assert (state.scale, state.calm) == (8.0, 0)


@pytest.mark.skipif(not BF16_HERE, reason="this processor does not compute in bf16")
def test_bf16_keeps_weights_moments_and_sums_in_fp32():
    half, full = go("bf16"), go("fp32")
    assert half.losses == pytest.approx(full.losses, rel=2e-2)
    assert half.losses != full.losses
    assert {parameter.dtype for parameter in half.model.parameters()} == {torch.float32}
    assert go("bf16").losses == half.losses
