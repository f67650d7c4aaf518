"""What an examination found: findings with their evidence, what is healthy, and what could not be checked.

A finding never stands alone: it says what was measured, in numbers, what to do, and where the reason is taught. What
was not examined is said as well, with the reason, so that a short report is never taken for a clean one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

SCHEMA = 1
"""The version of the JSON that `Report.to_dict` gives; it grows when a field changes its meaning or goes."""
ERROR, WARNING, NOTE = "error", "warning", "note"
SEVERITIES = (ERROR, WARNING, NOTE)
LONGEST, LONGEST_WORD = 600, 120
"""Characters of one text, and of one word in it, that the report in words shows."""
MARKS = {ERROR: "✗", WARNING: "!", NOTE: "·"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a question.

    Taught in: book/engineering/a-second-opinion
    """

    probe: str
    """The probe that found it."""
    severity: str
    """ "error" (the result is not what it seems), "warning" (it costs quality or is a trap), "note" (good to know)."""
    measured: str
    """What was measured, with its numbers, in a sentence or two."""
    advice: str
    """What to do."""
    page: str
    """Where the reason is taught: a page of the book, and after `#` the cell."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """The numbers of the sentence, for a program."""
    file: str = ""
    """The file in which it stands, where code was read."""
    cell: int | None = None
    """The cell of a notebook, counted from 1 over all its cells."""
    line: int | None = None
    """The line in the file, or in the cell."""
    raw_line: int | None = None
    """The line in the file itself, also of a notebook, for an annotation."""

    @property
    def where(self) -> str:
        """`train.py, line 41`, `notebook.ipynb, cell 3, line 2`, or nothing."""
        cell = "" if self.cell is None else f", cell {self.cell}"
        return "" if self.line is None else f"{self.file}{cell}, line {self.line}"

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        measured, advice = brief(self.measured), brief(self.advice)
        return f"{MARKS[self.severity]} {self.probe}{where}: {measured}\n    → {advice}\n    why: {self.page}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Healthy:
    """A probe that looked and found nothing wrong.

    Taught in: book/engineering/a-second-opinion
    """

    probe: str
    """The probe."""
    measured: str
    """What it measured."""
    page: str
    """Where it is taught."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Unchecked:
    """A probe that could not look.

    Taught in: book/engineering/a-second-opinion
    """

    probe: str
    """The probe."""
    reason: str
    """What is missing, or what could not be understood."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The outcome of an examination; `print` it, let a notebook show it, or read `to_json()`.

    `to_dict` gives, under schema 1: `schema` (this number), `exit_code`, `summary` (a sentence), `findings` (objects
    with `probe`, `severity`, `measured`, `advice`, `page`, `numbers` and `place`; the worst first), `healthy` (`probe`,
    `measured`, `page`) and `not_checked` (`probe`, `reason`). `place` is null, or where code was read `file`, `cell`
    (null in a script) and `line`. Every probe is in exactly one of the three lists, except that one probe may have
    several findings, and that parts of a file which were not read are listed as `not read`. The text, and not the JSON,
    cuts what is very long in its middle.

    Taught in: book/engineering/a-second-opinion
    """

    findings: tuple[Finding, ...]
    """What is wrong, the worst first."""
    healthy: tuple[Healthy, ...]
    """What was measured and is right."""
    not_checked: tuple[Unchecked, ...]
    """What was not examined, and why."""

    def of(self, severity: str) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(finding for finding in self.findings if finding.severity == severity)

    @property
    def exit_code(self) -> int:
        """For a command line: 1 where there is an error, otherwise 0; warnings and notes do not fail a build."""
        return int(bool(self.of(ERROR)))

    def fails(self, severity: str) -> bool:
        """Whether there is a finding at least as bad as this.

        Raises:
            ValueError: there is no such severity.
        """
        return any(SEVERITIES.index(finding.severity) <= SEVERITIES.index(severity) for finding in self.findings)

    @property
    def summary(self) -> str:
        """The outcome in a sentence."""
        found = [f"{number} {word}{'s' * (number != 1)}" for word in SEVERITIES if (number := len(self.of(word)))]
        looked = f"{len(self.healthy)} healthy, {len(self.not_checked)} not checked"
        return f"{', '.join(found) or 'nothing found'}; {looked}."

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values, as the docstring of the class describes them."""
        return {
            "schema": SCHEMA,
            "exit_code": self.exit_code,
            "summary": self.summary,
            "findings": [
                {name: getattr(finding, name) for name in ("probe", "severity", "measured", "advice", "page")}
                | {"numbers": dict(finding.numbers), "place": _place(finding)}
                for finding in self.findings
            ],
            "healthy": [{"probe": one.probe, "measured": one.measured, "page": one.page} for one in self.healthy],
            "not_checked": [{"probe": one.probe, "reason": one.reason} for one in self.not_checked],
        }

    def to_json(self) -> str:
        """`to_dict` as one JSON object; what is no finite number in it is null."""
        return json.dumps(_finite(self.to_dict()), ensure_ascii=False, allow_nan=False)

    def annotations(self, file: str | None = None) -> list[str]:
        """One line a finding that GitHub Actions shows beside the code.

        Where code was read each stands at its own line; `file` is where the others are pinned.
        """
        words = {ERROR: "error", WARNING: "warning", NOTE: "notice"}
        return [
            f"::{words[finding.severity]} {_pinned(finding, file)}"
            f"title={_property(f'companion doctor: {finding.probe}')}::"
            + _message("\n".join(filter(None, (finding.where, finding.measured, finding.advice, finding.page))))
            for finding in self.findings
        ]

    def __str__(self) -> str:
        lines = [self.summary, *map(str, self.findings)]
        lines += [f"✓ {one.probe}: {brief(one.measured)}" for one in self.healthy]
        lines += [f"– not checked: {one.probe}: {brief(one.reason)}" for one in self.not_checked]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from companion.doctor.page import page_of

        return page_of(self)


def brief(text: str) -> str:
    """A text for reading, on one line: very long words, and very long texts, lose their middle."""
    return _cut(" ".join(_cut(word, LONGEST_WORD) for word in text.split()), LONGEST)


def _cut(text: str, most: int) -> str:
    tail = most // 4
    return text if len(text) <= most else f"{text[: most - tail - 1]}…{text[-tail:]}"


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _place(finding: Finding) -> dict[str, Any] | None:
    return None if finding.line is None else {"file": finding.file, "cell": finding.cell, "line": finding.line}


def _pinned(finding: Finding, file: str | None) -> str:
    file = finding.file or file
    line = f"line={finding.raw_line}," if finding.raw_line is not None else ""
    return f"file={_property(file)},{line}" if file else ""


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
