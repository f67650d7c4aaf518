"""What a rule is: a question that the text of a program can answer, and the page that explains the answer."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.doctor.findings import Finding
from companion.doctor.probe import CannotCheck, Outcome

if TYPE_CHECKING:
    from companion.doctor.reading.script import Script

__all__ = ["CannotCheck", "Rule"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One question about a program's text.

    Taught in: book/engineering/a-second-opinion
    """

    name: str
    """A few words; the same as the probe's that measures the same."""
    question: str
    """What it asks."""
    proves: str
    """What its evidence shows, and no more."""
    page: str
    """The page of the book, and after `#` the cell."""
    examine: Callable[[Script], Outcome]
    """Answers the question; raises `CannotCheck` where the text holds nothing to judge, or cannot be understood."""

    def finding(
        self, script: Script, node: ast.AST, severity: str, measured: str, advice: str, **numbers: float
    ) -> Finding:
        """A finding of this rule, at the line of a node."""
        place = script.source.place(node)
        return Finding(
            probe=self.name,
            severity=severity,
            measured=measured,
            advice=advice,
            page=self.page,
            numbers=numbers,
            **place,
        )
