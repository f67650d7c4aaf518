"""A run that saves after every update, killed again and again at random file-system calls: it is never lost.

Every process is a child that kills itself just before its n-th call that changes the run folder; where that call
writes a file, the first half of the bytes is written before. After each kill the folder is looked at from outside, with
nothing changed: the newest checkpoint has to be whole, and not older than the one that was there before. A run that
comes to its end must end with the files of an undisturbed one.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.errors import CheckpointError
from companion.training.checkpoint import Checkpoints, verify_checkpoint
from tests.faults.torture import manifests
from tests.processes import launch

CALLS = ("mkdir", "fsync", "rename", "replace", "unlink", "rmdir")
UPDATES = 6
FARTHEST = 40
"""A process dies at one of its first so many calls; a save and what is deleted after it take about 20."""
PATIENCE = 120


def run(folder: str) -> None:
    """Six updates of a tiny tagger with dropout, saved after each."""
    from companion.objectives import TokenCrossEntropy
    from companion.training import TrainConfig, train
    from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger

    train(
        tiny_tagger(dropout=0.1),
        tiny_batches(8),
        TokenCrossEntropy(),
        TrainConfig(epochs=3, learning_rate=0.05, precision="fp32", device="cpu", checkpoint_every=1, evaluate_every=2),
        evaluate=TinyEvaluator(),
        run_dir=folder,
        say=lambda line: None,
    )


def run_and_die(folder: str, calls: int) -> None:
    """The run, killed by itself at its n-th call that changes the file system, in the middle of it where it writes."""
    import safetensors.torch
    import torch

    torch.set_num_threads(1)
    left = calls

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any], half: Callable[..., None] | None = None) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                if half is not None:
                    half(*arguments, **options)
                die()
            return call(*arguments, **options)

        return counting

    write_text, save_file = Path.write_text, safetensors.torch.save_file

    def half_a_text(path: Path, text: str, *arguments: Any, **options: Any) -> None:
        path.write_bytes(text.encode()[: len(text) // 2])

    def half_the_tensors(tensors: Any, path: Path, *arguments: Any, **options: Any) -> None:
        save_file(tensors, path)
        os.truncate(path, path.stat().st_size // 2)

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))
    Path.write_text = counted(write_text, half_a_text)  # type: ignore[method-assign]
    safetensors.torch.save_file = counted(save_file, half_the_tensors)
    run(folder)


def whole(folder: Path) -> tuple[int, list[int]]:
    """The newest step whose files verify (0 for none), and the steps with a finished name that do not; only looks."""
    store, damaged = Checkpoints(folder / "checkpoints"), []
    for step in reversed(store.steps()):
        try:
            verify_checkpoint(store.path(step))
        except CheckpointError:
            damaged.append(step)
        else:
            return step, damaged
    return 0, damaged


@dataclass(kw_only=True)
class Tally:
    """What became of all the kills."""

    kills: int = 0
    """Processes that were killed."""
    runs: int = 0
    """Runs that were brought to their end, each after at least one kill."""
    equal: int = 0
    """Runs among them that ended with the very files of the undisturbed one."""
    unrecoverable: int = 0
    """Kills after which no start could go on, or went on from something else than the newest whole checkpoint."""
    damaged: int = 0
    """Checkpoints with a finished name that did not verify."""
    lost_updates: int = 0
    """Kills that lost more than the update they hit."""
    unfinished: int = 0
    """Kills that left an unfinished folder behind."""
    before_any: int = 0
    """Kills before the first checkpoint."""


def stress(folder: Path, *, kills: int, seed: int = 0, child: Callable[[str, int], None] = run_and_die) -> Tally:
    """Kill runs until there were `kills` kills; every run is started again until it has finished."""
    draw, tally = random.Random(seed), Tally()
    undisturbed = folder / "undisturbed"
    if _ended(run, str(undisturbed)) != 0:
        raise RuntimeError("the undisturbed run failed")
    expected = manifests(undisturbed)
    while tally.kills < kills:
        place, before, saved, code = folder / f"run-{tally.runs}", tally.kills, 0, None
        while code != 0 and tally.kills < kills:
            code = _ended(child, str(place), draw.randint(1, FARTHEST))
            if code == 0:
                break
            tally.kills += 1
            step, damaged = whole(place)
            tally.damaged += len(damaged)
            # A process that did nothing new before it died leaves what was there; it never takes a step back.
            tally.lost_updates += step < saved
            tally.unrecoverable += code != -signal.SIGKILL
            tally.unfinished += any(place.glob("checkpoints/*.tmp-*"))
            tally.before_any += step == 0
            saved = step
        if code != 0:
            code = _ended(run, str(place))
        tally.unrecoverable += code != 0
        if tally.kills > before:
            tally.runs += 1
            tally.equal += _manifests(place) == expected
        shutil.rmtree(place)
    return tally


def _manifests(place: Path) -> dict[str, str] | None:
    try:
        return manifests(place)
    except FileNotFoundError:
        return None


def _ended(function: Callable[..., None], *arguments: Any) -> int | None:
    child = launch(function, *arguments)
    child.join(PATIENCE)
    if child.exitcode is None:
        child.kill()
        child.join()
        return None
    return child.exitcode
