"""SIGKILL at random moments, and at every step of a save: the same command ends with the same bits."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from companion.training import Checkpoints
from tests.faults.torture import Outcome, manifests, start_tiny_run, tiny_run, torture
from tests.processes import CONTEXT, ChildFailed, result_of, start

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
    result_of(*start(tiny_run, str(folder)))
    found = manifests(folder)
    assert len(found) in (1, 2)
    assert "step-00000024" in found
    return found


def test_random_kills(tmp_path):
    outcome = torture(start_tiny_run, tmp_path, kills=3, seed=1)
    assert outcome.kills == 3
    assert outcome.equal == outcome.runs >= 1


def test_a_kill_at_every_step_of_a_save(tmp_path, undisturbed):
    """The calls 30 to 58 cover more than one whole save: data, manifest, rename, and the removal of the one before."""
    unfinished = whole = 0
    places = range(30, 60, 2)
    for calls in places:
        folder = tmp_path / str(calls)
        with pytest.raises(ChildFailed, match="exit code -9"):
            result_of(*start(run_and_die, str(folder), calls))
        unfinished += any(folder.glob("checkpoints/*.tmp-*"))
        newest, problems = Checkpoints(folder / "checkpoints").newest()
        assert newest is not None, "at every moment there is one that is whole"
        whole += not problems
        result_of(*start(tiny_run, str(folder)))
        assert manifests(folder) == undisturbed
        shutil.rmtree(folder)
    assert unfinished >= 5
    assert whole >= 5
    assert len(places) == 15


def test_a_kill_before_the_first_checkpoint(tmp_path, undisturbed):
    for calls in (1, 2, 5):
        folder = tmp_path / str(calls)
        with pytest.raises(ChildFailed, match="exit code -9"):
            result_of(*start(run_and_die, str(folder), calls))
        result_of(*start(tiny_run, str(folder)))
        assert manifests(folder) == undisturbed


def change_a_weight(folder: str) -> None:
    """A run that is not the same twice: what the comparison must see."""
    import torch

    from tests import tiny

    original = tiny.tiny_tagger

    def other(**options):
        model = original(**options)
        if Path(folder).name.startswith("run"):
            with torch.no_grad():
                model.classifier.bias[0] = torch.nextafter(model.classifier.bias[0], torch.tensor(1.0))
        return model

    tiny.tiny_tagger = other
    tiny_run(folder)


def test_the_comparison_sees_one_bit(tmp_path):
    outcome = torture(lambda folder: start(change_a_weight, str(folder))[0], tmp_path, kills=1)
    assert (outcome.kills, outcome.runs, outcome.equal) == (1, 1, 0)
    assert "0 of 1 ended with the same" in str(outcome)


def test_a_run_that_fails_by_itself_is_no_result(tmp_path):
    def fail(folder):
        process = CONTEXT.Process(target=os._exit, args=(3,))
        process.start()
        return process

    with pytest.raises(RuntimeError, match="exit code 3"):
        torture(fail, tmp_path, kills=1)
    assert str(Outcome(kills=2, runs=1, equal=1, in_a_save=0, before_any=1)).startswith("2 kills in 1 runs")
