"""SIGTERM, SIGINT and SIGHUP at every phase of a run: it ends with the shell's exit code, and is resumed to the bit.

The signal is sent by the process itself when it comes to a place for the n-th time, so that nothing depends on time.
`stop_and_resume(folder, phase, world, turn)` is one trial; `python -m tests.faults.torture_all` runs all of them.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from companion.errors import CheckpointError
from companion.objectives import TokenCrossEntropy
from companion.training import Checkpoints, TrainConfig, train
from companion.training.signals import Interrupted, Watch, stop_error
from tests.faults.torture import manifests
from tests.processes import call, launch
from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger

UPDATES = 8


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A place in a run: a function that is called there."""

    owner: str
    """Where it is found: a module, and a class in it after a colon."""
    name: str
    """The function; "hook" is the classifier's forward pass, "gradient" the backward pass through its weight."""
    leads: bool = False
    """Whether only the first process comes there."""
    when: Callable[..., bool] = lambda *arguments, **options: True
    """Which calls count, given the arguments."""


PHASES = {
    "data fetch": Phase(owner="companion.training.memory", name="collate"),
    "forward": Phase(owner="", name="hook", when=lambda model: model.training),
    "backward": Phase(owner="", name="gradient"),
    "between micro-batches": Phase(
        owner="companion.training.parts:Parts", name="stopping", when=lambda parts, begun: begun
    ),
    "before the step": Phase(owner="companion.training.loop", name="check_finite"),
    "evaluation": Phase(owner="", name="hook", when=lambda model: not model.training),
    "save": Phase(owner="companion.training.checkpoint", name="_write_files", leads=True),
    "deletion": Phase(
        owner="companion.training.checkpoint", name="remove", leads=True, when=lambda path: path.exists()
    ),
    "after the step": Phase(owner="companion.training.state:State", name="advance"),
}


def go(folder: str | Path, *, model: Any = None, **options: Any):
    """A run of 8 updates with dropout, several pieces each; what is logged is added to a file in the folder."""
    folder = Path(folder)

    def log(step: int, values: dict[str, float]) -> None:
        with (folder / "logged").open("a") as file:
            file.write(json.dumps([step, values]) + "\n")

    settings = {"checkpoint_every": 3, "evaluate_every": 5, "piece_budget": 40} | options.pop("settings", {})
    given = {"evaluate": TinyEvaluator(), "log": log, "say": lambda line: None} | options
    return train(
        model or tiny_tagger(dropout=0.1),
        given.pop("batches", None) or tiny_batches(16),
        TokenCrossEntropy(),
        TrainConfig(epochs=2, learning_rate=3e-3, precision="fp32", device="cpu", **settings),
        run_dir=folder,
        **given,
    )


def strike_at(phase: Phase, turn: int, act: Callable[[], None]) -> Any:
    """Have `act` called when the process comes to this phase for the n-th time; returns the model to train."""
    model, left = tiny_tagger(dropout=0.1), turn

    def arrive(*arguments: Any, **options: Any) -> None:
        nonlocal left
        if phase.when(*arguments, **options):
            left -= 1
            if left == 0:
                act()

    if phase.name == "hook":
        model.classifier.register_forward_hook(lambda *_: arrive(model))
    elif phase.name == "gradient":
        model.classifier.weight.register_hook(lambda gradient: arrive())
    else:
        import importlib

        module, _, kind = phase.owner.partition(":")
        owner = importlib.import_module(module)
        owner = getattr(owner, kind) if kind else owner
        original = getattr(owner, phase.name)

        def stand_in(*arguments: Any, **options: Any) -> Any:
            arrive(*arguments, **options)
            return original(*arguments, **options)

        setattr(owner, phase.name, stand_in)
    return model


def kill_myself(number: int) -> None:
    os.kill(os.getpid(), number)


def run_and_strike(rank: int, world: int, folder: str, name: str, turn: int, number: int, sabotage: bool) -> None:
    """A run in a child; one process of `world` sends itself the signal, the first where only it comes there."""
    import torch

    torch.set_num_threads(1)
    # The tests themselves may run under nohup, and what is ignored is inherited.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    if world > 1:
        from datetime import timedelta

        import torch.distributed as distributed

        meeting = f"file://{folder}/meeting-{name}-{turn}"
        distributed.init_process_group(
            "gloo", init_method=meeting, rank=rank, world_size=world, timeout=timedelta(seconds=60)
        )
    model = None
    if name in PHASES and rank == (0 if PHASES[name].leads else world - 1):
        model = strike_at(PHASES[name], turn, lambda: kill_myself(number))
    if sabotage:
        from companion.training import saving

        saving._is_whole = lambda folder: True  # what is not saved is taken for saved
    try:
        go(folder, model=model)
    finally:
        if world > 1:
            distributed.destroy_process_group()


def in_children(
    folder: Path, world: int, name: str = "", turn: int = 0, number: int = signal.SIGTERM, *, sabotage: bool = False
) -> set[int]:
    """The exit codes of a run in `world` processes."""
    folder.mkdir(exist_ok=True)
    children = [launch(run_and_strike, rank, world, str(folder), name, turn, number, sabotage) for rank in range(world)]
    for child in children:
        child.join(120)
        if child.exitcode is None:
            child.kill()
            child.join()
    return {child.exitcode for child in children}


def logged(folder: Path) -> list[str]:
    return (folder / "logged").read_text().splitlines()


def stop_and_resume(
    folder: Path,
    phase: str,
    world: int,
    turn: int,
    undisturbed: Path,
    number: int = signal.SIGTERM,
    *,
    sabotage: bool = False,
) -> int:
    """One trial: stop a run in a phase, resume it, and compare it with the undisturbed one; returns the step saved."""
    codes = in_children(folder, world, phase, turn, number, sabotage=sabotage)
    assert codes == {128 + number}, f"{phase}: every process ends with the code of the signal, not {codes}"
    newest, problems = Checkpoints(folder / "checkpoints").newest()
    step = 0 if newest is None else int(newest.name.removeprefix("step-"))
    assert problems == []
    done = max((json.loads(line)[0] for line in logged(folder)), default=0) if (folder / "logged").exists() else 0
    assert step == done, f"{phase}: update {done} is the last complete one, {step} is saved"
    assert in_children(folder, world) == {0}
    assert manifests(folder) == manifests(undisturbed), phase
    assert logged(folder) == logged(undisturbed), f"{phase}: every update and evaluation is logged once"
    return step


@pytest.fixture
def terminal():
    """Signals as a terminal has them, also where the tests run under nohup or in the background of a script."""
    usual = {signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL, signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Callable[[int], Path]:
    """The folder of an undisturbed run in so many processes."""
    made: dict[int, Path] = {}

    def run_in(world: int) -> Path:
        if world not in made:
            made[world] = tmp_path_factory.mktemp(f"undisturbed-{world}")
            assert in_children(made[world], world) == {0}
            assert len(logged(made[world])) == UPDATES + 2, "eight updates, and evaluations of the fifth and the last"
        return made[world]

    return run_in


# One turn each: early or late in the run, at an update that is saved anyway (3, 5, 6, …) or at another one.
TURNS = {
    "data fetch": 10,
    "forward": 12,
    "backward": 8,
    "between micro-batches": 7,
    "before the step": 7,
    "evaluation": 1,
    "save": 2,
    "deletion": 1,
    "after the step": 8,
}


def test_the_nine_phases_are_there():
    assert len(PHASES) == len(TURNS) == 9
    assert PHASES.keys() == TURNS.keys()


@pytest.mark.parametrize("phase", PHASES)
def test_sigterm_in_each_phase(tmp_path, undisturbed, phase):
    stop_and_resume(tmp_path / "run", phase, 1, TURNS[phase], undisturbed(1))


@pytest.mark.two_process
@pytest.mark.parametrize("phase", ["between micro-batches", "evaluation", "save"])
def test_sigterm_to_one_process_of_two(tmp_path, undisturbed, phase):
    stop_and_resume(tmp_path / "run", phase, 2, {**TURNS, "evaluation": 2}[phase], undisturbed(2))


def test_the_trial_sees_an_update_that_was_not_saved(tmp_path, undisturbed):
    with pytest.raises(AssertionError, match="update 7 is the last complete one, 6 is saved"):
        stop_and_resume(tmp_path / "run", "before the step", 1, 7, undisturbed(1), sabotage=True)


def test_sighup_stops_too_unless_nohup_said_no(tmp_path, undisturbed):
    stop_and_resume(tmp_path / "run", "backward", 1, 3, undisturbed(1), signal.SIGHUP)
    (tmp_path / "nohup").mkdir()
    assert call(go_under_nohup, str(tmp_path / "nohup")) == UPDATES
    assert manifests(tmp_path / "nohup") == manifests(undisturbed(1))


def go_under_nohup(folder: str) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    model = strike_at(PHASES["backward"], 3, lambda: kill_myself(signal.SIGHUP))
    return go(folder, model=model).steps


def interrupt(folder: str, times: int) -> tuple[str, str, list[int], bool]:
    """What a notebook sees of Ctrl-C in the second update: the error, its text, what is saved, the handler after it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def act() -> None:
        for _ in range(times):
            kill_myself(signal.SIGINT)

    said: list[str] = []
    try:
        go(folder, model=strike_at(PHASES["after the step"], 2, act), say=said.append)
    except KeyboardInterrupt as error:
        restored = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        caught = type(error).__name__, str(error)
    assert caught[1] in {"", *said}
    return *caught, Checkpoints(Path(folder) / "checkpoints").steps(), restored


def test_the_first_interrupt_saves_and_the_second_is_immediate(tmp_path, undisturbed):
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
    kind, message, saved, restored = call(interrupt, str(tmp_path / "once"), 1)
    assert (kind, saved, restored) == (Interrupted.__name__, [2], True)
    assert message == "stopped by SIGINT: 2 of 8 updates are done and saved; the same call goes on from there"
    assert call(interrupt, str(tmp_path / "twice"), 2) == ("KeyboardInterrupt", "", [], True)
    for name in ("once", "twice"):
        assert in_children(tmp_path / name, 1) == {0}
        assert manifests(tmp_path / name) == manifests(undisturbed(1))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_the_command_line_passes_the_exit_code_on(monkeypatch, tmp_path, number):
    from companion import cli
    from companion.cli import train as command

    def stop(*arguments: Any, **options: Any) -> None:
        raise stop_error(number, "stopped")

    monkeypatch.setattr(command, "train_model", stop)
    assert cli.main(["train", "--corpus", "newsroom", "--out", str(tmp_path / "run")]) == 128 + number


def handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]


class BrokenOff(Exception):
    """What a test raises where a run is to be broken off."""


def test_handlers_are_ours_during_a_run_with_a_folder_and_the_callers_afterwards(tmp_path, terminal):
    before, during = handlers(), []

    def log(step: int, values: dict[str, float]) -> None:
        during.append(handlers())
        if step == 3:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        go(tmp_path, log=log)
    assert handlers() == before
    assert all(ours != theirs for ours, theirs in zip(during[0], before, strict=True))
    config = TrainConfig(max_updates=1, precision="fp32")
    for folder in (None, tmp_path / "other"):
        during.clear()
        train(
            tiny_tagger(),
            tiny_batches(4),
            TokenCrossEntropy(),
            config,
            run_dir=folder,
            log=log,
            say=lambda line: None,
        )
        assert (during[0] == before) is (folder is None)
        assert handlers() == before
    with pytest.raises(CheckpointError):
        (tmp_path / "file").write_text("a file")
        go(tmp_path / "file")
    assert handlers() == before


def test_outside_the_main_thread_no_handler_is_set(tmp_path):
    before, during, results = handlers(), [], []
    thread = threading.Thread(
        target=lambda: results.append(go(tmp_path, log=lambda step, values: during.append(handlers())).steps)
    )
    thread.start()
    thread.join()
    assert results == [UPDATES]
    assert during[0] == handlers() == before


def fork_while_watched() -> int:
    """The exit status of a child that was forked during a run and is then told to end, as a pool does."""
    watch = Watch(active=True)
    (reading, writing), (hearing, saying) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.write(saying, b".")  # Python forgets what arrives while it forks
        os.read(reading, 1)  # returns when the parent is gone, should the signal have been swallowed
        os._exit(3)
    os.read(hearing, 1)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    watch.close()
    return status


def test_a_child_that_was_forked_meanwhile_still_obeys():
    assert call(fork_while_watched) == signal.SIGTERM


def strange_signal(number: int, target: int) -> None:
    """A signal from a process that is nobody's parent."""
    subprocess.run(["kill", f"-{number}", "--", str(target)], check=True, start_new_session=True)


def wait_until_taken(target: int) -> None:
    """Wait until no signal is pending: two of the same number that meet are one, and the second sender is forgotten."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = Path(f"/proc/{target}/status").read_text(encoding="utf-8")
        if all(int(line.split()[1], 16) == 0 for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))):
            return
        time.sleep(0.01)
    raise TimeoutError("a signal is still pending after a minute")


def be_a_worker(ready: Any, questions: Any) -> None:
    from companion.training.workers import _start

    _start(None, 0)
    ready.send("ready")
    while True:
        ready.send(questions.recv())


def talk_to_a_worker() -> tuple[list[str], int]:
    """What a worker answers after signals of a stranger, and its exit code after one of its parent."""
    import multiprocessing

    context = multiprocessing.get_context("fork")
    (answers, ready), (questions, asking) = context.Pipe(duplex=False), context.Pipe(duplex=False)
    worker = context.Process(target=be_a_worker, args=(ready, questions))
    worker.start()
    heard = [answers.recv()]
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        strange_signal(number, worker.pid)
        asking.send(f"alive after {number.name}")
        heard.append(answers.recv())
        wait_until_taken(worker.pid)
    worker.terminate()
    worker.join(60)
    # What is not gone by now would be waited for without end when this process ends.
    worker.kill()
    return heard, worker.exitcode


def test_a_worker_of_a_loader_heeds_its_parent_alone():
    heard, code = call(talk_to_a_worker)
    assert heard == ["ready", "alive after SIGTERM", "alive after SIGINT", "alive after SIGHUP"]
    assert code == 0


def go_with_workers(folder: str, strike: bool) -> None:
    """A plain loader with two workers; at the third update a stranger sends SIGTERM to the whole process group."""
    import torch

    from tests.unit.training.test_resume import shuffled

    torch.set_num_threads(1)
    os.setpgrp()
    model = strike_at(PHASES["forward"], 5, lambda: strange_signal(signal.SIGTERM, -os.getpgrp())) if strike else None
    settings = {"checkpoint_every": None, "evaluate_every": None, "accumulate": 2}
    loader = shuffled(workers=2)
    loader.multiprocessing_context = "fork"
    go(folder, batches=loader, model=model, settings=settings, evaluate=None)


def test_a_signal_to_the_whole_group_lets_workers_live_until_the_run_is_saved(tmp_path):
    for name in ("run", "undisturbed"):
        (tmp_path / name).mkdir()
    codes = []
    for name, strike in (("undisturbed", False), ("run", True), ("run", False)):
        child = launch(go_with_workers, str(tmp_path / name), strike)
        child.join(120)
        codes.append(child.exitcode)
        if strike:
            assert Checkpoints(tmp_path / "run" / "checkpoints").steps() == [2], "in the middle of an epoch"
    assert codes == [0, 143, 0]
    assert manifests(tmp_path / "run") == manifests(tmp_path / "undisturbed")
    assert logged(tmp_path / "run") == logged(tmp_path / "undisturbed")


def go_without_a_reader(folder: str) -> int:
    """A run whose lines and log go to a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)

    def write(text: str) -> None:
        os.write(writing, text.encode())

    return go(folder, say=write, log=lambda step, values: write(f"{step}")).steps


def test_a_closed_pipe_does_not_end_a_run(tmp_path, undisturbed):
    assert call(go_without_a_reader, str(tmp_path)) == UPDATES
    assert manifests(tmp_path) == manifests(undisturbed(1))


def stop_too_late(folder: str) -> str:
    """SIGTERM after the last poll, while the best weights are read back: the handler of before gets it."""
    seen: list[str] = []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(f"handler of before: {number}"))
    late = Phase(owner="companion.training.loop", name="_finish")
    steps = go(folder, model=strike_at(late, 1, lambda: kill_myself(signal.SIGTERM))).steps
    return f"{steps} updates, {seen}"


def test_a_signal_that_comes_too_late_is_not_swallowed(tmp_path, undisturbed):
    assert call(stop_too_late, str(tmp_path)) == f"8 updates, ['handler of before: {int(signal.SIGTERM)}']"
    assert manifests(tmp_path) == manifests(undisturbed(1))


def train_what_remembers(folder: str, turn: int) -> str:
    """A model with running statistics, which half an update would change, stopped between two of its pieces."""
    import torch

    from companion.training.signals import Stopped

    done: list[str] = []

    def act() -> None:
        done.extend(logged(Path(folder)))
        kill_myself(signal.SIGTERM)

    model = strike_at(PHASES["between micro-batches"], turn, act)
    model.statistics = torch.nn.BatchNorm1d(32, affine=False)

    def remember(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        model.statistics(output[0].flatten(0, 1))

    model.bert.register_forward_hook(remember)
    try:
        go(folder, model=model, evaluate=None, settings={"evaluate_every": None})
    except Stopped as stopped:
        return f"{stopped.code} after {len(logged(Path(folder))) - len(done)} more"
    return f"{len(logged(Path(folder)))} updates"


def test_running_statistics_are_not_left_half_way(tmp_path):
    for name in ("run", "undisturbed"):
        (tmp_path / name).mkdir()
    assert call(train_what_remembers, str(tmp_path / "run"), TURNS["between micro-batches"]) == "143 after 1 more"
    for name in ("run", "undisturbed"):
        assert call(train_what_remembers, str(tmp_path / name), 0) == "8 updates"
    assert manifests(tmp_path / "run") == manifests(tmp_path / "undisturbed")
