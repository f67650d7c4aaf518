"""A second opinion on code: every rule asked of a script or a notebook, which is read and never run."""

from __future__ import annotations

from pathlib import Path

from companion.doctor.findings import SEVERITIES, Finding, Healthy, Report, Unchecked
from companion.doctor.probe import CannotCheck
from companion.doctor.reading.rules import RULES
from companion.doctor.reading.script import Script
from companion.doctor.reading.source import open_source


def read_code(path: str | Path) -> Report:
    """What can be proved to be wrong from the text of a training script (`.py`) or notebook (`.ipynb`), never run.

    Findings carry file, line, and in a notebook the cell. A rule that found nothing to judge, or did not understand,
    is in `not_checked` with its reason, and so is every cell or line that is no Python (`not read`). What a text shows
    is less than what a run shows: hand model, loader and step to `companion.doctor` for the rest.

    Raises:
        DataError: the file is missing, huge, empty, or neither Python nor a notebook; names the line.
    Taught in: book/engineering/a-second-opinion
    """
    script = Script(open_source(path))
    findings: list[Finding] = []
    healthy: list[Healthy] = []
    unchecked = [Unchecked(probe="not read", reason=told) for told in script.source.skipped]
    for rule in RULES:
        try:
            outcome = rule.examine(script)
        except CannotCheck as reason:
            unchecked.append(Unchecked(probe=rule.name, reason=str(reason)))
        except RecursionError:
            unchecked.append(Unchecked(probe=rule.name, reason="the code is nested too deeply to be followed"))
        else:
            if isinstance(outcome, str):
                healthy.append(Healthy(probe=rule.name, measured=outcome, page=rule.page))
            else:
                findings += outcome
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(findings=tuple(findings), healthy=tuple(healthy), not_checked=tuple(unchecked))
