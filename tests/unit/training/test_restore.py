"""A checkpoint that is whole but not a checkpoint of this run: refused by name, never filled up with defaults."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from companion.errors import CheckpointError
from companion.objectives import TokenCrossEntropy
from companion.training import Checkpoints, TrainConfig, train
from companion.training.state import contract_changes
from tests.processes import call_together
from tests.tiny import digest, tiny_batches, tiny_tagger


def go(folder: Path, **settings):
    return train(
        tiny_tagger(dropout=0.1),
        tiny_batches(8),
        TokenCrossEntropy(),
        TrainConfig(**{"epochs": 2, "learning_rate": 1e-3, "precision": "fp32", "piece_budget": 40, **settings}),
        run_dir=folder,
        say=lambda line: None,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    go(folder)
    return folder


@pytest.fixture
def checkpoint(finished, tmp_path) -> Path:
    """The newest checkpoint of a copy of the finished run."""
    shutil.copytree(finished, tmp_path / "run")
    store = Checkpoints(tmp_path / "run" / "checkpoints")
    return store.path(store.steps()[-1])


def seal(checkpoint: Path) -> None:
    """Write a manifest that fits the files as they are now."""
    (checkpoint / "manifest.json").unlink()
    files = {
        path.name: {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
        for path in checkpoint.iterdir()
    }
    (checkpoint / "manifest.json").write_text(json.dumps({"schema": 1, "files": files}))


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json", "contract.json"])
def test_a_checkpoint_without_one_of_its_parts_is_refused(checkpoint, name):
    (checkpoint / name).unlink()
    seal(checkpoint)
    with pytest.raises(CheckpointError, match=f"{name}: is not in this checkpoint") as caught:
        go(checkpoint.parents[1])
    assert f"remove {checkpoint.name}" in caught.value.remedy


def test_a_document_that_is_a_list_is_refused(checkpoint):
    (checkpoint / "contract.json").write_text("[]")
    seal(checkpoint)
    with pytest.raises(CheckpointError, match="contract.json: is not in this checkpoint"):
        go(checkpoint.parents[1])


def test_moments_of_something_else_are_refused(checkpoint):
    path = checkpoint / "optimizer.safetensors"
    moments = load_file(path)
    moments["nothing.weight/exp_avg"] = torch.zeros(3)
    save_file(moments, path)
    seal(checkpoint)
    with pytest.raises(CheckpointError, match="holds something for 'nothing.weight', which is not trained here"):
        go(checkpoint.parents[1])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_stored_weights_that_are_not_finite_are_refused(checkpoint, value):
    path = checkpoint / "model.safetensors"
    weights = load_file(path)
    weights["classifier.bias"][0] = value
    save_file(weights, path)
    seal(checkpoint)
    with pytest.raises(CheckpointError, match="the stored weights of classifier.bias are not finite") as caught:
        go(checkpoint.parents[1])
    assert f"remove {checkpoint.name}" in caught.value.remedy


def test_the_same_changes_without_damage_go_through(checkpoint, finished):
    """Twin: what these tests do to a file does not by itself make it unreadable."""
    path = checkpoint / "model.safetensors"
    save_file(load_file(path), path)
    seal(checkpoint)
    run = go(checkpoint.parents[1])
    assert run.notes == ("finished: 4 of 4 updates were done",)
    assert digest(run.model.state_dict()) == digest(load_file(path))


class BrokenOff(Exception):
    """What a test raises where a run is to be broken off."""


def break_off(folder: Path) -> None:
    def log(step, values):
        if step == 3:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        train(
            tiny_tagger(dropout=0.1),
            tiny_batches(8),
            TokenCrossEntropy(),
            TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", piece_budget=40),
            run_dir=folder,
            log=log,
            say=lambda line: None,
        )


def test_what_may_change_is_said(tmp_path):
    break_off(tmp_path)
    shutil.copytree(tmp_path, tmp_path.with_name("same"))
    assert go(tmp_path.with_name("same")).notes == ("resumed: 2 of 4 updates were done",)
    [_, note] = go(tmp_path, piece_budget=1000).notes
    assert note.endswith("piece_budget: 40 → 1000")
    assert "moves dropout and the last digits" in note


def go_on(rank: int, folder: str) -> tuple[str, ...]:
    return go(Path(folder)).notes


@pytest.mark.two_process
def test_another_number_of_processes_is_said(tmp_path):
    break_off(tmp_path)
    for notes in call_together(2, tmp_path, go_on, str(tmp_path)):
        assert notes[0] == "resumed: 2 of 4 updates were done"
        assert notes[1].endswith("processes: 1 → 2")


def fill_the_disk(rank: int, folder: str) -> str:
    """A run of two processes in which the first cannot write its checkpoint."""
    from companion.training import checkpoint as module

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    module._write_files = fail
    try:
        go(Path(folder))
    except CheckpointError as error:
        return str(error)
    return "none"


@pytest.mark.two_process
def test_every_process_learns_that_the_disk_is_full(tmp_path):
    told = call_together(2, tmp_path, fill_the_disk, str(tmp_path / "run"))
    assert len(told) == 2
    assert all("the checkpoint of step 2 cannot be written" in text for text in told)
    assert "No space left" in told[1]


def test_a_folder_that_became_read_only_stops_before_the_first_update(finished, tmp_path, monkeypatch):
    """Its lock file can still be opened; root may do everything, so the system's answer is put in here."""
    shutil.copytree(finished, tmp_path / "run")
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "checkpoints")
    with pytest.raises(CheckpointError, match="the run folder cannot be written.*\n.*choose another run folder"):
        go(tmp_path / "run")


def test_a_contract_of_an_earlier_version_lacks_what_had_one_value_then():
    now = {**TrainConfig().to_dict(), "processes": 2, "data": "rows"}
    before = {name: value for name, value in now.items() if name not in {"layer_decay", "compile", "processes"}}
    assert contract_changes(before, now) == ([], [])
    changed, noted = contract_changes({**before, "processes": 1}, {**now, "layer_decay": 0.9, "data": "others"})
    assert changed == ["data: rows → others", "layer_decay: 1.0 → 0.9"]
    assert noted == ["processes: 1 → 2"]
