"""Kill a training process again and again, start it again each time, and compare what it ends with.

    python -m tests.faults.torture --kills 20
    python -m tests.faults.torture --kills 5 -- companion train --corpus newsroom --precision fp32 --out {folder}

Without a command, a tiny tagger is trained that saves after every update. Every process gets SIGKILL after a random
share of the time that an undisturbed one takes; one that finishes first is compared, and the next run begins in a new
folder. Two runs are equal when the manifests of their best and last checkpoints are: these hold the sha256 of weights,
optimiser moments, history and settings.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from companion.training.checkpoint import MANIFEST, Checkpoints


class Process(Protocol):
    """A process that can be killed and waited for."""

    def kill(self) -> None: ...
    def join(self, timeout: float | None = None) -> None: ...
    @property
    def exitcode(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of all the kills."""

    kills: int
    """Processes that were killed before they finished."""
    runs: int
    """Runs that were brought to their end, with at least one kill each."""
    equal: int
    """Runs among them that ended with the very files of the undisturbed run."""
    in_a_save: int
    """Kills that left an unfinished checkpoint behind."""
    before_any: int
    """Kills before the first checkpoint was there."""

    def __str__(self) -> str:
        return (
            f"{self.kills} kills in {self.runs} runs ({self.in_a_save} within a save, {self.before_any} before the "
            f"first checkpoint): {self.equal} of {self.runs} ended with the same weights, moments, history to the bit"
        )


def manifests(folder: Path) -> dict[str, str]:
    """The manifest of each checkpoint of a run, by name."""
    store = Checkpoints(folder / "checkpoints")
    return {store.path(step).name: (store.path(step) / MANIFEST).read_text() for step in store.steps()}


def torture(start: Callable[[Path], Process], folder: Path, *, kills: int, seed: int = 0) -> Outcome:
    """Kill runs at random moments until there were `kills` kills, and bring every one of them to its end.

    Raises:
        RuntimeError: a process failed by itself, or two undisturbed runs differ.
    """
    draw = random.Random(seed)
    _finish(start(folder / "undisturbed"))
    expected = manifests(folder / "undisturbed")
    # The time is taken from a second run: the first one also waits for what is started once.
    began = time.perf_counter()
    _finish(start(folder / "again"))
    duration = time.perf_counter() - began
    if not expected or manifests(folder / "again") != expected:
        raise RuntimeError("two undisturbed runs do not end with the same files")
    counts = dict.fromkeys(("kills", "runs", "equal", "in_a_save", "before_any"), 0)
    while counts["kills"] < kills:
        run, before = folder / f"run-{counts['runs']}", counts["kills"]
        while counts["kills"] < kills:
            process = start(run)
            process.join(draw.uniform(0, duration))
            if process.exitcode is not None:
                _finish(process)
                break
            process.kill()
            process.join()
            counts["kills"] += 1
            counts["in_a_save"] += any(run.glob("checkpoints/*.tmp-*"))
            counts["before_any"] += not any(run.glob("checkpoints/step-????????"))
        _finish(start(run))
        if counts["kills"] > before:
            counts["runs"] += 1
            counts["equal"] += manifests(run) == expected
        shutil.rmtree(run)
    return Outcome(**counts)


def tiny_run(folder: str) -> None:
    """Train the tiny tagger for 12 updates with dropout, saving after each."""
    from companion.objectives import TokenCrossEntropy
    from companion.training import TrainConfig, train
    from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger

    train(
        tiny_tagger(dropout=0.1),
        tiny_batches(16),
        TokenCrossEntropy(),
        TrainConfig(epochs=3, learning_rate=3e-3, precision="fp32", device="cpu", checkpoint_every=1, evaluate_every=5),
        evaluate=TinyEvaluator(),
        run_dir=folder,
        say=lambda line: None,
    )


def start_tiny_run(folder: Path) -> Process:
    """`tiny_run` in a child process."""
    from tests.processes import launch

    return launch(tiny_run, str(folder))


class Command:
    """A command line as a process; "{folder}" in it is replaced."""

    def __init__(self, words: list[str], folder: Path) -> None:
        words = [word.replace("{folder}", str(folder)) for word in words]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most `timeout` seconds."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return

    @property
    def exitcode(self) -> int | None:
        """None while it runs."""
        return self.process.poll()


def _finish(process: Process) -> None:
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"a process that was not killed ended with exit code {process.exitcode}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how many processes to kill (20)")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments (0)")
    parser.add_argument("command", nargs="*", help="what to run instead of the tiny tagger; {folder} is its run folder")
    options = parser.parse_args()
    # As in every test: several threads would fight for few cores, and a different number of them adds up differently.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    start = (lambda folder: Command(options.command, folder)) if options.command else start_tiny_run
    with tempfile.TemporaryDirectory() as folder:
        outcome = torture(start, Path(folder), kills=options.kills, seed=options.seed)
    print(outcome)
    return 0 if outcome.equal == outcome.runs > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
