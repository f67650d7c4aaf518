"""Errors that name the place and say what to do.

Every error that a user can cause is a `CompanionError`; the command line prints it without a traceback.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path


class CompanionError(Exception):
    """Something a user can put right: what is wrong, where it stands, and the remedy.

    `str(error)` reads `file:line: what is wrong. Remedy.`; the parts stay available as attributes.
    """

    def __init__(
        self,
        problem: str,
        *,
        remedy: str = "",
        file: str | Path | None = None,
        line: int | None = None,
    ) -> None:
        self.problem = problem
        self.remedy = remedy
        self.file = None if file is None else str(file)
        self.line = line
        super().__init__(problem, remedy, self.file, line)

    def __reduce__(self) -> tuple[partial[CompanionError], tuple[()]]:
        # Python rebuilds an exception from its positional arguments alone, which these are not.
        return partial(type(self), self.problem, remedy=self.remedy, file=self.file, line=self.line), ()

    def __str__(self) -> str:
        place = "" if self.file is None else f"{self.file}: " if self.line is None else f"{self.file}:{self.line}: "
        remedy = f"\n  → {self.remedy}" if self.remedy else ""
        return f"{place}{self.problem}{remedy}"


class DataError(CompanionError):
    """A corpus file, row, sentence or label that cannot be read as asked."""


class AlignmentError(CompanionError):
    """Words and word pieces that cannot be matched, or a ledger that does not balance."""


class ModelError(CompanionError):
    """A model, tokenizer or weight file that cannot be used."""


class ConfigError(CompanionError):
    """A setting outside its allowed range; names the field and the range."""


class ObjectiveError(CompanionError):
    """A loss or its counts that the loop cannot use."""


class CheckpointError(CompanionError):
    """A checkpoint that is missing, damaged, or belongs to another run."""


class NonFiniteError(CompanionError):
    """A loss or gradient that is not a finite number; names the rows of the step."""


class MemoryLimitError(CompanionError):
    """A piece of an update that does not fit in memory and cannot be cut any smaller; names its rows."""


class ProcessError(CompanionError):
    """Another process of the same run that failed, ended, or cannot be reached."""


class EvaluationError(CompanionError):
    """Gold and predicted labels that cannot be compared."""


class ExportError(CompanionError):
    """A model that could not be written, or does not survive the round trip."""


class RecordError(CompanionError):
    """A result record that is missing, incomplete, or does not follow the schema."""


class IsolationError(CompanionError):
    """Student code that cannot be run apart from everything else on this system; names what can be done."""


class SubmissionError(CompanionError):
    """A submission that cannot be taken: an archive, a notebook or a name that is refused."""


class MissingDependencyError(CompanionError, ImportError):
    """An optional package that the called function needs; names the extra that installs it."""
