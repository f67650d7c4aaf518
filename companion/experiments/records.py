"""Records of full runs: one JSON file per cell of an experiment, written when the cell ends, skipped when it is there.

A cell is one combination of the experiment's factors with one seed. `data/records/<experiment>/<cell>.json` holds its
factors, its result, and what is needed to believe it: command, version of the code, environment, duration.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from companion.errors import RecordError

SCHEMA = 1
PACKAGES = ("torch", "transformers", "tokenizers", "numpy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One measured cell of an experiment."""

    experiment: str
    """The experiment's name; also its folder."""
    factors: Mapping[str, str | int | float | bool]
    """What was varied, seed included."""
    result: Mapping[str, Any]
    """What was measured."""
    command: str
    """How to measure it again."""
    code: str
    """The git commit of the code, with "+" when the working tree differed from it; "" outside a checkout."""
    environment: Mapping[str, str | int]
    """Versions, processor and threads."""
    seconds: float
    """How long it took, on that machine."""
    schema: int = field(default=SCHEMA)
    """The version of this format."""

    @property
    def name(self) -> str:
        """The file's name: the factors in order."""
        return "-".join(f"{value}" for value in self.factors.values()).replace("/", "_").replace(" ", "_")


_only: ContextVar[str] = ContextVar("only", default="")


@contextmanager
def only(beginning: str) -> Iterator[None]:
    """Inside this block, experiments measure no cells but those whose names begin so."""
    token = _only.set(beginning)
    try:
        yield
    finally:
        _only.reset(token)


def run_cells(
    experiment: str,
    cells: Iterable[Mapping[str, str | int | float | bool]],
    measure: Callable[..., Mapping[str, Any]],
    *,
    root: Path,
    command: str,
    say: Callable[[str], None] = print,
) -> list[Cell]:
    """Measure every cell that has no record yet, in order, and write each as it ends; return all of them.

    `measure(**factors)` gives the result. Inside `only(…)`, other cells are passed over. A run that is cut off loses
    the cell it was in and nothing else.

    Raises:
        RecordError: a record that is there does not follow the schema.
    """
    folder, done = root / experiment, []
    folder.mkdir(parents=True, exist_ok=True)
    for factors in cells:
        blank = Cell(
            experiment=experiment, factors=factors, result={}, command=command, code="", environment={}, seconds=0.0
        )
        path = folder / f"{blank.name}.json"
        if not blank.name.startswith(_only.get()):
            continue
        if not path.is_file():
            say(f"{experiment}: {blank.name} …")
            start = time.perf_counter()
            result = measure(**factors)
            cell = Cell(
                experiment=experiment,
                factors=dict(factors),
                result=dict(result),
                command=command,
                code=_code_version(),
                environment=describe_environment(),
                seconds=round(time.perf_counter() - start, 1),
            )
            partial = path.with_suffix(".partial")
            partial.write_text(_as_text(cell), encoding="utf-8", newline="\n")
            partial.replace(path)
        done.append(validate_cell(path))
    return done


def load_record(experiment: str, root: Path | None = None) -> list[Cell]:
    """All recorded cells of an experiment, sorted by name, from the data that ships with the book.

    Raises:
        RecordError: there is none, or one does not follow the schema.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if root is None:
        from companion.corpora.location import data_root

        root = data_root() / "records"
    paths = sorted((root / experiment).glob("*.json"))
    if not paths:
        raise RecordError(f"no record of {experiment!r}", file=root / experiment, remedy="run the experiment first")
    return [validate_cell(path) for path in paths]


def values_of(cells: Iterable[Cell], quantity: str, **factors: Any) -> list[float]:
    """One quantity of all cells with these factor values, in order of seed.

    Raises:
        RecordError: no cell has them, or one lacks the quantity.
    """
    chosen = [cell for cell in cells if all(cell.factors.get(name) == value for name, value in factors.items())]
    chosen.sort(key=lambda cell: cell.factors.get("seed", 0))
    if not chosen or any(quantity not in cell.result for cell in chosen):
        raise RecordError(f"no cell with {factors} and a result {quantity!r}", remedy="look at the record's files")
    return [cell.result[quantity] for cell in chosen]


def validate_cell(path: Path) -> Cell:
    """Read one record and check it against the schema.

    Raises:
        RecordError: naming the file and the first field that is missing, unknown, or of the wrong kind.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RecordError(f"cannot be read: {error}", file=path, remedy="measure the cell again") from error
    kinds: dict[str, Any] = {
        "experiment": str,
        "factors": dict,
        "result": dict,
        "command": str,
        "code": str,
        "environment": dict,
        "seconds": int | float,
        "schema": int,
    }
    for name, kind in kinds.items():
        if not isinstance(document, dict) or not isinstance(document.get(name), kind):
            raise RecordError(f"has no valid {name!r}", file=path, remedy="measure the cell again")
    unknown = set(document) - set(kinds)
    if unknown or document["schema"] != SCHEMA:
        problem = f"has an unknown field {min(unknown)!r}" if unknown else f"follows schema {document['schema']}"
        raise RecordError(problem, file=path, remedy=f"this version reads schema {SCHEMA}")
    cell = Cell(**document)
    if not cell.result or cell.experiment != path.parent.name or f"{cell.name}.json" != path.name:
        raise RecordError(
            "does not belong here: its experiment, factors and file name disagree, or it has no result",
            file=path,
            remedy="measure the cell again",
        )
    return cell


def _as_text(cell: Cell) -> str:
    """The cell as JSON, one line for each field: hundreds of cells travel with the book, and a diff reads well."""
    fields = (f" {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in asdict(cell).items())
    return "{\n" + ",\n".join(fields) + "\n}\n"


def describe_environment() -> dict[str, str | int]:
    """What a reader must know to compare a measurement: versions, processor, threads."""
    from importlib.metadata import version

    import torch

    return {
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "platform": sys.platform,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _code_version() -> str:
    """The commit of this checkout; asked of git, because a record must say which code it measured."""
    here = Path(__file__).parent
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        sha = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "."],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return sha.stdout.strip() + ("+" if changed.stdout.strip() else "")
