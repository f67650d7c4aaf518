"""Unlabelled text that ships with the book: one sentence a line, an empty line between articles."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from companion.corpora.location import data_root
from companion.corpora.manifest import verify_file
from companion.corpora.text import read_text, split_lines
from companion.errors import DataError

FOLDER = "newsroom/unlabelled"


class Story(NamedTuple):
    """One unlabelled article."""

    topic: str
    """Its beat, the name of its file."""
    sentences: tuple[str, ...]
    """Its sentences in order, headline included."""


def load_unlabelled() -> list[Story]:
    """The unlabelled articles of Newsroom, every file verified by its digest.

    Raises:
        DataError: a file is missing or altered, or there is none.

    Taught in: book/reference/newsroom
    """
    root = data_root()
    names = sorted(path.name for path in (root / FOLDER).glob("*.txt"))
    if not names:
        raise DataError("there is no unlabelled text", file=root / FOLDER, remedy="Install the package again.")
    return [story for name in names for story in read_stories(verify_file(root, f"{FOLDER}/{name}"))]


def read_stories(path: str | Path) -> list[Story]:
    """The articles of one file.

    Raises:
        DataError: with file and line, for a line with white space at its ends or twice inside, or with brackets, which
            belong to the labelled source.

    Taught in: book/reference/newsroom
    """
    stories: list[Story] = []
    block: list[str] = []
    for number, line in enumerate([*split_lines(read_text(path)), ""], start=1):
        if line != " ".join(line.split()) or any(mark in line for mark in "[]|"):
            raise DataError(
                f"{line[:60]!r} is no plain sentence",
                file=path,
                line=number,
                remedy="One sentence a line, single spaces, no [, ] or |; an empty line between articles.",
            )
        if line:
            block.append(line)
        elif block:
            stories.append(Story(Path(path).stem, tuple(block)))
            block = []
    return stories
