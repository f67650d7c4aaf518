"""SIGKILL at random moments, and at every step of a save: the same command ends with the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from companion.training import Checkpoints
from tests.faults.torture import Outcome, manifests, start_tiny_run, tiny_run, torture
from tests.processes import launch

CALLS = ("mkdir", "fsync", "rename", "unlink", "rmdir")


def run_and_die(folder: str, calls: int) -> None:
    """The tiny run, killed by itself just before its n-th call that changes the file system."""
    left = calls

    def counted(call):
        def counting(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return counting

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    tiny_run(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("undisturbed")
    succeed(folder)
    found = manifests(folder)
    assert len(found) in (1, 2)
    assert "step-00000012" in found
    return found


def test_random_kills(tmp_path):
    outcome = torture(start_tiny_run, tmp_path, kills=3, seed=1)
    assert outcome.kills == 3
    assert outcome.equal == outcome.runs >= 1


def succeed(folder: Path) -> None:
    child = launch(tiny_run, str(folder))
    child.join(120)
    assert child.exitcode == 0


def die(folder: Path, calls: int) -> None:
    child = launch(run_and_die, str(folder), calls)
    child.join(120)
    assert child.exitcode == -signal.SIGKILL


def test_a_kill_at_every_step_of_a_save(tmp_path, undisturbed):
    """The calls 31 to 57 cover more than one whole save: data, manifest, rename, and the removal of the one before."""
    unfinished = 0
    places = range(31, 59, 3)
    for calls in places:
        folder = tmp_path / str(calls)
        die(folder, calls)
        unfinished += any(folder.glob("checkpoints/*.tmp-*"))
        newest, _ = Checkpoints(folder / "checkpoints").newest()
        assert newest is not None, "at every moment there is one that is whole"
        succeed(folder)
        assert manifests(folder) == undisturbed
    assert 3 <= unfinished < len(places) == 10


def test_a_kill_before_the_first_checkpoint(tmp_path, undisturbed):
    for calls in (1, 2, 5):
        folder = tmp_path / str(calls)
        die(folder, calls)
        assert not list(folder.glob("checkpoints/step-????????"))
        succeed(folder)
        assert manifests(folder) == undisturbed


def change_a_weight(folder: str) -> None:
    """A run that starts a little differently where it is disturbed: what the comparison must see."""
    import torch

    from tests import tiny

    original = tiny.tiny_tagger

    def other(**options):
        model = original(**options)
        if Path(folder).name.startswith("run"):
            with torch.no_grad():
                model.classifier.weight[0, 0] += 1e-6
        return model

    tiny.tiny_tagger = other
    tiny_run(folder)


def test_the_comparison_sees_a_millionth(tmp_path):
    outcome = torture(lambda folder: launch(change_a_weight, str(folder)), tmp_path, kills=1)
    assert (outcome.kills, outcome.runs, outcome.equal) == (1, 1, 0)
    assert "0 of 1 ended with the same" in str(outcome)


def leave_something_else(folder: str) -> None:
    """Not a run at all: a checkpoint whose manifest is never the same."""
    checkpoint = Path(folder) / "checkpoints" / "step-00000001"
    checkpoint.mkdir(parents=True)
    (checkpoint / "manifest.json").write_text(folder)


def test_runs_that_differ_without_a_kill_are_no_result(tmp_path):
    with pytest.raises(RuntimeError, match="two undisturbed runs do not end with the same files"):
        torture(lambda folder: launch(leave_something_else, str(folder)), tmp_path, kills=1)


def test_a_run_that_fails_by_itself_is_no_result(tmp_path):
    with pytest.raises(RuntimeError, match="exit code 3"):
        torture(lambda folder: launch(os._exit, 3), tmp_path, kills=1)
    assert str(Outcome(kills=2, runs=1, equal=1, in_a_save=0, before_any=1)).startswith("2 kills in 1 runs")
