"""Everything that `make torture` does to a run, part by part; each part that has a record already is skipped.

    python -m tests.faults.torture_all                  every part, into data/records/torture
    python -m tests.faults.torture_all --part kills     one part
    python -m tests.faults.torture_all --small --out .  a few of each, to see that it works

Remove a record to measure its part again. The exit code is 0 where every part came out as it must.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from companion.experiments.records import Cell, run_cells

EXPERIMENT = "torture"
ROOT = Path(__file__).resolve().parents[2]
COMMAND = "make torture"
Factors = Mapping[str, str | int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of the torture: what is measured, cell by cell, and when it is as it must be."""

    cells: list[Factors]
    """The factors of its records."""
    measure: Callable[..., dict[str, Any]]
    """One record's result, from its factors and a folder to work in."""
    passed: Callable[[Mapping[str, Any]], bool]
    """Whether a result is as it must be."""


def measure_corruptions(folder: Path, *, part: str, count: int, seed: int) -> dict[str, Any]:
    """Damages to a checkpoint, and how many of them were recognised."""
    from tests.faults.corruption import corrupt
    from tests.faults.stress import run

    run(str(folder / "run"))
    found = corrupt(folder / "run", count=count, seed=seed)
    return {
        "damages": found.damages,
        "recognised": found.recognised,
        "fell_back": found.fell_back,
        "changes_without_effect": found.without_effect,
        "kinds": dict(sorted(found.kinds.items())),
        "files": dict(sorted(found.files.items())),
        "missed": found.missed,
    }


def measure_hostile(folder: Path, *, part: str, every: int) -> dict[str, Any]:
    """Files made to run code, and what they achieved."""
    from tests.faults.hostile import CHECKPOINTS, MODELS, attack_in_child, make_targets

    make_targets(folder)
    names = [*CHECKPOINTS, *MODELS][::every]
    found = {name: attack_in_child(folder, folder / f"attack-{number}", name) for number, name in enumerate(names)}
    harmless = {"refused", "passed over", "ignored"}
    return {
        "files": len(found),
        "executions": sum(watch.code_ran for watch in found.values()),
        "pickles_read": sum(watch.pickles_read for watch in found.values()),
        "outcomes": dict(sorted(Counter(watch.outcome for watch in found.values()).items())),
        "others": {name: watch.outcome for name, watch in found.items() if watch.outcome not in harmless},
    }


def measure_mutants(folder: Path, *, part: str, every: int) -> dict[str, Any]:
    """Bugs put back, and whether their tests fail; without any of them, the same tests pass."""
    from tests.faults.mutants import MUTANTS, copy_package, is_killed, run_tests

    copy_package(folder)
    names = list(MUTANTS)[::every]
    code, line = run_tests(folder, tuple(sorted({test for name in names for test in MUTANTS[name].tests})))
    killed = {name: is_killed(name, folder) for name in names}
    return {
        "mutants": len(names),
        "killed": sum(dead for dead, _ in killed.values()),
        "tests_pass_without": code == 0,
        "without": line,
        "alive": {name: ended for name, (dead, ended) in killed.items() if not dead},
        "names": names,
    }


def measure_kills(folder: Path, *, part: str, kills: int, seed: int) -> dict[str, Any]:
    """Kills at random file-system calls of a run that saves after every update."""
    from dataclasses import asdict

    from tests.faults.stress import stress

    return asdict(stress(folder, kills=kills, seed=seed))


def measure_resume(folder: Path, *, part: str, task: str, feed: str, processes: int, kills: int) -> dict[str, Any]:
    """Kills in every cell of a share of the exact-resume matrix."""
    from tests.faults.exact_resume import describe, kill_and_resume, matrix

    chosen = [
        setting for setting in matrix() if (setting.task, setting.feed, setting.processes) == (task, feed, processes)
    ]
    trials = [
        trial
        for number, setting in enumerate(chosen if kills > 1 else chosen[::3])
        for trial in kill_and_resume(setting, folder / str(number), kills=kills)
    ]
    return describe(trials)


def measure_signals(folder: Path, *, part: str, phase: str, processes: int) -> dict[str, Any]:
    """SIGTERM in one phase of a run, or in each of the nine."""
    from tests.faults.test_signals import PHASES, TURNS, in_children, stop_and_resume

    undisturbed = folder / "undisturbed"
    if in_children(undisturbed, processes) != {0}:
        raise RuntimeError("the undisturbed run failed")
    phases = list(PHASES) if phase == "all" else [phase]
    # Each of two processes comes to fewer pieces.
    turns = TURNS if processes == 1 else {**TURNS, "data fetch": 6, "forward": 7, "evaluation": 2}
    failed = {}
    for name in phases:
        try:
            stop_and_resume(folder / name.replace(" ", "-"), name, processes, turns[name], undisturbed)
        except AssertionError as error:
            failed[name] = str(error).splitlines()[0]
    return {"trials": len(phases), "exit_143_and_resumed_to_the_bit": len(phases) - len(failed), "failed": failed}


def parts(*, small: bool) -> dict[str, Part]:
    """Every part, in full or with a few trials each."""
    shares = [(task, feed, world) for task in ("token", "sequence", "masked") for feed in ("source", "loader")
              for world in (1, 2)]  # fmt: skip
    return {
        "corruptions": Part(
            cells=[{"part": "corruptions", "count": 100 if small else 10_000, "seed": 0}],
            measure=measure_corruptions,
            passed=lambda found: found["damages"] == found["recognised"] == found["fell_back"],
        ),
        "hostile": Part(
            cells=[{"part": "hostile", "every": 10 if small else 1}],
            measure=measure_hostile,
            passed=lambda found: not (found["executions"] or found["pickles_read"] or found["others"]),
        ),
        "mutants": Part(
            cells=[{"part": "mutants", "every": 14 if small else 1}],
            measure=measure_mutants,
            passed=lambda found: found["killed"] == found["mutants"] and found["tests_pass_without"],
        ),
        "kills": Part(
            cells=[{"part": "kills", "kills": 10 if small else 250, "seed": seed} for seed in range(1 if small else 4)],
            measure=measure_kills,
            passed=lambda found: (
                found["equal"] == found["runs"] > 0
                and not (found["unrecoverable"] or found["damaged"] or found["lost_updates"])
            ),
        ),
        "resume": Part(
            cells=[
                {"part": "resume", "task": task, "feed": feed, "processes": world, "kills": 1 if small else 2}
                for task, feed, world in (shares[:1] if small else shares)
            ],
            measure=measure_resume,
            passed=lambda found: found["equal"] == found["kills"] > 0,
        ),
        "signals": Part(
            cells=[
                {"part": "signals", "phase": "save" if small else "all", "processes": world}
                for world in ((1,) if small else (1, 2))
            ],
            measure=measure_signals,
            passed=lambda found: found["exit_143_and_resumed_to_the_bit"] == found["trials"],
        ),
    }


def torture(root: Path, chosen: list[str], *, small: bool = False, say: Callable[[str], None] = print) -> list[str]:
    """Do these parts, write their records under `root`, say each result, and return the names of what failed."""

    def measure(part: Part, /, **factors: Any) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return part.measure(Path(folder), **factors)

    failed, every = [], parts(small=small)
    for name in chosen:
        part = every[name]
        cells = run_cells(EXPERIMENT, part.cells, partial(measure, part), root=root, command=COMMAND, say=say)
        for cell in cells:
            passed = part.passed(cell.result)
            say(f"{'passed' if passed else 'FAILED'}  {cell.name}: {_in_a_line(cell)}")
            failed += [] if passed else [cell.name]
    return failed


def _in_a_line(cell: Cell) -> str:
    shown = {name: value for name, value in cell.result.items() if not isinstance(value, list | dict) or not value}
    return ", ".join(f"{name} {value}" for name, value in shown.items() if value not in ([], {}))


def main() -> int:
    names = list(parts(small=True))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=names, action="append", help="only this part; may be given several times")
    parser.add_argument("--small", action="store_true", help="a few trials of each part")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "records", help="where the records go")
    options = parser.parse_args()
    # As in every test: several threads would fight for few cores, and a different number of them adds up differently.
    import torch

    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    failed = torture(options.out, options.part or names, small=options.small)
    print(f"{len(failed)} failed: {', '.join(failed)}" if failed else "everything came out as it must")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
