"""What a headline hides: the baseline that needs no model, and the score without the class that fills the table."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from companion.errors import EvaluationError
from companion.evaluation.forensics.ranges import Recomputed, recompute
from companion.evaluation.forensics.reading import read_table
from companion.evaluation.forensics.table import ResultsTable


@dataclass(frozen=True, kw_only=True, slots=True)
class Baseline:
    """The scores of always answering with the largest class; exact fractions.

    Taught in: book/walkthroughs/reading-a-results-table
    """

    label: str
    """The largest class; the first of equals."""
    support: int
    """Its items."""
    total: int
    """All items."""
    classes: int
    """Rows of the table."""

    @property
    def accuracy(self) -> Fraction:
        """Its share of the items."""
        return Fraction(self.support, self.total)

    @property
    def weighted_f1(self) -> Fraction:
        """Its own F1 times its share; every other class has F1 0."""
        return self._own_f1 * self.accuracy

    @property
    def macro_f1(self) -> Fraction:
        """Its own F1 divided by the number of classes."""
        return self._own_f1 / self.classes

    @property
    def _own_f1(self) -> Fraction:
        """Recall is 1 and precision the share p: F1 is 2p/(1 + p)."""
        return 2 * self.accuracy / (1 + self.accuracy)

    def __str__(self) -> str:
        scores = {"accuracy": self.accuracy, "weighted F1": self.weighted_f1, "macro F1": self.macro_f1}
        return f"always {self.label}: " + ", ".join(f"{name} {float(value):.3f}" for name, value in scores.items())


def trivial_baseline(table: ResultsTable | str) -> Baseline:
    """What a table's supports give to whoever always answers with the largest class.

    Raises: EvaluationError for a table with a class that has no support, or no items at all; as `read_table`.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    table = read_table(table) if isinstance(table, str) else table
    total = table.total
    if not total:
        raise EvaluationError(
            "the baseline needs the support of every class", remedy="add the support column, or the class sizes"
        )
    largest = max(table.rows, key=lambda row: row.support or 0)
    return Baseline(label=largest.name, support=largest.support or 0, total=total, classes=len(table.rows))


def without(table: ResultsTable | str, *names: str) -> Recomputed:
    """The averages of the classes that remain when some are left out, as ranges: `without(table, "O").micro.f1`.

    Raises: EvaluationError for a name that is no class of the table, or none that remains; as `read_table`.
    Taught in: book/walkthroughs/reading-a-results-table
    """
    table = read_table(table) if isinstance(table, str) else table
    known = [row.name for row in table.rows]
    unknown = [name for name in names if name not in known]
    kept = [row for row in table.rows if row.name not in names]
    if unknown or not kept:
        problem = f"{unknown[0]!r} is no class of this table" if unknown else "no class remains"
        raise EvaluationError(problem, remedy=f"name some of {', '.join(known)}")
    return recompute(kept)
