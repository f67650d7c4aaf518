"""Tables that are wider than the reader's terminal, set anew: nothing is cut, and no number is shortened."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from itertools import pairwise, zip_longest

NARROWEST, USUAL = 80, 100
"""Columns that every terminal is taken to have, and those of a file or a pipe."""
RULE = re.compile(r"[-─][-─ ]+")
INDENT = 2
LEAST_NAME = 20
"""Columns that the name of a row needs to be folded beside its numbers."""


def columns() -> int:
    """How many columns there are to print on."""
    if not sys.stdout.isatty():
        return USUAL
    return max(NARROWEST, shutil.get_terminal_size((USUAL, 24)).columns)


def fitted(text: str, width: int | None = None) -> str:
    """A text in which no table is wider than `width`; a table is a heading, a rule below it, and rows to a blank line.

    Headings are stacked first, then the gaps narrowed, then the names of the rows folded; what is too wide even so
    becomes a list, each row's cells one below the other.
    """
    width = columns() if width is None else width
    lines, done = text.split("\n"), []
    while lines:
        if len(lines) < 2 or not RULE.fullmatch(lines[1]):
            done.append(lines.pop(0))
            continue
        end = next((place for place, line in enumerate(lines) if not line.strip()), len(lines))
        whole, lines = lines[:end], lines[end:]
        done += whole if max(map(len, whole)) <= width else _narrowed(whole, width)
    return "\n".join(done)


def _narrowed(lines: list[str], width: int) -> list[str]:
    """The lines of a table, within a width."""
    cells = _cells([line for line in lines if not RULE.fullmatch(line)])
    right = [_ends_together(column) for column in cells]
    set_rows = iter([[cell.strip() for cell in row] for row in zip(*cells, strict=True)])
    heading = next(set_rows)
    # A further rule parts the rows from their averages.
    rows = [None if RULE.fullmatch(line) else next(set_rows) for line in lines[2:]]
    stack = [list(line) for line in zip_longest(*(re.split(r"[ _]", name) for name in heading), fillvalue="")]
    for head, gap in (([heading], 2), (stack, 2), (stack, 1)):
        found = _set(head, rows, right, gap)
        if max(map(len, found)) <= width:
            return found
    room = width - max(map(len, _set(stack, [row and ["", *row[1:]] for row in rows], right, 2)))
    if room >= LEAST_NAME:
        return _set(stack, _named_below(rows, room), right, 2)
    return _listed(heading, [row for row in rows if row is not None], width)


def _cells(lines: list[str]) -> list[list[str]]:
    """The cells column by column: two blanks or more in every line part two columns."""
    longest = max(map(len, lines))
    lines = [line.ljust(longest) for line in lines]
    blank = [all(line[place] == " " for line in lines) for place in range(longest)]
    gaps = [match.span() for match in re.finditer(r"1{2,}", "".join("1" if one else "0" for one in blank))]
    edges = [(0, 0), *(gap for gap in gaps if gap[0] > 0 and gap[1] < longest), (longest, longest)]
    return [[line[before[1] : after[0]] for line in lines] for before, after in pairwise(edges)]


def _ends_together(column: list[str]) -> bool:
    """Whether the cells are set to the right."""
    return all(not cell.strip() or cell[-1] != " " for cell in column)


def _set(head: list[list[str]], rows: Sequence[list[str] | None], right: list[bool], gap: int) -> list[str]:
    """The lines of a table: headings, a rule, and the rows, with a rule for each None."""
    cells = [*head, *(row for row in rows if row is not None)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]

    def line(row: list[str]) -> str:
        placed = zip(row, widths, right, strict=True)
        return (" " * gap).join(cell.rjust(w) if ends else cell.ljust(w) for cell, w, ends in placed).rstrip()

    rule = "-" * max(len(line(row)) for row in cells)
    return [*map(line, head), rule, *(rule if row is None else line(row) for row in rows)]


def _named_below(rows: list[list[str] | None], room: int) -> list[list[str] | None]:
    """The rows with a long first cell folded: its further lines are rows of their own, without numbers."""
    found: list[list[str] | None] = []
    for row in rows:
        first, *more = [None] if row is None else textwrap.wrap(row[0], room - INDENT) or [""]
        found.append(row and [first, *row[1:]])
        found += [[f"{'':{INDENT}}{part}", *("" for _ in row[1:])] for part in more]
    return found


def _listed(heading: list[str], rows: list[list[str]], width: int) -> list[str]:
    """Each row under its first cell: heading and cell side by side, both folded where they have to be."""
    names = heading[1:]
    side = min(max(map(len, names), default=0), width // 2)
    lines = []
    for first, *cells in rows:
        lines += textwrap.wrap(" ".join(filter(None, (heading[0], first))), width)
        for name, cell in zip(names, cells, strict=True):
            if cell:
                pair = textwrap.wrap(name, side) or [""], textwrap.wrap(cell, width - side - 2 * INDENT)
                sides = zip_longest(*pair, fillvalue="")
                lines += [f"{'':{INDENT}}{left:{side}}{'':{INDENT}}{right}".rstrip() for left, right in sides]
    return lines
