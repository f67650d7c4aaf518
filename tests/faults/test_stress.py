"""A sample of the thousand kills of `make torture`, and proof that they would see a run that is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.faults import stress
from tests.faults.stress import UPDATES, run_and_die, whole


def test_no_run_is_lost(tmp_path):
    tally = stress.stress(tmp_path, kills=12, seed=3)
    assert tally.kills == 12
    assert tally.equal == tally.runs >= 1
    assert (tally.unrecoverable, tally.damaged, tally.lost_updates) == (0, 0, 0)
    assert tally.unfinished >= 2


def write_in_place(folder: str, calls: int) -> None:
    """Sabotage: a checkpoint is written under its final name, its manifest first, as many trainers still write."""
    from companion.training import checkpoint

    def in_place(self, step, tensors, documents, *, keep):
        target = self.path(step)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        checkpoint._write_files(target, tensors, documents)
        return target

    checkpoint.Checkpoints.save = in_place
    run_and_die(folder, calls)


def test_a_save_in_place_is_seen(tmp_path):
    tally = stress.stress(tmp_path, kills=8, seed=3, child=write_in_place)
    assert tally.damaged > 0


def test_looking_changes_nothing(tmp_path):
    stress.run(str(tmp_path))
    unfinished = tmp_path / "checkpoints" / f"step-{UPDATES + 1:08d}.tmp-1"
    unfinished.mkdir()
    before = sorted(Path(tmp_path).rglob("*"))
    assert whole(tmp_path) == (UPDATES, [])
    assert sorted(Path(tmp_path).rglob("*")) == before
