"""A notebook read as a file: its cells, their tags, and their code as plain Python."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of a notebook.

    Taught in: book/walkthroughs/train-a-tagger
    """

    position: int
    """Its place among all cells, from 0."""
    kind: str
    """`code`, `markdown` or `raw`."""
    source: str
    """What stands in it."""
    tags: frozenset[str]
    """The tags of its metadata."""


def read_cells(path: Path) -> list[Cell]:
    """The cells of a notebook in their order.

    Raises: ConfigError for a file that is not a notebook of format 4.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))["cells"]
        return [
            Cell(
                position=position,
                kind=cell["cell_type"],
                source="".join(cell["source"]),
                tags=frozenset(cell.get("metadata", {}).get("tags", [])),
            )
            for position, cell in enumerate(raw)
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"cannot be read as a notebook ({type(error).__name__}: {error})",
            remedy="Open it in Jupyter and save it again.",
            file=path,
        ) from error


def as_python(source: str) -> str:
    """Code in which every line magic (`%pip …`, `!ls`) is `pass`, so that Python can parse it."""
    return re.sub(r"^([ \t]*)[%!].*$", r"\1pass", source, flags=re.MULTILINE)


def notebooks_below(paths: Sequence[Path]) -> Iterator[Path]:
    """Every notebook named, or below a folder named, without the copies that tools keep."""
    for path in paths:
        found = sorted(path.rglob("*.ipynb")) if path.is_dir() else [path]
        yield from (file for file in found if not {".ipynb_checkpoints", "_build"} & set(file.parts))
