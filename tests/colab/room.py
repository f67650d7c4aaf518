"""A room like Colab's: an empty folder, its preinstalled versions, `google.colab` imported, and no clone of this book.

    python -m tests.colab.room                   every notebook alone, into data/records/colab
    python -m tests.colab.room --notebook lora   those whose name holds this

Each notebook's own setup cell installs the package with pip; git is told to find its repository in this clone, so what
runs is what is committed. A notebook that has a record is skipped; remove the record to run it again. What it cannot
have of Colab is said here: PyTorch is the CPU build that the book pins, Python is the one this runs on, and of the
634 preinstalled packages only those are there that the book touches.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
import venv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from companion.experiments.records import Cell, run_cells
from notebooks import ENVIRONMENT, ROOT, notebooks

EXPERIMENT = "colab"
COMMAND = "make colab"
PREINSTALLED = Path(__file__).with_name("preinstalled.txt")
TOUCHED = (
    "accelerate", "huggingface-hub", "ipykernel", "ipython", "ipywidgets", "jupyter-client", "matplotlib",
    "matplotlib-inline", "numpy", "packaging", "peft", "pillow", "pygments", "requests", "safetensors", "scikit-learn",
    "scipy", "tokenizers", "torchao", "tqdm", "traitlets", "transformers", "typer",
)  # fmt: skip
"""The preinstalled packages that the room has: what the package or a chapter imports, and the kernel."""
STUB = "# Colab imports this before the first cell runs.\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """A Python with packages, and the environment in which its kernels start."""

    python: Path
    environment: Mapping[str, str]


def preinstalled(text: str) -> dict[str, str]:
    """The version of each package of a list like pip's, by canonical name."""
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def upgrades(requirements: Iterable[str], there: Mapping[str, str]) -> list[str]:
    """The requirements that a preinstalled version does not meet, so that pip would replace it."""
    wrong = []
    for line in requirements:
        requirement = Requirement(line)
        version = there.get(canonicalize_name(requirement.name))
        # PyTorch's version bears a label of its build there, which no specifier needs to know.
        if version is not None and not requirement.specifier.contains(version.split("+")[0], prereleases=True):
            wrong.append(f"{requirement} would replace {requirement.name} {version}")
    return wrong


def requirements_of(extra: str = "offline") -> list[str]:
    """What a setup cell asks pip for: the package's dependencies and those of an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *project["optional-dependencies"][extra]]


def repository_address() -> str:
    """The address in every setup cell, from `pyproject.toml`."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Homepage"]


def build(folder: Path, *, colab_versions: bool) -> Room:
    """Make the room in a folder: with Colab's versions, or sharing what this Python has (quick, for a sample)."""
    venv.create(folder / "python", with_pip=True)
    python = folder / "python" / "bin" / "python"
    # Python 3.11 puts an old one into every new environment, which what needs it would then replace.
    subprocess.run([str(python), "-m", "pip", "uninstall", "--quiet", "--yes", "setuptools"], check=True)
    if colab_versions:
        versions = preinstalled(PREINSTALLED.read_text(encoding="utf-8"))
        wanted = [f"{name}=={versions[name]}" for name in TOUCHED]
        torch = next(line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
        subprocess.run([*pip, torch, *wanted], check=True)
    else:
        here = next(path for path in sys.path if path.endswith("site-packages"))
        site = next((folder / "python" / "lib").glob("python*/site-packages"))
        (site / "shared.pth").write_text(f"{here}\n", encoding="utf-8")
    stub = folder / "stub" / "google" / "colab"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text(STUB, encoding="utf-8")
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-colab.py").write_text("import google.colab\n", encoding="utf-8")
    kernel = folder / "jupyter" / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Colab", "language": "python"}))
    inherited = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "COMPANION_DATA"}}
    return Room(
        python=python,
        environment=inherited
        | {name: value for name, value in ENVIRONMENT.items() if name != "MPLBACKEND"}
        | {
            "PYTHONPATH": str(folder / "stub"),
            "IPYTHONDIR": str(folder / "ipython"),
            "JUPYTER_DATA_DIR": str(folder / "jupyter"),
            "GIT_CONFIG_COUNT": "2",
            "GIT_CONFIG_KEY_0": f"url.file://{ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": repository_address(),
            # A clone that belongs to somebody else, as in a container, may be read all the same.
            "GIT_CONFIG_KEY_1": "safe.directory",
            "GIT_CONFIG_VALUE_1": "*",
            "PIP_NO_INPUT": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        },
    )


def versions_in(room: Room) -> dict[str, str]:
    """What is installed in a room, by canonical name."""
    listed = subprocess.run(
        [room.python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        env=dict(room.environment), check=True, capture_output=True, text=True,
    )  # fmt: skip
    return preinstalled(listed.stdout)


def run_notebook(path: Path, room: Room) -> dict[str, Any]:
    """Run one notebook in an empty folder of the room: cells run, what pip added and replaced, the first error."""
    import nbformat
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    before = versions_in(room)
    error = ""
    with tempfile.TemporaryDirectory() as empty:
        specs = KernelSpecManager(kernel_dirs=[str(Path(room.environment["JUPYTER_DATA_DIR"]) / "kernels")])
        manager = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=specs)
        client = NotebookClient(notebook, km=manager, timeout=900, resources={"metadata": {"path": empty}})
        try:
            client.execute(env=dict(room.environment))
        except CellExecutionError as failed:
            error = f"{failed.ename}: {failed.evalue}"[:500]
    after = versions_in(room)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return {
        "cells": len(code),
        "run": sum(cell.execution_count is not None for cell in code),
        "error": error,
        "added": sorted(set(after) - set(before)),
        "replaced": sorted(name for name in set(before) & set(after) if before[name] != after[name]),
    }


def passed(result: Mapping[str, Any]) -> bool:
    """Whether a notebook ran to its end without replacing anything that was there."""
    return not result["error"] and result["run"] == result["cells"] and result["replaced"] == []


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--notebook", default="", help="only those whose name holds this")
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "records")
    options = parser.parse_args(arguments)
    chosen = [path for path in notebooks() if options.notebook in path.stem]
    by_name = {path.stem: ROOT / path for path in chosen}
    begin = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        room: list[Room] = []

        def measure(*, notebook: str) -> dict[str, Any]:
            if not room:
                room.append(build(Path(folder), colab_versions=True))
            return run_notebook(by_name[notebook], room[0])

        cells: list[Cell] = run_cells(
            EXPERIMENT, [{"notebook": name} for name in by_name], measure, root=options.out, command=COMMAND
        )
    failed = [cell for cell in cells if not passed(cell.result)]
    for cell in failed:
        print(f"{cell.factors['notebook']}: {cell.result['error'] or cell.result}")
    print(f"{len(cells) - len(failed)} of {len(cells)} notebooks run as in Colab, {time.perf_counter() - begin:.0f} s")
    return 1 if failed or not cells else 0


if __name__ == "__main__":
    sys.exit(main())
