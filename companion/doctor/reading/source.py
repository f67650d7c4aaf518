"""The text of a script or a notebook as one syntax tree whose lines know their cell; nothing is run.

Of a notebook the code cells are read in order. Shell lines, magics, and cells that are no Python are left out, and
said.
"""

from __future__ import annotations

import ast
import io
import json
import re
import tokenize
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from companion.errors import DataError

MOST_BYTES = 64 * 2**20
MOST_LINES = 50_000
KEPT_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")
"""Cell magics whose cell is Python all the same."""
SPOKEN = re.compile(r"^(\s*)%(?:time|timeit|prun)\s+(?!-)(.+)$")
MAGIC = re.compile(r"^(\s*)(?:[%!?]|[\w.]+\?{1,2}\s*$)")
CAUGHT = re.compile(r"^(\s*)([\w.,\s]+?)=\s*[%!]")


@dataclass(kw_only=True, slots=True)
class Source:
    """What was read of a file."""

    file: Path
    """The file."""
    tree: ast.Module
    """Its Python, the cells of a notebook one after another."""
    skipped: list[str] = field(default_factory=list)
    """What was not read, where, and why."""
    lines: list[tuple[int | None, int, int]] = field(default_factory=list)
    """For each line of the tree: its cell (None in a script), its line there, and its line in the file."""

    def place(self, node: ast.AST) -> dict[str, Any]:
        """File, cell and line of a node, and the line in the file itself, for an annotation."""
        cell, line, raw = self.lines[getattr(node, "lineno", 1) - 1]
        return {"file": str(self.file), "cell": cell, "line": line, "raw_line": raw}

    def said(self, node: ast.AST) -> str:
        """`line 12`, or `cell 3, line 2`."""
        cell, line, _ = self.lines[getattr(node, "lineno", 1) - 1]
        return f"line {line}" if cell is None else f"cell {cell}, line {line}"


def open_source(path: str | Path) -> Source:
    """Read the Python of a script (`.py`) or a notebook (`.ipynb`).

    Raises:
        DataError: there is no such file, it is too large, it is neither, or none of it is Python; names the line.
    """
    path = Path(path)
    text = _text(path)
    source = _of_notebook(path, text) if path.suffix == ".ipynb" else _of_script(path, text)
    if not source.tree.body:
        told = f" ({source.skipped[0]})" if source.skipped else ""
        raise DataError(f"there is no code in it{told}", file=path, remedy="name the file that trains")
    return source


def _text(path: Path) -> str:
    if path.suffix not in (".py", ".ipynb"):
        raise DataError("this is neither a script nor a notebook", file=path, remedy="name a .py or an .ipynb file")
    if not path.is_file():
        raise DataError("there is no such file", file=path, remedy="check the path")
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(
                f"it has {size:,} bytes, too many to read",
                file=path,
                remedy="clear the outputs of the notebook, or name the file that trains",
            )
        raw = path.read_bytes()
        encoding = "utf-8" if path.suffix == ".ipynb" else tokenize.detect_encoding(io.BytesIO(raw).readline)[0]
        text = raw.decode(encoding)
    except (UnicodeDecodeError, SyntaxError, LookupError) as error:
        raise DataError(f"it is no text: {error}", file=path, remedy="save it as UTF-8") from error
    except OSError as error:
        raise DataError(f"it cannot be read: {error}", file=path, remedy="check its permissions") from error
    return text.removeprefix("\ufeff")


def _of_script(path: Path, text: str) -> Source:
    count = text.count("\n") + 1
    _refuse_huge(path, count)
    try:
        tree = _parse(text)
    except SyntaxError as error:
        raise DataError(
            f"this is not Python: {error.msg}",
            file=path,
            line=error.lineno,
            remedy="put the line right, or run the file once to see where it stops",
        ) from error
    return Source(file=path, tree=tree, lines=[(None, line, line) for line in range(1, count + 2)])


def _of_notebook(path: Path, text: str) -> Source:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        told = getattr(error, "msg", "it is nested too deeply")
        raise DataError(f"this is no notebook: {told}", file=path, line=line, remedy="save it again") from error
    cells = document.get("cells") if isinstance(document, dict) else None
    if not isinstance(cells, list):
        raise DataError("this is no notebook: it has no list of cells", file=path, remedy="save it as version 4")
    spoken = ((document.get("metadata") or {}).get("kernelspec") or {}).get("language", "python")
    if str(spoken).lower() != "python":
        raise DataError(f"this notebook is written in {spoken}", file=path, remedy="name one in Python")
    source = Source(file=path, tree=ast.Module(body=[], type_ignores=[]))
    where = _Finder(text)
    for number, cell in enumerate(cells, start=1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        written = cell.get("source", "")
        _add_cell(source, number, "".join(map(str, written)) if isinstance(written, list) else str(written), where)
    return source


def _add_cell(source: Source, number: int, text: str, where: _Finder) -> None:
    lines = text.split("\n")
    offset = len(source.lines)
    _refuse_huge(source.file, offset + len(lines))
    source.lines += [(number, place, where.line_of(line)) for place, line in enumerate([*lines, ""], start=1)]
    first = lines[0].lstrip()
    if first.startswith("%%") and not first.startswith(KEPT_MAGICS):
        source.skipped.append(f"cell {number} ({first[:40]})")
        return
    try:
        tree = _parse(text)
    except SyntaxError:
        kept, left_out = _without_magics(lines)
        source.skipped += [f"cell {number}, line {line} ({told[:40]})" for line, told in left_out]
        try:
            tree = _parse("\n".join(kept))
        except SyntaxError as error:
            source.skipped.append(f"cell {number}: line {error.lineno} is not Python ({error.msg})")
            return
    ast.increment_lineno(tree, offset)
    source.tree.body += tree.body


def _without_magics(lines: list[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """The lines with something harmless in place of what IPython alone understands, and what that was."""
    kept, left_out = [], []
    for place, line in enumerate(lines, start=1):
        if timed := SPOKEN.match(line):
            kept.append(timed[1] + timed[2])
        elif magic := MAGIC.match(line):
            kept.append(f"{magic[1]}pass")
            left_out.append((place, line.strip()))
        elif caught := CAUGHT.match(line):
            kept.append(f"{caught[1]}{caught[2].strip()} = None")
            left_out.append((place, line.strip()))
        else:
            kept.append(line)
    return kept, left_out


def _parse(text: str) -> ast.Module:
    """The syntax tree.

    Raises:
        SyntaxError: it is not Python, or nested beyond what the parser takes.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
            return compile(text, "<read>", "exec", flags=flags, dont_inherit=True)
        except (ValueError, RecursionError, MemoryError) as error:  # null bytes; nested too deeply
            raise SyntaxError(str(error) or "nested too deeply") from error


def _refuse_huge(path: Path, lines: int) -> None:
    if lines > MOST_LINES:
        raise DataError(f"it has more than {MOST_LINES:,} lines of code", file=path, remedy="name the file that trains")


class _Finder:
    """Where the lines of a notebook's cells stand in its file, for annotations; 1 where nobody can tell."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.at = 0

    def line_of(self, line: str) -> int:
        """The next line of the file that holds this one, as JSON spells it."""
        spellings = [json.dumps(line, ensure_ascii=flag)[1:-1] for flag in (False, True)]
        for place in range(self.at, len(self.lines) if line.strip() else self.at):
            if any(f'"{spelling}' in self.lines[place] for spelling in spellings):
                self.at = place + 1
                return self.at
        return max(self.at, 1)
