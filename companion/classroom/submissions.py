"""What students hand in: one notebook, whatever program it passed through on its way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from companion.errors import SubmissionError

LARGEST = 16 << 20
"""Bytes of one submission; a notebook with pictures is far smaller."""
MOST_CELLS = 2_000


def code_cells(path: Path) -> list[str]:
    """The sources of the code cells of a notebook, or a script as one cell. Metadata are not looked at.

    Raises: SubmissionError when it is neither, or too large.
    """
    if path.is_symlink() or not path.is_file():
        raise SubmissionError("is not a file", file=path)
    if path.stat().st_size > LARGEST:
        raise SubmissionError(f"is larger than {LARGEST >> 20} MB", file=path, remedy="clear the outputs")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise SubmissionError("is not a text in UTF-8", file=path) from error
    if path.suffix == ".py":
        return [text]
    return [_source(cell, path) for cell in _cells(text, path) if cell.get("cell_type") == "code"]


def _cells(text: str, path: Path) -> list[dict[str, Any]]:
    if not text.strip():
        raise SubmissionError("is empty", file=path)
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SubmissionError("is not a notebook: it does not hold JSON", file=path) from error
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise SubmissionError(
            "is not a notebook of version 4: it has no list of cells", file=path, remedy="save it again in Jupyter"
        )
    if len(cells) > MOST_CELLS:
        raise SubmissionError(f"has {len(cells)} cells, more than {MOST_CELLS}", file=path)
    return cells


def _source(cell: dict[str, Any], path: Path) -> str:
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    if not all(isinstance(line, str) for line in lines):
        raise SubmissionError("is not a notebook: a cell has no text", file=path)
    return "".join(lines)
