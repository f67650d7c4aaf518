"""What a notebook says without being run: its definitions in order, its predictions, its shape for comparison.

The tree of a student's code is built in the jail as well: a parser can be brought down by its input.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

KEPT = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
MAGIC = re.compile(r"^\s*([%!]|[\w.]+\?{1,2}\s*$)|^\s*[\w, ]+=\s*[%!]")
SHINGLE = 8
"""Nodes of a tree that are compared together."""
MOST_SHINGLES = 4_000


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement at the top of a cell that defines something."""

    cell: int
    """Number of the code cell, from 1."""
    line: int
    """Line within the cell, from 1."""
    names: tuple[str, ...]
    """What it defines."""
    code: CodeType
    """Ready to run."""


@dataclass(slots=True)
class Notebook:
    """What was read."""

    statements: list[Statement] = field(default_factory=list)
    """Imports, definitions and assignments, in order; nothing else of a notebook is run."""
    unreadable: list[tuple[int, int]] = field(default_factory=list)
    """Cell and line of each syntax error."""
    magics: list[int] = field(default_factory=list)
    """Cells in which lines for the shell or the notebook were left out."""
    definitions: dict[str, list[int]] = field(default_factory=dict)
    """Function to the cells that define it, in order; the last one counts."""
    predictions: dict[str, str] = field(default_factory=dict)
    """Function to the text that `prediction_<function>` is given last."""
    shingles: dict[str, list[int]] = field(default_factory=dict)
    """Function to the pieces of its tree, as numbers: names of variables, comments and layout make no difference."""

    def described(self) -> dict[str, Any]:
        """All but the code, as JSON."""
        parts = ("unreadable", "magics", "definitions", "predictions", "shingles")
        return {name: getattr(self, name) for name in parts}


def read_notebook(cells: Sequence[str], functions: Sequence[str]) -> Notebook:
    """Read the code cells of a notebook; never raises for what a student wrote."""
    notebook = Notebook()
    for number, source in enumerate(cells, 1):
        source, left_out = without_magics(source)
        if left_out:
            notebook.magics.append(number)
        try:
            tree = ast.parse(source)
            statements = [_compiled(node, number) for node in tree.body if isinstance(node, KEPT)]
        except SyntaxError as error:
            notebook.unreadable.append((number, error.lineno or 1))
            continue
        except (ValueError, RecursionError, MemoryError):
            notebook.unreadable.append((number, 1))
            continue
        notebook.statements += statements
        for node in tree.body:
            if isinstance(node, KEPT):
                _note(node, number, functions, notebook)
    return notebook


def without_magics(source: str) -> tuple[str, bool]:
    """The source with lines that only a notebook understands made empty, and whether there were any.

    A cell that is Python as it stands is left alone, so that a line that begins with `%` inside brackets stays.
    """
    if source.lstrip().startswith("%%"):
        return "", True
    try:
        ast.parse(source)
        return source, False
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        lines = source.split("\n")
    kept = [re.match(r"\s*", line)[0] + "pass" if MAGIC.match(line) else line for line in lines]
    return "\n".join(kept), kept != lines


def _compiled(node: ast.stmt, cell: int) -> Statement:
    code = compile(ast.Module([node], []), f"<cell {cell}>", "exec")
    return Statement(cell, node.lineno, tuple(_names(node)), code)


def _names(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    else:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def _note(node: ast.stmt, cell: int, functions: Sequence[str], notebook: Notebook) -> None:
    """Write down a definition or a prediction of one of the functions."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        for name in _names(node):
            if name.removeprefix("prediction_") in functions and name.startswith("prediction_"):
                notebook.predictions[name.removeprefix("prediction_")] = node.value.value[:20]
    for name in _names(node):
        if name in functions:
            notebook.definitions.setdefault(name, []).append(cell)
            notebook.shingles[name] = shingles(node)


def shingles(tree: ast.AST) -> list[int]:
    """Every run of `SHINGLE` nodes of a tree, as sorted numbers of 32 bits."""
    words = list(_words(tree))
    runs = ("\x1f".join(words[i : i + SHINGLE]) for i in range(max(len(words) - SHINGLE + 1, 1)))
    found = {
        int.from_bytes(hashlib.blake2b(run.encode("utf-8", "replace"), digest_size=4).digest(), "big") for run in runs
    }
    return sorted(found)[:MOST_SHINGLES]


def _words(tree: ast.AST) -> Iterator[str]:
    """The nodes from the top down; names of variables and texts say only that they are one."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Attribute):
            yield f"Attribute {node.attr}"
        elif isinstance(node, ast.Constant):
            yield f"Constant {node.value}" if isinstance(node.value, int | float) else "Constant"
        elif not isinstance(node, ast.Load | ast.Store | ast.arguments | ast.arg):
            yield type(node).__name__
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node, clean=False) is not None:
            children.remove(node.body[0])
        waiting += reversed(children)
