"""A process of a run that is gone: the others end by themselves with an error that says so; the run goes on later."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from companion.training import Checkpoints
from tests.faults.exact_resume import ALONE, Setting, run_all
from tests.faults.test_signals import PHASES, go, in_children, kill_myself, strike_at
from tests.faults.torture import manifests
from tests.processes import call, launch

TWO = Setting(task="token", feed="source", order="bucketed", workers=0, accumulation=1, precision="fp32", processes=2)


@pytest.mark.two_process
@pytest.mark.parametrize("dies", [0, 1])
def test_a_killed_process_of_two_leaves_nobody_waiting(tmp_path, dies):
    assert run_all(TWO, tmp_path / "straight") == [0, 0]
    codes = run_all(TWO, tmp_path / "run", place=("training/gradients.py:accumulate_gradient", 8), dies=dies)
    assert codes[dies] == -signal.SIGKILL
    assert codes[1 - dies] == ALONE, "a ProcessError"
    newest, problems = Checkpoints(tmp_path / "run" / "checkpoints").newest()
    assert (newest.name, problems) == ("step-00000006", []), "saved after every second update"
    assert run_all(TWO, tmp_path / "run") == [0, 0]
    assert manifests(tmp_path / "run") == manifests(tmp_path / "straight")


def die_in_the_save_that_follows(folder: str) -> None:
    """SIGTERM at the seventh update, and SIGKILL before the checkpoint that is saved because of it is whole."""
    from companion.training import checkpoint

    write, saves = checkpoint._write_files, 0

    def write_and_die(place: Path, *arguments: Any) -> None:
        nonlocal saves
        saves += 1
        write(place, *arguments)
        # After the third and fourth update, the evaluation of the fifth, and the sixth.
        if saves == 5:
            (place / "manifest.json").unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoint._write_files = write_and_die
    go(folder, model=strike_at(PHASES["after the step"], 7, lambda: kill_myself(signal.SIGTERM)))


def test_a_scheduler_that_loses_patience_does_not_lose_the_run(tmp_path):
    for name in ("run", "straight"):
        (tmp_path / name).mkdir()
    assert in_children(tmp_path / "straight", 1) == {0}
    child = launch(die_in_the_save_that_follows, str(tmp_path / "run"))
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    [unfinished] = (tmp_path / "run" / "checkpoints").glob("*.tmp-*")
    assert unfinished.name.startswith("step-00000007")
    newest, problems = Checkpoints(tmp_path / "run" / "checkpoints").newest()
    assert (newest.name, problems) == ("step-00000006", [])
    assert in_children(tmp_path / "run", 1) == {0}
    assert manifests(tmp_path / "run") == manifests(tmp_path / "straight")


class Rows:
    """Rows of a tiny corpus; the worker that is asked for row 5 a second time is killed, as for want of memory."""

    def __init__(self, killing: bool) -> None:
        from tests.tiny import tiny_batches

        self.source, self.killing, self.asked = tiny_batches(12, batch_size=1), killing, 0

    def __len__(self) -> int:
        return 12

    def __getitem__(self, row: int) -> int:
        from torch.utils.data import get_worker_info

        if self.killing and row == 5 and get_worker_info() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return row

    def collate(self, rows: list[int]) -> dict[str, Any]:
        return self.source.collate("labelled", rows)


def go_with_a_killed_worker(folder: str, killing: bool) -> tuple[str, list[str]]:
    """The error of a run whose loader loses a worker, and the notes on it."""
    import torch
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    rows = Rows(killing)
    loader = DataLoader(rows, batch_size=3, num_workers=2, collate_fn=rows.collate)
    settings = {"checkpoint_every": None, "evaluate_every": None}
    try:
        go(folder, batches=loader, settings=settings, evaluate=None)
    except RuntimeError as error:
        return str(error), error.__notes__
    return "", []


def test_a_worker_that_is_killed_is_named_with_its_batch(tmp_path):
    for name in ("run", "straight"):
        (tmp_path / name).mkdir()
    message, notes = call(go_with_a_killed_worker, str(tmp_path / "run"), True)
    assert "worker" in message and "exited unexpectedly" in message
    assert len(notes) == 1 and "of epoch 0)" in notes[0]
    for name in ("run", "straight"):
        assert call(go_with_a_killed_worker, str(tmp_path / name), False) == ("", [])
    assert manifests(tmp_path / "run") == manifests(tmp_path / "straight")
