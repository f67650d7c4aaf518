"""What a probe is: a question, what it needs, what it costs, what it proves, and the page that explains it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.doctor.findings import Finding

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

Outcome = str | Sequence[Finding]
"""What was measured where all is well, or the findings."""


class CannotCheck(Exception):
    """A probe that lacks what it needs, or does not understand what it was given; the reason is its message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One question about a patient, and how it is answered.

    Taught in: book/engineering/a-second-opinion
    """

    name: str
    """A few words: how findings and reports call it."""
    question: str
    """What it asks."""
    needs: str
    """What has to be handed over."""
    costs: str
    """What it takes, in forward and backward passes or in rows read."""
    proves: str
    """What its evidence shows, and no more."""
    page: str
    """The page of the book, and after `#` the cell."""
    examine: Callable[[Patient], Outcome]
    """Answers the question; raises `CannotCheck` with the reason where it cannot."""

    def finding(self, severity: str, measured: str, advice: str, **numbers: float) -> Finding:
        """A finding of this probe."""
        return Finding(
            probe=self.name, severity=severity, measured=measured, advice=advice, page=self.page, numbers=numbers
        )


def need(thing: object, reason: str) -> None:
    """Refuse to look where something is missing.

    Raises:
        CannotCheck: `thing` is None or empty.
    """
    if thing is None or (isinstance(thing, list | tuple | dict) and not thing):
        raise CannotCheck(reason)


def plural(number: int, word: str, many: str | None = None) -> str:
    """`1 row`, `1,250 rows`."""
    return f"{number:,} {word if number == 1 else many or word + 's'}"
