"""The notebooks of the table of contents: list them, run them for committing, prove that a test run saw them all.

    python book/_ext/notebooks.py list
    python book/_ext/notebooks.py execute [NOTEBOOK ...]
    python book/_ext/notebooks.py verify REPORT.xml

`execute` writes outputs in place, so that running an unchanged notebook twice leaves the file unchanged byte for byte.
`verify` reads the JUnit report of an nbval run and fails unless every cell of every listed notebook was checked.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# One environment for committed outputs (here) and for checked outputs (both conftest.py files): what a page shows is
# what the test saw.
ENVIRONMENT = {
    "COMPANION_STATIC": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_OFFLINE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "OMP_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}


def set_environment() -> None:
    """Puts `ENVIRONMENT` in place for this process and every kernel it starts; what the user has set is kept."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def pages(root: Path = ROOT) -> list[Path]:
    """Every source file of the table of contents, in its order, as paths relative to `root`."""
    import yaml

    def files(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [str(node[key]) for key in ("root", "file") if key in node]
            return own + [file for value in node.values() for file in files(value)]
        return [file for item in node for file in files(item)] if isinstance(node, list) else []

    found = []
    for name in files(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))):
        candidates = [Path(name), *(Path(f"{name}{suffix}") for suffix in (".md", ".ipynb"))]
        existing = [path for path in candidates if (root / path).is_file()]
        if not existing:
            raise SystemExit(f"_toc.yml: no file {name}, {name}.md or {name}.ipynb")
        found.append(existing[0])
    return found


def notebooks(root: Path = ROOT) -> list[Path]:
    """The notebooks among `pages`."""
    return [path for path in pages(root) if path.suffix == ".ipynb"]


def code_cells(path: Path) -> list[dict]:
    """The code cells of a notebook that hold any code."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def normalise(notebook) -> None:
    """Drops what differs from run to run or from machine to machine: timings, versions, empty widget state.

    Alternative text that a figure brings is copied to the metadata of its cell, where the book looks for it.
    """
    state = notebook.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state")
    if not state:
        notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            for about in output.get("metadata", {}).values():
                if isinstance(about, dict) and about.get("alt"):
                    cell.metadata.setdefault("mystnb", {}).setdefault("image", {})["alt"] = about["alt"]


def execute(path: Path) -> float:
    """Runs a notebook in its own folder and writes the outputs into it; returns the seconds it took."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    begin = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - begin
    normalise(notebook)
    nbformat.write(notebook, path)
    return seconds


def missing(report: Path, expected: list[Path], root: Path = ROOT) -> list[str]:
    """What an nbval run left out, or did not pass, of the expected notebooks; empty when it checked every cell."""
    if not expected:
        return ["_toc.yml lists no notebook"]
    passed: dict[str, int] = {path.as_posix(): 0 for path in expected}
    problems = []
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".replace("/", ".")
        for path in expected:
            dotted = path.as_posix().replace("/", ".").removesuffix(".ipynb")
            if name.startswith(f"{dotted}."):
                if any(case.find(kind) is not None for kind in ("failure", "error", "skipped")):
                    problems.append(f"{path}: {case.get('name')} did not pass")
                else:
                    passed[path.as_posix()] += 1
    for path in expected:
        cells = sum(
            bool({"nbval-skip", "skip"} & set(cell["metadata"].get("tags", []))) is False
            for cell in code_cells(root / path)
        )
        if passed[path.as_posix()] < max(cells, 1):
            problems.append(f"{path}: {passed[path.as_posix()]} of {cells} code cells checked")
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="print the notebooks of the table of contents, one a line")
    run = actions.add_parser("execute", help="run notebooks in place; without names, all of them")
    run.add_argument("notebook", nargs="*", type=Path)
    verify = actions.add_parser("verify", help="check that an nbval run saw every notebook")
    verify.add_argument("report", type=Path)
    options = parser.parse_args()

    if options.action == "list":
        listed = notebooks()
        print(
            "\n".join(map(str, listed)) if listed else "_toc.yml lists no notebook", file=None if listed else sys.stderr
        )
        return 0 if listed else 1
    if options.action == "verify":
        expected = notebooks()
        problems = missing(options.report, expected)
        print("\n".join(problems) or f"{len(expected)} of {len(expected)} notebooks of _toc.yml checked, cell by cell")
        return 1 if problems else 0
    set_environment()
    for path in options.notebook or [ROOT / path for path in notebooks()]:
        print(f"{path.name}: {execute(path):.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
