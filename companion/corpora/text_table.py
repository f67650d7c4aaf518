"""Tables of text: cells in columns, folded where the terminal is narrower; no cell is cut, and no number is parted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

INDENT = 2
LEAST_NAME = 20
"""Columns of the screen that the name of a row needs to be folded beside its numbers."""
PARTS = re.compile(r"(?<=\s)(?=\S)|(?<=[^\W\d][-_])(?=[^\W\d])")
"""Where a line may end: after a blank, and after a hyphen or an underscore between letters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTable:
    """A heading, rows, and how they are set; a Chinese character takes two columns of the screen, as any wide one."""

    heading: Sequence[str]
    """The names of the columns."""
    rows: Sequence[Sequence[str] | None]
    """The cells; None is a further rule, such as the one between rows and their averages."""
    left: int | None = None
    """How many columns, from the first on, are set to the left, and the others to the right; None: all."""
    least: int = 0
    """How wide a column other than the first is at least, where there is room."""
    ruled: bool = True
    """Whether a rule stands below the heading."""
    parted: bool = False
    """Whether the rule has a gap between two columns."""
    explained: bool = False
    """Whether the last column explains its row, and stands below it where there is no room beside it."""

    def text(self, width: int | None = None) -> str:
        """The table, within `width` columns of the screen if it is given.

        Headings are stacked first, then the gaps narrowed, then the names of the rows folded; what is too wide even so
        becomes a list, each row's cells one below the other. Where the last column explains its row, it goes below it
        first, and what else has no room beside the others.
        """
        lines = self._set(self.heading, self.rows, least=self.least)
        if width is not None and _widest(lines) > width:
            listed = _listed(self.heading, [row for row in self.rows if row is not None], width)
            lines = next((found for found in self._narrower(width) if _widest(found) <= width), listed)
        return "\n".join(lines)

    def _narrower(self, width: int) -> Iterator[list[str]]:
        """The lines of the table, narrower each time, and not always narrow enough."""
        for kept in range(len(self.heading) - 1, 0, -1) if self.explained else ():
            below = [row and self._explanation(row, kept, width) for row in self.rows]
            yield self._set(self.heading[:kept], [row and row[:kept] for row in self.rows], below=below)
        heading = [re.sub(r"[ _]", "\n", name) for name in self.heading]
        yield self._set(heading, self.rows)
        yield self._set(heading, self.rows, gap=1)
        for gap in (2, 1):
            room = width - sum(gap + column for column in _widths([heading, *self.rows])[1:])
            if room >= LEAST_NAME:
                yield self._set(heading, [row and _fold_name(row, room) for row in self.rows], gap=gap)

    def _set(
        self,
        heading: Sequence[str],
        rows: Sequence[Sequence[str] | None],
        *,
        gap: int = 2,
        least: int = 0,
        below: Sequence[Sequence[str] | None] = (),
    ) -> list[str]:
        """The lines of a table whose cells may have several, with further ones `below` each row."""
        first, *others = _widths([heading, *rows])
        widths, space = [first, *(max(width, least) for width in others)], " " * gap
        left = len(widths) if self.left is None else self.left

        def drawn(row: Sequence[str]) -> list[str]:
            lines = zip_longest(*(cell.split("\n") for cell in row), fillvalue="")
            return [
                space.join(_padded(cell, widths[place], place >= left) for place, cell in enumerate(line)).rstrip()
                for line in lines
            ]

        head, *blocks = [row and drawn(row) for row in (heading, *rows)]
        longest = _widest(line for block in (head, *blocks) for line in block or ())
        rule = space.join("─" * width for width in widths) if self.parted else "-" * longest
        found = [*head, rule] if self.ruled else head
        for block, told in zip_longest(blocks, below, fillvalue=()):
            found += [rule] if block is None else [*block, *told]
        return found

    def _explanation(self, row: Sequence[str], kept: int, width: int) -> list[str]:
        """The lines below a row of which so many cells are kept in columns."""
        named = [f"{name} {cell}" for name, cell in zip(self.heading[kept:-1], row[kept:-1], strict=True)]
        indent = " " * 2 * INDENT
        return [indent + line for line in folded(" · ".join([*named, row[-1]]), width - len(indent))]


def extent(text: str) -> int:
    """How many columns of the screen a line takes: two for a wide character, none for an accent on its own."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(character) in {"W", "F"} for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in {"Mn", "Me", "Cf"} for character in text)


def folded(text: str, room: int) -> list[str]:
    """A text in lines of `room` columns, which end between words, and inside a word only where it is longer."""
    lines = [""]
    for part in PARTS.split(" ".join(text.split("\n"))):
        word = extent(part.rstrip())
        if lines[-1] and extent(lines[-1]) + word > room >= word:
            lines.append("")
        for character in part:
            if extent(lines[-1] + character) > room and not character.isspace():
                lines.append("")
            lines[-1] += character
    return [line.rstrip() for line in lines]


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - extent(cell))
    return space + cell if right else cell + space


def _widest(lines: Iterable[str]) -> int:
    return max(map(extent, lines))


def _widths(rows: Sequence[Sequence[str] | None]) -> list[int]:
    """The width of each column."""
    return [max(_widest(cell.split("\n")) for cell in column) for column in zip(*filter(None, rows), strict=True)]


def _fold_name(row: Sequence[str], room: int) -> list[str]:
    """The row with a name on as many lines as it needs, the further ones indented."""
    name, *cells = row
    return [f"\n{'':{INDENT}}".join(folded(name, room - INDENT)), *cells]


def _listed(heading: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Each row under its first cell: heading and cell side by side, both folded where they have to be."""
    names = heading[1:]
    word = max((extent(part.rstrip()) for row in rows for cell in row[1:] for part in PARTS.split(cell)), default=0)
    # Names make way for a number that would have to be parted.
    side = min(max(map(extent, names), default=0), width // 2, max(width // 4, width - 2 * INDENT - word))
    lines = []
    for first, *cells in rows:
        lines += folded(" ".join(filter(None, (heading[0], first))), width)
        for name, cell in zip(names, cells, strict=True):
            if cell:
                pair = folded(name, side), folded(cell, width - side - 2 * INDENT)
                for left, right in zip_longest(*pair, fillvalue=""):
                    lines.append(f"{'':{INDENT}}{_padded(left, side, False)}{'':{INDENT}}{right}".rstrip())
    return lines
