"""`companion audit`: read a printed results table and say what in it cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

from companion.cli.output import emit
from companion.errors import DataError


def audit_report(report: Path, *, total: int | None, as_json: bool) -> bool:
    """Print the findings on a table in a file, or on standard input for "-"; whether something is impossible.

    Raises:
        DataError: the file cannot be read.
        EvaluationError: it holds no table, or a line that does not fit; it names the line.
    """
    from companion.evaluation.forensics import audit_table, read_table

    name = "standard input" if str(report) == "-" else report
    audit = audit_table(read_table(_read(report), file=name), total=total)
    emit(audit.to_dict(), str(audit), as_json=as_json)
    return bool(audit.impossible)


def _read(report: Path) -> str:
    try:
        return sys.stdin.read() if str(report) == "-" else report.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=report, remedy="check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not UTF-8 (byte {error.start})", file=report, remedy="save the file as UTF-8 text"
        ) from error
