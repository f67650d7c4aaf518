"""What the commands print: JSON for machines on standard output, plain text for people."""

from __future__ import annotations

import json
import re
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from companion.corpora.text_table import TextTable

NARROWEST = 40
"""Columns that every terminal is taken to have."""
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def plain(text: str) -> str:
    """Text from data without control characters, so that no file can drive the reader's terminal."""
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def emit(document: Any, text: str, *, as_json: bool) -> None:
    """Print the document as one JSON object, or the text."""
    print(json.dumps(document, ensure_ascii=False, allow_nan=False) if as_json else plain(text))


def say(line: str) -> None:
    """Tell a person something on standard error, where it cannot spoil the output; nobody has to be there to read."""
    with suppress(OSError):
        print(plain(line), file=sys.stderr, flush=True)


@contextmanager
def spoken_warnings() -> Iterator[None]:
    """Say warnings as sentences, without the place in our code that gave them."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *where, **more: say(f"warning: {message}")
        yield


def columns() -> int | None:
    """How many columns the terminal has; None where the output is a file or a pipe, and every row stays one line."""
    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def table(rows: list[list[str]], *, explained: bool = False) -> str:
    """Rows as a table that fits the terminal; the first row is the header, and the last column may explain its row."""
    heading, *cells = rows
    return TextTable(heading=heading, rows=cells, parted=True, explained=explained).text(columns())
