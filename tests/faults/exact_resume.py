"""The exact-resume matrix: every way to train, killed at a random call and resumed, ends with the same bits.

    {token, sequence, masked-LM} × {batch source, plain loader} × {random, bucketed} × {0, 2 loader workers}
        × accumulation {1, 3} × {fp32, bf16} × {1, 2 processes}

Only a plain loader has workers. A batch source accumulates by cutting an update into pieces, a loader by taking three
of its batches for one update; a loader is resumed between epochs, a source at any update. A process kills itself just
before a certain call of a function of the package: the function is drawn first and the call second, so that what
happens once a run is hit as often as what happens in every piece. All kills but every fourth come after the first save
has begun, since before it there is nothing to resume. With two processes one dies, and the other has to end by itself.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import Any

import companion
from companion.errors import ProcessError
from tests.faults.torture import manifests
from tests.processes import launch, start

PACKAGE = str(Path(companion.__file__).parent)
WORDS = tuple(f"word{number}" for number in range(40))
LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
ROWS, HELD_OUT, BATCH_SIZE, EPOCHS = 22, 6, 6, 3
UPDATES = EPOCHS * -(-ROWS // BATCH_SIZE)
FIRST_SAVE = "training/saving.py:save"
Calls = dict[str, tuple[int, int]]
"""How often each function of the package was called: until the first save, and in all."""
ALONE = 17
"""The exit code of a process that ended with a `ProcessError` because another was gone."""
PATIENCE = 180


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One cell of the matrix."""

    task: str
    """What is learned: "token", "sequence" or "masked"."""
    feed: str
    """A batch "source" of the package, or a plain "loader" of torch."""
    order: str
    """ "random" or "bucketed"."""
    workers: int
    """Worker processes of the loader."""
    accumulation: int
    """Pieces of an update (source), or batches of one (loader)."""
    precision: str
    """ "fp32" or "bf16"."""
    processes: int
    """How many train together."""

    def __str__(self) -> str:
        return " ".join(f"{value}" for value in asdict(self).values())


CHOICES: dict[str, tuple[Any, ...]] = {
    "task": ("token", "sequence", "masked"),
    "feed": ("source", "loader"),
    "order": ("random", "bucketed"),
    "workers": (0, 2),
    "accumulation": (1, 3),
    "precision": ("fp32", "bf16"),
    "processes": (1, 2),
}


def matrix() -> list[Setting]:
    """Every cell there is."""
    every = [Setting(**dict(zip(CHOICES, values, strict=True))) for values in product(*CHOICES.values())]
    return [setting for setting in every if setting.feed == "loader" or setting.workers == 0]


def pairwise(settings: Sequence[Setting]) -> list[Setting]:
    """A few of these cells in which any two values of different factors that can meet do meet."""
    open_pairs = set().union(*map(_pairs, settings))
    chosen = []
    while open_pairs:
        best = max(settings, key=lambda setting: len(_pairs(setting) & open_pairs))
        chosen.append(best)
        open_pairs -= _pairs(best)
    return chosen


def _pairs(setting: Setting) -> set[frozenset[tuple[str, Any]]]:
    return {frozenset(pair) for pair in combinations(asdict(setting).items(), 2)}


def train_cell(setting: Setting, folder: str) -> None:
    """The run of one cell: 12 updates of a small model from scratch with dropout, evaluated and saved on the way."""
    from companion.training import TrainConfig, train

    task, rows, held_out = _task(setting.task)
    source = task.batches(rows, batch_size=BATCH_SIZE, order=setting.order)
    settings: dict[str, Any] = {"checkpoint_every": 2, "evaluate_every": 3}
    if setting.feed == "loader":
        source = _loader(setting, source)
        settings = {"accumulate": setting.accumulation}
    elif setting.accumulation == 3:
        # One of the longest rows and half of another: an update of six is cut into three pieces or more.
        settings["piece_budget"] = 3 * max(source.length("", row) for row in range(ROWS)) // 2
    train(
        task.model(seed=0),
        source,
        task.objective,
        TrainConfig(epochs=EPOCHS, learning_rate=3e-3, precision=setting.precision, device="cpu", **settings),
        evaluate=task.evaluator(held_out),
        run_dir=folder,
        say=lambda line: None,
    )


def _task(name: str) -> tuple[Any, list[Any], list[Any]]:
    """One of the package's tasks on a small encoder, rows to learn from and rows to evaluate on."""
    from companion import MaskedLMTask, Text, TextTask, TokenTask, mini_encoder
    from companion.corpora.records import Sentence

    draw = random.Random(0)
    encoder = mini_encoder(WORDS, width=32, heads=2, max_length=20, dropout=0.1)
    made: list[Any] = []
    for _ in range(ROWS + HELD_OUT):
        words = draw.choices(WORDS, k=draw.randint(2, 16))
        tags = ["O" if int(word[4:]) % 3 else f"B-{('LOC', 'PER')[int(word[4:]) % 2]}" for word in words]
        made.append(Sentence(words=tuple(words), tags=tuple(tags)))
    if name == "sequence":
        made = [Text(text=" ".join(row.words), label=("left", "right")[len(row.words) % 2]) for row in made]
    task = {
        "token": lambda: TokenTask(LABELS, encoder),
        "sequence": lambda: TextTask(("left", "right"), encoder),
        "masked": lambda: MaskedLMTask(encoder),
    }[name]()
    return task, made[:ROWS], made[ROWS:]


class LengthBuckets:
    """Batches of row numbers of about the same length, shuffled by torch's own random state."""

    def __init__(self, lengths: Sequence[int], size: int) -> None:
        self.lengths, self.size = lengths, size

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.size)

    def __iter__(self) -> Iterator[list[int]]:
        import torch

        shuffled = torch.randperm(len(self.lengths)).tolist()
        order = sorted(shuffled, key=lambda row: self.lengths[row])
        batches = [order[first : first + self.size] for first in range(0, len(order), self.size)]
        yield from (batches[number] for number in torch.randperm(len(batches)).tolist())


def _loader(setting: Setting, source: Any) -> Any:
    from torch.utils.data import DataLoader

    size = BATCH_SIZE // setting.accumulation
    lengths = [source.length("", row) for row in range(ROWS)]
    how = (
        {"batch_sampler": LengthBuckets(lengths, size)}
        if setting.order == "bucketed"
        else {"batch_size": size, "shuffle": True}
    )
    return DataLoader(
        range(ROWS), num_workers=setting.workers, collate_fn=partial(_collate, source, setting.task), **how
    )


def _collate(source: Any, task: str, rows: list[int]) -> dict[str, Any]:
    """Rows as tensors; masks are drawn from torch's random state, as the collator of transformers draws them."""
    import torch

    if task != "masked":
        return source.collate("labelled", rows)
    masks = int(torch.randint(2**31, ()))
    return {"unlabelled": source.collate("unlabelled", [masks * ROWS + row for row in rows])}


def count_calls(act: Callable[[], None], *, place: tuple[str, int] | None = None) -> Calls:
    """Run `act` and count the calls of each function of the package; SIGKILL just before the n-th call of `place`.

    With a place, this process has to lead a process group: the workers of a loader are killed with it.
    """
    calls: Counter[str] = Counter()
    early: Counter[str] = Counter()
    names: dict[Any, str] = {}
    process = os.getpid()

    def watch(frame: Any, event: str, argument: Any) -> None:
        if event != "call":
            return
        code = frame.f_code
        name = names.get(code)
        if name is None:
            file = code.co_filename
            name = names[code] = f"{file[len(PACKAGE) + 1 :]}:{code.co_qualname}" if file.startswith(PACKAGE) else ""
        # The workers of a loader inherit the watch; they are not what is to be killed.
        if name and os.getpid() == process:
            calls[name] += 1
            if name == FIRST_SAVE and calls[name] == 1:
                early.update(calls)
            if place is not None and name == place[0] and calls[name] == place[1]:
                os.killpg(os.getpgrp(), signal.SIGKILL)

    sys.setprofile(watch)
    try:
        act()
    finally:
        sys.setprofile(None)
    return {name: (early[name], count) for name, count in calls.items()}


def forget_the_keys() -> None:
    """Sabotage: dropout that follows the process, not (seed, epoch, update): a resumed run draws other masks."""
    from contextlib import nullcontext

    import torch

    from companion.training import gradients

    torch.manual_seed(0)
    gradients.torch_stream = lambda *key: nullcontext()


def run_cell(
    rank: int, setting: Setting, folder: str, place: tuple[str, int] | None, sabotage: bool, counted: bool
) -> Calls:
    """One process of a cell's run, in a child; the calls it made, where they were to be counted."""
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.setpgrp()
    if sabotage:
        forget_the_keys()
    if setting.processes == 1:
        return _run(setting, folder, place, counted)
    import torch.distributed as distributed

    # Each start of the processes meets at a file of its own, named by whoever starts them.
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{os.environ['MEETING']}",
        rank=rank,
        world_size=setting.processes,
        timeout=timedelta(seconds=60),
    )
    try:
        calls = _run(setting, folder, place, counted)
    except ProcessError:
        os._exit(ALONE)
    distributed.destroy_process_group()
    return calls


def _run(setting: Setting, folder: str, place: tuple[str, int] | None, counted: bool) -> Calls:
    act = partial(train_cell, setting, folder)
    if counted or place is not None:
        return count_calls(act, place=place)
    act()
    return {}


def _enter(
    meeting: str,
    rank: int,
    setting: Setting,
    folder: str,
    place: tuple[str, int] | None,
    sabotage: bool,
    counted: bool,
) -> Calls:
    os.environ["MEETING"] = meeting
    return run_cell(rank, setting, folder, place, sabotage, counted)


def run_all(
    setting: Setting, folder: Path, *, place: tuple[str, int] | None = None, dies: int = 0, sabotage: bool = False
) -> list[int | None]:
    """The cell's run in as many processes as it has; process `dies` is killed at `place`. Returns the exit codes."""
    meeting = _meeting(folder)
    children = [
        launch(_enter, meeting, rank, setting, str(folder), place if rank == dies else None, sabotage, False)
        for rank in range(setting.processes)
    ]
    return [_code(child) for child in children]


def calls_of(setting: Setting, folder: Path) -> list[Calls]:
    """The undisturbed run of a cell: which function of the package each process calls how often."""
    from tests.processes import result_of

    meeting = _meeting(folder)
    children = [
        start(_enter, meeting, rank, setting, str(folder), None, False, True) for rank in range(setting.processes)
    ]
    return [result_of(*child) for child in children]


def _meeting(folder: Path) -> str:
    folder.parent.mkdir(parents=True, exist_ok=True)
    number = len(list(folder.parent.glob(f"{folder.name}.meeting-*")))
    return str(folder.with_name(f"{folder.name}.meeting-{number}"))


def _code(child: Any) -> int | None:
    child.join(PATIENCE)
    if child.exitcode is None:
        child.kill()
        child.join()
        return None
    return child.exitcode


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One kill and what came of it."""

    setting: Setting
    """The cell."""
    place: str
    """The function before whose call the process died."""
    turn: int
    """Which call of it."""
    codes: tuple[int | None, ...]
    """How the processes ended: -9 for the one that was killed, None for one that hung."""
    resumed: tuple[int | None, ...]
    """How they ended after they were started again."""
    saved: int
    """The step of the newest checkpoint the kill left; 0 where there was none yet."""
    equal: bool
    """Whether weights, moments, history and settings are those of the undisturbed run, to the bit."""

    @property
    def passed(self) -> bool:
        """Whether the kill was a kill, the survivor ended by itself, and the resumed run is the undisturbed one."""
        others = [code for code in self.codes if code != -signal.SIGKILL]
        killed = len(others) == len(self.codes) - 1
        return killed and set(others) <= {0, ALONE} and set(self.resumed) == {0} and self.equal


def kill_and_resume(
    setting: Setting, folder: Path, *, kills: int, seed: int = 0, sabotage: bool = False
) -> list[Trial]:
    """Kill the run of a cell `kills` times, each time in a folder of its own, and resume it to its end."""
    draw = random.Random(f"{seed} {setting}")
    by_rank = calls_of(setting, folder / "undisturbed")
    expected = manifests(folder / "undisturbed")
    if not expected:
        raise RuntimeError(f"{setting}: the undisturbed run left no checkpoint")
    trials = []
    for number in range(kills):
        run, dies = folder / f"run-{number}", draw.randrange(setting.processes)
        name, turn = _draw_place(draw, by_rank[dies], anywhere=draw.randrange(4) == 0)
        codes = run_all(setting, run, place=(name, turn), dies=dies, sabotage=sabotage)
        steps = [int(path.name.removeprefix("step-")) for path in run.glob("checkpoints/step-????????")]
        resumed = run_all(setting, run, sabotage=sabotage)
        trials.append(
            Trial(
                setting=setting,
                place=name,
                turn=turn,
                codes=tuple(codes),
                resumed=tuple(resumed),
                saved=max(steps, default=0),
                equal=manifests(run) == expected,
            )
        )
    return trials


def _draw_place(draw: random.Random, calls: Calls, *, anywhere: bool) -> tuple[str, int]:
    """A function and which call of it: of the whole run, or of what comes after the first save has begun."""
    if anywhere:
        name = draw.choice(sorted(calls))
        return name, draw.randint(1, calls[name][1])
    name = draw.choice(sorted(name for name, (early, count) in calls.items() if early < count))
    return name, draw.randint(calls[name][0] + 1, calls[name][1])


def describe(trials: Sequence[Trial]) -> dict[str, Any]:
    """What a record says of many trials."""
    failed = [trial for trial in trials if not trial.passed]
    return {
        "cells": len({str(trial.setting) for trial in trials}),
        "kills": len(trials),
        "equal": len(trials) - len(failed),
        "before_the_first_checkpoint": sum(trial.saved == 0 for trial in trials),
        "functions": len({trial.place for trial in trials}),
        "survivors_that_ended_by_themselves": sum(ALONE in trial.codes for trial in trials),
        "failed": [
            f"{trial.setting}: {trial.place} {trial.turn} {trial.codes} {trial.resumed}" for trial in failed[:5]
        ],
    }
