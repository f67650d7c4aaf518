"""A number that is none, at each place of an update and on either process: both are told, and none of it is saved."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from companion.errors import CheckpointError, NonFiniteError, ProcessError
from companion.objectives import TokenCrossEntropy
from companion.training import Checkpoints, TrainConfig, loop, saving, train
from companion.training.checkpoint import read_checkpoint
from tests.processes import call_together
from tests.tiny import digest, tiny_batches, tiny_tagger
from tests.unit.training.test_restore import seal

BEFORE = {"loss", "gradient", "weight"}
"""What is found before the step; the other places are in no loss and no gradient, and are found where it is saved."""
PLACES = (*sorted(BEFORE), "unread weight", "moment", "infinite moment")
DONE, UPDATES = 1, 3


class Spoilt(TokenCrossEntropy):
    """The objective of a process in which a loss, or its gradient, stops being a number."""

    place: str | None = None

    def __repr__(self) -> str:
        return "Spoilt()"

    def __call__(self, model, batch):
        loss = super().__call__(model, batch)["supervised"]
        if self.place == "loss":
            loss = loss * math.nan
        elif self.place == "gradient":
            loss.register_hook(lambda gradient: gradient * math.nan)
        return {"supervised": loss}


def own_part(tensor: torch.Tensor) -> torch.Tensor:
    """What this process holds of it."""
    return (tensor.to_local() if hasattr(tensor, "to_local") else tensor).detach()


def weights_of(parts: Any) -> str:
    return digest({name: own_part(parameter) for name, parameter in parts.named})


def spoil(parts: Any, place: str) -> None:
    """Spoil numbers that this process holds."""
    named = dict(parts.named)
    moments = parts.optimizer.state[named["classifier.bias"]]
    if place == "weight":
        own_part(named["classifier.weight"])[0, 0] = math.nan
    elif place == "unread weight":
        # No row is longer than 20 pieces, and half of the table are 32 positions.
        own_part(named["bert.embeddings.position_embeddings.weight"])[-1] = math.nan
    elif place == "moment":
        own_part(moments["exp_avg"])[0] = math.nan
    elif place == "infinite moment":
        # A gradient of 1e20 is finite and its square is not: this weight would never move again.
        own_part(moments["exp_avg_sq"])[0] = math.inf


def go(folder: Path, sharding: str = "none", objective: TokenCrossEntropy | None = None) -> str:
    """The digest of the weights after three updates, each of them saved."""
    run = train(
        tiny_tagger(dropout=0.1),
        tiny_batches(12),
        objective or Spoilt(),
        TrainConfig(
            epochs=1, learning_rate=1e-3, precision="fp32", device="cpu", checkpoint_every=1, sharding=sharding
        ),
        run_dir=folder,
        say=lambda line: None,
    )
    assert run.steps == UPDATES
    return digest(run.model.state_dict())


def go_spoilt(folder: Path, sharding: str, place: str, here: bool) -> dict[str, Any]:
    """What a process is told that takes part in a run whose second update is spoilt, `here` or elsewhere."""
    objective, take_step, seen = Spoilt(), loop._take_step, {}

    def take_spoilt_step(parts: Any, state: Any) -> dict[str, float]:
        if state.step == DONE:
            if here:
                objective.place = place
                spoil(parts, place)
            seen.update(parts=parts, before=weights_of(parts))
        return take_step(parts, state)

    loop._take_step = take_spoilt_step
    try:
        go(folder, sharding, objective)
    except (NonFiniteError, ProcessError) as error:
        seen["error"], seen["problem"] = type(error).__name__, error.problem
    finally:
        loop._take_step = take_step
    return {
        "error": seen.get("error"),
        "problem": seen.get("problem"),
        "stepped": weights_of(seen["parts"]) != seen["before"],
    }


def spoil_everywhere(rank: int, folder: str, sharding: str, spoilt: int) -> dict[str, dict[str, Any]]:
    """Each place in turn in a run folder of its own, the last of which is then taken up without the damage."""
    found = {}
    for place in PLACES:
        run = Path(folder) / place
        found[place] = go_spoilt(run, sharding, place, rank == spoilt)
        newest, problems = Checkpoints(run / "checkpoints").newest()
        found[place] |= {"newest": newest.name, "problems": problems}
    return found | {"same end": go(run, sharding) == go(Path(folder) / "straight", sharding)}


@pytest.mark.two_process
@pytest.mark.parametrize("sharding", ["none", "full"])
@pytest.mark.parametrize("spoilt", [0, 1])
def test_whatever_stops_being_a_number_stops_every_process_and_is_not_saved(tmp_path, sharding, spoilt):
    results = call_together(2, tmp_path, spoil_everywhere, str(tmp_path), sharding, spoilt)
    for place in PLACES:
        for rank, result in enumerate(results):
            found, where = result[place], f"{place}, process {rank}"
            if place in BEFORE:
                assert found["error"] == "NonFiniteError", where
                assert "update 2: the loss is" in found["problem"] and "labelled rows" in found["problem"], where
                assert not found["stepped"], where
            elif sharding == "full" or rank == spoilt:
                assert found["error"] == "NonFiniteError", where
                assert f"update 2: the {'moments' if place == 'infinite moment' else 'weights'} of" in found["problem"]
            else:
                # Its own copy of the model is sound, so it can only be told.
                assert (found["error"], found["problem"]) == ("ProcessError", "another process of this run failed")
            assert (found["newest"], found["problems"]) == ("step-00000001", []), where
    assert [result["same end"] for result in results] == [True, True]
    assert len(PLACES) == 6


def test_a_moment_that_overflowed_would_freeze_its_weight_without_a_word(tmp_path, monkeypatch):
    """The twin: where nobody looks before it is saved, the run ends well and one weight has stopped learning."""
    monkeypatch.setattr(saving, "_not_finite", lambda named, optimizer: None)
    assert go_spoilt(tmp_path, "none", "infinite moment", True)["error"] is None
    store = Checkpoints(tmp_path / "checkpoints")
    assert store.steps() == [UPDATES]
    stored = read_checkpoint(store.path(UPDATES))[0]
    assert stored["optimizer.safetensors"]["classifier.bias/exp_avg_sq"][0] == math.inf
    assert stored["model.safetensors"]["classifier.bias"].isfinite().all()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_stored_moments_that_are_not_finite_are_refused(tmp_path, value):
    go(tmp_path)
    newest = Checkpoints(tmp_path / "checkpoints").newest()[0]
    moments = load_file(newest / "optimizer.safetensors")
    moments["classifier.bias/exp_avg_sq"][0] = value
    save_file(moments, newest / "optimizer.safetensors")
    seal(newest)
    with pytest.raises(CheckpointError, match="the stored moments of classifier.bias are not finite") as caught:
        go(tmp_path)
    assert f"remove {newest.name}" in caught.value.remedy
