"""What the system refuses: a folder that cannot be opened, a disk that cannot be read or written, in plain words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from companion.errors import CheckpointError
from companion.training import Checkpoints, checkpoint, disk
from companion.training.checkpoint import read_checkpoint, verify_checkpoint, write_json

TENSORS = {"model.safetensors": {"weight": torch.arange(4.0)}}


def refusing(what: str = "Permission denied"):
    def refuse(*args, **named):
        raise OSError(13, what, "/some/where")

    return refuse


@pytest.fixture
def saved(tmp_path) -> Path:
    return Checkpoints(tmp_path / "checkpoints").save(3, TENSORS, {"state.json": {"step": 3}}, keep=set())


def test_a_system_that_opens_no_folder_saves_all_the_same(tmp_path, monkeypatch):
    """As on Windows: opening a folder is refused, and a file is flushed only where it is open for writing."""
    opened, flushed, own_open = [], [], os.open

    def open_file(path, flags, *more):
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied", str(path))
        opened.append((Path(path).name, flags & os.O_RDWR))
        return own_open(path, flags, *more)

    monkeypatch.setattr(disk, "FOLDERS_OPEN", False)
    monkeypatch.setattr(disk.os, "open", open_file)
    monkeypatch.setattr(disk.os, "fsync", flushed.append)
    folder = Checkpoints(tmp_path / "run").save(1, TENSORS, {"state.json": {}}, keep=set())
    write_json(tmp_path / "run.json", {"step": 1})
    names = [name for name, _ in opened if name != "run"]
    assert [name for name in names if not name.startswith("run.json")] == [
        "model.safetensors",
        "state.json",
        "manifest.json",
    ]
    assert len(flushed) == len(opened) == 4 and all(writing for _, writing in opened)
    monkeypatch.undo()
    assert torch.equal(read_checkpoint(folder)[0]["model.safetensors"]["weight"], torch.arange(4.0))


def test_a_system_that_opens_folders_flushes_them(tmp_path, monkeypatch):
    opened, own_open = [], os.open
    monkeypatch.setattr(disk.os, "open", lambda path, *more: opened.append(Path(path)) or own_open(path, *more))
    write_json(tmp_path / "run.json", {})
    assert opened[-1] == tmp_path


def plainly(caught, folder: Path) -> str:
    text = str(caught.value)
    assert text.startswith(f"{folder}: ") and "\n  → " in text
    assert "Errno" not in text and "/some/where" not in text
    return text


def test_a_file_that_cannot_be_written_names_the_folder_and_the_old_one_stays(tmp_path, monkeypatch):
    path = tmp_path / "run.json"
    write_json(path, {"old": 1})
    monkeypatch.setattr(checkpoint, "sync", refusing("No space left on device"))
    with pytest.raises(CheckpointError) as caught:
        write_json(path, {"new": 2})
    assert "run.json cannot be written: No space left on device" in plainly(caught, tmp_path)
    assert path.read_text().split() == ["{", '"old":', "1", "}"]
    assert [found.name for found in tmp_path.iterdir()] == ["run.json"]


def test_a_checkpoint_that_cannot_be_written_names_the_folder(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "sync", refusing("No space left on device"))
    with pytest.raises(CheckpointError) as caught:
        Checkpoints(saved.parent).save(4, TENSORS, {}, keep={3})
    assert "step 4 cannot be written: No space left on device" in plainly(caught, saved.parent)
    assert verify_checkpoint(saved)


def test_a_run_folder_that_cannot_be_made_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", refusing())
    with pytest.raises(CheckpointError) as caught:
        Checkpoints(tmp_path / "run").open()
    assert "the run folder cannot be written: Permission denied" in plainly(caught, tmp_path / "run")


def test_a_file_that_cannot_be_read_is_named(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "_digest", refusing())
    with pytest.raises(CheckpointError) as caught:
        verify_checkpoint(saved)
    assert "cannot be read: Permission denied" in plainly(caught, saved / "model.safetensors")


def test_what_a_broken_off_save_left_and_cannot_be_moved_is_named(saved, monkeypatch):
    shutil.move(saved, saved.with_name(f"{saved.name}.old-1"))
    monkeypatch.setattr(Path, "rename", refusing("Read-only file system"))
    with pytest.raises(CheckpointError) as caught:
        Checkpoints(saved.parent).newest()
    assert "cannot be put in order: Read-only file system" in plainly(caught, saved.parent)
