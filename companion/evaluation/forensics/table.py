"""A results table as it was printed: every number with the digits it has, nothing converted to floating point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from companion.corpora.text_table import TextTable

COLUMNS = ("precision", "recall", "f1")
LABELS = {"precision": "precision", "recall": "recall", "f1": "F1", "support": "support"}
AVERAGES = ("accuracy", "micro", "macro", "weighted", "samples", "other")
# A floating-point number printed in full is not rounded correctly in its last places, and sums of them are off by more.
FULL_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A printed share and the values that may have been rounded to it.

    Halves may have been rounded up or to the even digit: the range is closed at both ends. A number with more than
    twelve decimals is a floating-point number as it stands, and gets a range of ±10⁻¹².

    Taught in: book/walkthroughs/reading-a-results-table
    """

    text: str
    """The cell as it was printed."""
    units: int
    """The share times ten to the `digits`; 97.3 % is 973 with three digits."""
    digits: int
    """Decimals of the share."""

    @property
    def value(self) -> Fraction:
        """The printed share."""
        return Fraction(self.units, 10**self.digits)

    @property
    def scale(self) -> int:
        """What `low` and `high` are divided by."""
        return 2 * 10**self.digits

    @property
    def low(self) -> int:
        """The lowest share that is printed like this, times `scale`, and at least 0."""
        return max(0, 2 * self.units - self._half)

    @property
    def high(self) -> int:
        """The highest share that is printed like this, times `scale`, and at most 1."""
        return min(self.scale, 2 * self.units + self._half)

    @property
    def is_share(self) -> bool:
        """Whether the printed number lies between 0 and 1."""
        return 0 <= self.units <= 10**self.digits

    def admits(self, numerator: int, denominator: int) -> bool:
        """Whether numerator/denominator (positive) may have been printed like this."""
        return self.low * denominator <= numerator * self.scale <= self.high * denominator

    @property
    def _half(self) -> int:
        return 1 if self.digits <= FULL_DIGITS else 2 * 10 ** (self.digits - FULL_DIGITS)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableRow:
    """One line of a table: a class, or an average.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    name: str
    """The class, or the average's name as it was printed."""
    precision: Cell | None
    """None where the table has no number."""
    recall: Cell | None
    """None where the table has no number."""
    f1: Cell | None
    """None where the table has no number."""
    support: int | None
    """Gold items of the class, or of all classes; None where the table has no number."""
    line: int
    """The line of the text, counted from 1."""
    repeated: bool = False
    """Whether an accuracy stood in every column, as in a data frame of scikit-learn's report."""

    def cell(self, column: str) -> Cell | None:
        """The cell of "precision", "recall" or "f1"."""
        return {"precision": self.precision, "recall": self.recall, "f1": self.f1}[column]

    @property
    def cells(self) -> dict[str, Cell]:
        """The cells that hold a number, by column."""
        found = {column: self.cell(column) for column in COLUMNS}
        return {column: cell for column, cell in found.items() if cell is not None}


def is_defined(row: TableRow) -> bool:
    """Whether an average bears scikit-learn's and seqeval's own name, so that its F1 is the mean of the rows' F1."""
    return row.name.lower() in ("macro avg", "weighted avg")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultsTable:
    """A table of precision, recall, F1 and support, as `read_table` reads it.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    rows: tuple[TableRow, ...]
    """The classes, in the order of the text."""
    averages: Mapping[str, TableRow]
    """By kind: "accuracy" (its number stands under `f1`), "micro", "macro", "weighted", "samples", "other"."""
    percent: bool
    """Whether the table prints 97.3 for a share of 0.973."""

    @property
    def total(self) -> int | None:
        """The sum of the classes' supports; None where one is missing."""
        supports = [row.support for row in self.rows]
        return None if None in supports else sum(supports)  # type: ignore[arg-type]

    def __str__(self) -> str:
        rows = []
        for row in (*self.rows, *self.averages.values()):
            cells = [row.cell(column) for column in COLUMNS]
            support = "" if row.support is None else f"{row.support:,}"
            rows.append([row.name, *("" if cell is None else cell.text for cell in cells), support])
        return TextTable(heading=["", *LABELS.values()], rows=rows, left=1, least=10, ruled=False).text()
