"""A disk that is full, or a folder that cannot be written: a typed error, and what was there stays."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from companion.errors import CheckpointError
from companion.objectives import TokenCrossEntropy
from companion.training import Checkpoints, TrainConfig, train
from tests.processes import call
from tests.tiny import tiny_batches, tiny_tagger


class BrokenOff(Exception):
    """What these tests raise where a run is to be broken off."""


def go(folder: str | Path, *, break_after: int | None = None) -> str:
    """A run of 8 updates that saves at the 4th and the 8th; returns the manifest of its last checkpoint."""

    def log(step, values):
        if step == break_after:
            raise BrokenOff

    run = train(
        tiny_tagger(dropout=0.1),
        tiny_batches(16),
        TokenCrossEntropy(),
        TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32"),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )
    return (run.last / "manifest.json").read_text()


def go_with_little_space(folder: str, size: int) -> tuple[str, str, list[str]]:
    """The run where no file can grow beyond `size` bytes, which is what a full disk looks like to a writer."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        go(folder)
    except CheckpointError as error:
        return type(error).__name__, str(error), sorted(os.listdir(Path(folder) / "checkpoints"))
    return "none", "", []


# Smaller than the state, the contract, the weights, the moments: each file of a checkpoint fails in turn.
SIZES = (50, 300, 1000, 30_000, 100_000)


@pytest.mark.parametrize("size", SIZES)
def test_a_full_disk_leaves_the_checkpoint_before_it(tmp_path, size):
    straight = go(tmp_path / "straight")
    with pytest.raises(BrokenOff):
        go(tmp_path / "full", break_after=5)
    kind, message, left = call(go_with_little_space, str(tmp_path / "full"), size)
    assert kind == "CheckpointError"
    assert "the checkpoint of step 8 cannot be written" in message
    assert "free some space" in message
    assert left == ["lock", "step-00000004"], "nothing half-written stays behind"
    assert Checkpoints(tmp_path / "full" / "checkpoints").newest()[1] == []
    assert go(tmp_path / "full") == straight


def test_the_sizes_stop_at_different_files(tmp_path):
    go(tmp_path)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "checkpoints" / "step-00000008").iterdir()}
    assert len(sizes) == 5
    assert len({sum(size > limit for size in sizes.values()) for limit in SIZES}) >= 3
    assert call(go_with_little_space, str(tmp_path / "enough"), 10 * max(sizes.values())) == ("none", "", [])


class NeverCalled(TokenCrossEntropy):
    """An objective that shows whether training began."""

    def counts(self, batch):
        raise AssertionError("training began")


@pytest.mark.parametrize("taken", ["run", "run/checkpoints"])
def test_a_folder_that_cannot_be_made_stops_before_the_first_update(tmp_path, taken):
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("a file")
    with pytest.raises(CheckpointError, match="the run folder cannot be written.*\n.*choose another run folder"):
        train(tiny_tagger(), tiny_batches(4), NeverCalled(), run_dir=tmp_path / "run", say=lambda line: None)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere, so there is nothing to refuse")
def test_a_folder_without_permission_stops_before_the_first_update(tmp_path):
    (tmp_path / "run").mkdir(mode=0o500)
    with pytest.raises(CheckpointError, match="the run folder cannot be written"):
        train(tiny_tagger(), tiny_batches(4), NeverCalled(), run_dir=tmp_path / "run", say=lambda line: None)
