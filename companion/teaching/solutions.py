"""Prove every exercise of a notebook: its starter says `not yet`, its folded solution says `done`.

    python -m companion.teaching.solutions book/

How a notebook is written so that this can be proved without executing all of it:

* A starter cell is tagged `starter` and `exercise-NAME`, holds what the reader edits, and ends with its
  `teaching.check(…)` call.
* The solution is the one ```python block inside `<details>` of the first Markdown cell after it that has `<details>`,
  before the next starter. It redefines names of the starter; it does not repeat the check.
* Starter and solution depend only on cells tagged `setup` or `exercise-setup` that stand above. Only these are run,
  once, in a process of their own; a name from any other cell is missing there, and the proof fails.

Whoever proves many notebooks forks these processes from one that has imported the large libraries, and nothing else.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from types import ModuleType

from companion.errors import CompanionError, ConfigError
from companion.teaching.cells import Cell, as_python, notebooks_below, read_cells

_DETAILS = re.compile(r"<details\b.*?</details>", re.DOTALL)
_PYTHON = re.compile(r"^```python[ \t]*\n(.*?)^```[ \t]*$", re.DOTALL | re.MULTILINE)
_COMMAND = [sys.executable, "-m", "companion.teaching.solutions"]
_FIXED = {"COMPANION_STATIC": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}
PRELOADED = ("companion.training.loop", "matplotlib.pyplot", "peft", "transformers.models.bert.modeling_bert")
"""What takes seconds to import; only imports, since autograd refuses to run in a fork of a process that has trained."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exercise:
    """A starter cell and its solution.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    name: str
    """The tag that names it: `exercise-1`."""
    starter: str
    """Code of the starter cell."""
    solution: str
    """Code of the block in `<details>`."""
    checks: str
    """The statements of the starter that call `check`, to be run again after the solution."""
    position: int
    """Position of the starter among all cells, from 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """What one exercise said when it was run.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    name: str
    """The exercise's tag."""
    starter_said: str
    """Last line printed by the starter, or the error that it raised."""
    solution_said: str
    """Last line printed by the checks after the solution, or the error that it raised."""

    @property
    def holds(self) -> bool:
        """Whether the starter said `not yet` and the solution `done`."""
        return self.starter_said.startswith("not yet: ") and self.solution_said.startswith("done: ")


def find_exercises(notebook_path: str | Path) -> list[Exercise]:
    """The exercises of a notebook in order, without running anything.

    Raises: ConfigError naming notebook and cell for a starter without a name of its own, without a check, or without
    exactly one solution block.
    """
    path = Path(notebook_path)
    cells = read_cells(path)
    starters = [cell for cell in cells if "starter" in cell.tags]
    found = []
    bounds = pairwise([*(cell.position for cell in starters), len(cells)])
    for cell, (begin, end) in zip(starters, bounds, strict=True):
        names = sorted(tag for tag in cell.tags if tag.startswith("exercise-") and tag != "exercise-setup")
        if len(names) != 1 or names[0] in {exercise.name for exercise in found}:
            raise _wrong(path, cell, "needs one tag of its own that names it", "Tag it exercise-1, exercise-2, ….")
        checks = _checks(path, cell)
        solution = _solution(path, cell, cells[begin + 1 : end])
        found.append(
            Exercise(name=names[0], starter=cell.source, solution=solution, checks=checks, position=cell.position)
        )
    return found


@contextlib.contextmanager
def warm_interpreter() -> Iterator[subprocess.Popen[str] | None]:
    """A process for `run_solutions(…, warm=…)` that has imported `PRELOADED`; None where forks are not safe.

    Its environment is that of the moment it starts. It ends with the block, or with the process that started it.
    """
    if not sys.platform.startswith("linux"):
        yield None
        return
    command, environment = [*_COMMAND, "--warm", *PRELOADED], {**os.environ, **_FIXED}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, encoding="utf-8") as process:
        yield process


def run_solutions(
    notebook_path: str | Path, *, timeout: float = 300, warm: subprocess.Popen[str] | None = None
) -> list[Proof]:
    """Run starter and solution of every exercise in a process of their own, and report what each said.

    The process starts in the notebook's folder and runs only the cells tagged `setup` or `exercise-setup` above the
    last starter, then each exercise on a copy of those names. It is a new Python, or a fork of `warm`.

    Raises: ConfigError for a notebook without exercises, one that breaks the rules above, setup cells that fail, or
    a run longer than `timeout` seconds.
    """
    path = Path(notebook_path).resolve()
    if not find_exercises(path):
        raise ConfigError("has no cell tagged starter", remedy="Tag the exercises' starter cells.", file=notebook_path)
    try:
        run = _run_new(path, timeout) if warm is None else _run_forked(path, timeout, warm)
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"exercises ran longer than {timeout:g} s",
            remedy="Tag only what they need as setup or exercise-setup.",
            file=notebook_path,
        ) from error
    if run.returncode:
        last = (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]
        raise ConfigError(f"the setup cells fail: {last}", remedy="Run them from the top.", file=notebook_path)
    return [Proof(**fields) for fields in json.loads(run.stdout.splitlines()[-1])]


def _run_new(path: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    command, environment = [*_COMMAND, "--one", str(path)], {**os.environ, **_FIXED}
    return subprocess.run(
        command, cwd=path.parent, env=environment, capture_output=True, encoding="utf-8", timeout=timeout
    )


def _run_forked(path: Path, timeout: float, warm: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    assert warm.stdin and warm.stdout
    if warm.poll() is None:
        print(json.dumps([str(path), timeout]), file=warm.stdin, flush=True)
    answer = warm.stdout.readline() or json.dumps([1, "", "the warm interpreter has ended"])
    code, said, complained = json.loads(answer)
    if code is None:
        raise subprocess.TimeoutExpired(str(path), timeout)
    return subprocess.CompletedProcess(str(path), code, said, complained)


def _serve(modules: Sequence[str]) -> None:
    """In the warm process: answer each notebook with exit code (None: too slow), output and errors of its fork."""
    for module in modules:
        with contextlib.suppress(ImportError):
            import_module(module)
    for line in sys.stdin:
        path, timeout = json.loads(line)
        with tempfile.TemporaryFile("w+", encoding="utf-8") as said, tempfile.TemporaryFile("w+") as complained:
            arguments = (path, said.fileno(), complained.fileno())
            child = multiprocessing.get_context("fork").Process(target=_in_a_fork, args=arguments)
            child.start()
            child.join(timeout)
            code = child.exitcode
            child.kill()
            child.join()
            heard = [file.read() for file in (said, complained) if file.seek(0) == 0]
            print(json.dumps([code, *heard]), flush=True)


def _in_a_fork(path: str, said: int, complained: int) -> None:
    os.dup2(said, 1)
    os.dup2(complained, 2)
    os.chdir(Path(path).parent)
    if not sys.flags.safe_path:
        sys.path[0] = os.getcwd()
    main(["--one", path])


def _checks(path: Path, cell: Cell) -> str:
    try:
        tree = ast.parse(as_python(cell.source))
    except SyntaxError as error:
        raise _wrong(path, cell, f"does not parse: {error.msg}", "A starter runs as it is.") from error
    calls = [node for node in tree.body if isinstance(node, ast.Expr) and _is_check(node.value)]
    if not calls:
        raise _wrong(path, cell, "calls no check", "End it with teaching.check(title, tests).")
    return "\n".join(ast.unparse(call) for call in calls)


def _is_check(node: ast.expr) -> bool:
    if not isinstance(node, ast.Call):
        return False
    return getattr(node.func, "attr", getattr(node.func, "id", "")) == "check"


def _solution(path: Path, starter: Cell, following: Sequence[Cell]) -> str:
    folded = [block for cell in following if cell.kind == "markdown" for block in _DETAILS.findall(cell.source)]
    blocks = _PYTHON.findall(folded[0]) if folded else []
    if len(blocks) != 1:
        raise _wrong(
            path,
            starter,
            f"is followed by {len(blocks)} python blocks in <details>, one is needed",
            "Fold the solution in <details> of a Markdown cell below it, as one ```python block.",
        )
    return blocks[0]


def _wrong(path: Path, cell: Cell, problem: str, remedy: str) -> ConfigError:
    return ConfigError(f"starter in cell {cell.position}: {problem}", remedy=remedy, file=path)


def _prove(path: Path) -> list[Proof]:
    """In the process of their own: run the setup cells, then every exercise on a copy of their names."""
    exercises = find_exercises(path)
    setup = ModuleType("__main__")
    for cell in read_cells(path)[: exercises[-1].position]:
        if cell.kind == "code" and cell.tags & {"setup", "exercise-setup"}:
            _run(cell.source, setup)
    proofs = []
    for exercise in exercises:
        own = ModuleType("__main__")
        vars(own).update(vars(setup))
        starter_said = _said(exercise.starter, own)
        solution_said = _said(f"{exercise.solution}\n{exercise.checks}", own)
        proofs.append(Proof(name=exercise.name, starter_said=starter_said, solution_said=solution_said))
    return proofs


def _run(source: str, module: ModuleType) -> None:
    # Classes and dataclasses look their module up by name; in a notebook that is `__main__`.
    sys.modules["__main__"] = module
    exec(compile(as_python(source), "<cell>", "exec"), vars(module))


def _said(source: str, module: ModuleType) -> str:
    heard = io.StringIO()
    try:
        with contextlib.redirect_stdout(heard):
            _run(source, module)
    except (Exception, SystemExit) as error:
        return f"raised {type(error).__name__}: {error}"
    return (heard.getvalue().strip().splitlines() or ["nothing"])[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Prove the exercises of every notebook below the given files and folders; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m companion.teaching.solutions")
    parser.add_argument("paths", nargs="+", type=Path, help="notebooks, or folders that hold them")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--warm", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.warm:
        _serve([str(module) for module in options.paths])
        return 0
    if options.one:
        print(json.dumps([asdict(proof) for proof in _prove(options.paths[0])]))
        return 0
    proofs = failures = without = 0
    for path in notebooks_below(options.paths):
        try:
            found = run_solutions(path) if find_exercises(path) else []
        except CompanionError as error:
            print(error)
            failures += 1
            continue
        proofs, without = proofs + len(found), without + (not found)
        for proof in found:
            failures += not proof.holds
            print(f"{path} {proof.name}: {'proved' if proof.holds else 'FAILS'}")
            if not proof.holds:
                print(f"  starter:  {proof.starter_said}\n  solution: {proof.solution_said}")
    print(f"{proofs} exercises run, {failures} problems, {without} notebooks without exercises")
    return 1 if failures or not proofs else 0


if __name__ == "__main__":
    sys.exit(main())
