"""From the notebook of an assignment to the one students get: the class's own variants in, solutions and outputs out.

nbgrader's preprocessors do what they are for: solutions are cleared between their markers, cells are locked, and the
checksums that nbgrader's own tools look for are written. What they do not know, variants and predictions, is done here.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from companion.classroom.course import Course, write_atomically
from companion.classroom.tasks import SLUGS, Assignment, load_assignment
from companion.errors import ConfigError, MissingDependencyError

PREDICT = "# one letter, before you run anything below"
HIDING = {"hide-input", "hide-cell"}


def source_notebook(slug: str) -> Path:
    """The notebook with solutions that an assignment is released from.

    Raises: ConfigError when there is none.
    """
    package = Path(str(files("companion")))
    for folder in (package / "_assignments", package.parent / "book" / "assignments"):
        if (folder / f"{slug}.ipynb").is_file():
            return folder / f"{slug}.ipynb"
    raise ConfigError(f"there is no notebook of {slug!r}", remedy=f"choose one of {', '.join(SLUGS)}")


def release(course: Course, slug: str) -> Path:
    """Write the student's notebook of an assignment into the class's `released` folder.

    The final project has no tasks that grade themselves; its notebook is released as it is, without outputs.

    Raises: ConfigError for an unknown assignment, or a notebook in which a solution would remain;
    MissingDependencyError without nbgrader.

    Taught in: book/classroom/instructors-guide
    """
    source = source_notebook(slug)
    if slug in SLUGS:
        assignment = load_assignment(slug)
        notebook = student_notebook(source, assignment, course.variants(assignment))
    else:
        notebook = _cleared(json.loads(source.read_text(encoding="utf-8")))
    path = course.released(slug)
    write_atomically(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    path.chmod(0o644)
    return path


def student_notebook(source: Path, assignment: Assignment, variants: Mapping[str, str]) -> dict[str, Any]:
    """The notebook for students as JSON: statements of the given variants, no solutions, no outputs.

    Raises: ConfigError when a task has no cell for its statement, or a line of a solution is still there;
    MissingDependencyError without nbgrader.
    """
    notebook = json.loads(source.read_text(encoding="utf-8"))
    _fill(notebook, assignment, variants, source)
    before = _bodies(notebook, assignment)
    notebook = _cleared(notebook)
    left = [name for name, body in _bodies(notebook, assignment).items() if _remains(before.get(name, ""), body)]
    if left or not before:
        raise ConfigError(
            f"the solution of {left[0] if left else assignment.slug} would be released",
            file=source,
            remedy="put it between ### BEGIN SOLUTION and ### END SOLUTION, in a cell of nbgrader's kind solution",
        )
    return notebook


def _fill(notebook: dict[str, Any], assignment: Assignment, variants: Mapping[str, str], source: Path) -> None:
    """Put statements, the names of the variants and empty predictions into the cells whose tags ask for them."""
    fillings = {"variants": "variants = {\n" + "".join(f'    "{f}": "{v}",\n' for f, v in variants.items()) + "}"}
    for task in assignment.tasks:
        fillings[f"variant:{task.function}"] = task.statement(task.variant(variants[task.function]))
        fillings[f"prediction:{task.function}"] = f'prediction_{task.function} = ""  {PREDICT}'
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        for tag in tags:
            if tag in fillings:
                cell["source"] = fillings.pop(tag)
        cell["metadata"]["tags"] = [tag for tag in tags if tag not in HIDING]
        cell["metadata"].pop("mystnb", None)
    if fillings:
        raise ConfigError(f"no cell is tagged {next(iter(fillings))}", file=source)


def _cleared(notebook: dict[str, Any]) -> dict[str, Any]:
    try:
        import nbformat
        from nbgrader.preprocessors import (
            CheckCellMetadata,
            ClearHiddenTests,
            ClearOutput,
            ClearSolutions,
            ComputeChecksums,
            LockCells,
        )
    except ImportError as error:
        raise MissingDependencyError(
            "a release needs nbgrader", remedy='pip install "finetuning-companion[grading]", as the README shows it'
        ) from error
    node, resources = nbformat.reads(json.dumps(notebook), as_version=4), {}
    # The order of nbgrader's own generate_assignment.
    for step in (CheckCellMetadata, LockCells, ClearSolutions, ClearOutput, ClearHiddenTests, ComputeChecksums):
        node, resources = step().preprocess(node, resources)
    return json.loads(nbformat.writes(node))


def _bodies(notebook: dict[str, Any], assignment: Assignment) -> dict[str, str]:
    """Function to its body, without a docstring and as Python would print it, where the notebook defines it."""
    found = {}
    functions = {task.function for task in assignment.tasks}
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = re.sub(r"^(\s*)[%!].*", r"\1pass", "".join(cell["source"]), flags=re.M)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.name in functions:
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                found[node.name] = "\n".join(map(ast.unparse, body))
    return found


def _remains(solution: str, body: str) -> bool:
    """Whether a line of the solution that says something is left in the student's body."""
    lines = {line.strip() for line in solution.splitlines() if len(line.strip()) > 12}
    return bool(lines & {line.strip() for line in body.splitlines()})
