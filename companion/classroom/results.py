"""Result files: one a student, written whole, valid as long as the submission and the grading code stay the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from companion.classroom.tasks import Assignment

SCHEMA = 1


def digest_of(path: Path) -> str:
    """The digest of a submission."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_result(path: Path) -> dict[str, Any]:
    """A result file, or nothing for one that is not there or not of this schema."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return result if isinstance(result, dict) and result.get("schema") == SCHEMA else {}


def grader_digest(assignment: Assignment) -> str:
    """A digest of the code that grades an assignment; when it is repaired, everything is graded again."""
    here = Path(__file__).parent
    name = assignment.slug.replace("-", "_")
    files = [here / f"{module}.py" for module in ("compare", "scoring", "tasks", "drawing", "runner", "reading")]
    files += [here / "assignments" / f"{name}.py", *sorted((here / "assignments" / name).rglob("*.py"))]
    return hashlib.sha256(b"\x1f".join(path.read_bytes() for path in files if path.is_file())).hexdigest()
