"""The columns of a new file by default: those that the run was trained with, where the file has them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from companion.cli.output import say
from companion.cli.source import Source, columns_in, named_columns
from companion.corpora.text import read_text, split_lines
from companion.recipes.story import MODEL_FOLDER, RUN_FILE, read_story


def as_in_training(source: Source, folder: Path) -> Source:
    """The source, its one file read with the columns of the run in a folder, where none are named and it has them.

    Raises:
        DataError: the file cannot be read.
    """
    inside = folder.name == MODEL_FOLDER and not (folder / RUN_FILE).is_file()
    columns = (read_story(folder.parent if inside else folder).get("origin") or {}).get("columns")
    if source.train is None or source.columns is not None or not columns or not _has(source, columns):
        return source
    say(f"{Path(source.train).name} is read with the columns of the run: {columns} (--columns names others)")
    return replace(source, columns=columns)


def _has(source: Source, columns: str) -> bool:
    """Whether the file has columns of these names, or so many."""
    named, path = named_columns(columns), Path(source.train or "")
    wanted = set(named.values())
    if source.kind != "conll":
        return any(wanted <= set(there) for there in columns_in(path, source.kind, source.encoding, named.get("text")))
    try:
        needed = max(number + 1 if number >= 0 else -number for number in map(int, wanted))
    except ValueError:
        return False
    return any(len(line.split()) >= needed for line in split_lines(read_text(path, encoding=source.encoding)))
