"""What the commands print: JSON for machines on standard output, plain text for people."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

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


def listing(rows: list[list[str]]) -> str:
    """A table whose last column explains: on a terminal that it does not fit, it stands below its row, folded.

    Where the output is a file or a pipe, every row stays one line.
    """
    whole = table(rows)
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or max(map(len, whole.splitlines())) <= columns:
        return whole
    head, dashes, *lines = table([row[:-1] for row in rows]).splitlines()
    folds = [textwrap.fill(row[-1], columns, initial_indent="    ", subsequent_indent="    ") for row in rows[1:]]
    return "\n".join([head, dashes, *(line for pair in zip(lines, folds, strict=True) for line in pair)])


def table(rows: list[list[str]]) -> str:
    """Rows as aligned columns; the first row is the header."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])
