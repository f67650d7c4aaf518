"""A step that is saved once more is never missing in between, and a folder belongs to one run at a time."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from companion.errors import CheckpointError, ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.checkpoint import Checkpoints, read_checkpoint
from tests.processes import launch
from tests.tiny import TinyEvaluator, digest, tiny_batches, tiny_tagger

CONFIG = TrainConfig(epochs=2, learning_rate=1e-2, precision="fp32", progress=False, checkpoint_every=1)


def tensors(value: float) -> dict[str, dict[str, torch.Tensor]]:
    return {"model.safetensors": {"weight": torch.full((3,), value)}}


def value_of(store: Checkpoints) -> float:
    found, problems = store.newest()
    assert problems == []
    assert found is not None
    return float(read_checkpoint(found)[0]["model.safetensors"]["weight"][0])


def save(store: Checkpoints, value: float) -> None:
    store.save(7, tensors(value), {"state.json": {}}, keep=set())


def die_between(folder: str, which: int) -> None:
    """Save step 7 once more, and die at the first, second … rename of it."""
    store, renames = Checkpoints(Path(folder)), []
    right = Path.rename

    def rename(self: Path, target: Path) -> Path:
        renames.append(self.name)
        if len(renames) == which:
            os.kill(os.getpid(), signal.SIGKILL)
        return right(self, target)

    Path.rename = rename  # type: ignore[method-assign]
    save(store, 2.0)


@pytest.mark.parametrize("which", [1, 2])
def test_a_kill_at_any_rename_leaves_a_checkpoint(tmp_path, which):
    store = Checkpoints(tmp_path)
    tmp_path.mkdir(exist_ok=True)
    save(store, 1.0)
    process = launch(die_between, str(tmp_path), which)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert value_of(Checkpoints(tmp_path)) == 1.0
    save(store, 3.0)
    assert value_of(store) == 3.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000007"]


def test_without_the_folder_that_is_put_aside_the_run_would_be_lost(tmp_path):
    """The guard guarded: what the kill leaves behind holds nothing under its own name."""
    save(Checkpoints(tmp_path), 1.0)
    launch(die_between, str(tmp_path), 2).join(60)
    assert Checkpoints(tmp_path).steps() == []
    assert any(".old-" in path.name for path in tmp_path.iterdir())


@pytest.mark.parametrize("which", [1, 2])
def test_a_rename_that_fails_leaves_what_was_there(tmp_path, monkeypatch, which):
    store, right, renames = Checkpoints(tmp_path), Path.rename, []
    save(store, 1.0)

    def rename(self, target):
        renames.append(self.name)
        if len(renames) == which:
            raise OSError("the disk is in a bad mood")
        return right(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(CheckpointError, match="bad mood"):
        save(store, 2.0)
    monkeypatch.setattr(Path, "rename", right)
    assert value_of(store) == 1.0


def go(folder, *, evaluate=None, log=None, **settings):
    import dataclasses

    return train(
        tiny_tagger(),
        tiny_batches(),
        TokenCrossEntropy(),
        dataclasses.replace(CONFIG, **settings),
        evaluate=evaluate,
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )


def test_a_second_run_of_the_same_process_is_kept_out(tmp_path):
    def log(step, values):
        if step == 2:
            with pytest.raises(CheckpointError, match="another run of this process"):
                go(tmp_path)

    # The refusal must not open the door to others either: the first run still holds its folder.
    assert go(tmp_path, log=log).steps == 8
    assert go(tmp_path).steps == 8


def test_a_call_that_fails_before_it_begins_leaves_the_folder_free(tmp_path):
    with pytest.raises(ConfigError):
        go(tmp_path, layer_decay=0.5, activation_checkpointing=True, sharding="full")
    assert go(tmp_path).steps == 8


def test_an_evaluation_made_up_for_saves_its_step_again(tmp_path):
    whole = go(tmp_path / "whole", evaluate=TinyEvaluator())

    class Stopping(TinyEvaluator):
        def __call__(self, model):
            os.kill(os.getpid(), signal.SIGTERM)
            return super().__call__(model)

    with pytest.raises(SystemExit):
        go(tmp_path / "stopped", evaluate=Stopping())
    again = go(tmp_path / "stopped", evaluate=TinyEvaluator())
    assert digest(again.model.state_dict()) == digest(whole.model.state_dict())
