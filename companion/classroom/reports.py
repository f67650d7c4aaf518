"""From results to files: CSV for learning platforms, a page a student, a page for the class."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.classroom.course import Course, write_atomically
from companion.classroom.pages import class_page, student_page
from companion.classroom.results import digest_of, read_result
from companion.classroom.similarity import Group, similar_groups
from companion.classroom.tables import tables
from companion.classroom.tasks import load_assignment
from companion.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported:
    """What was written."""

    folder: Path
    """Where."""
    graded: int
    """Students with a result."""
    missing: tuple[str, ...]
    """Students of the roster without one."""
    strangers: tuple[str, ...]
    """Students with a result whom the roster does not know; empty without a roster."""
    waiting: tuple[str, ...]
    """Submissions that are not graded yet, or have changed since."""
    alike: tuple[Group, ...]
    """Submissions that are remarkably alike."""


def report(course: Course, slug: str) -> Reported:
    """Write `grades.csv`, `canvas.csv`, `moodle.csv`, `gradescope.csv`, `class.html` and `students/*.html`.

    Raises: ConfigError when nothing has been graded.

    Taught in: book/classroom/instructors-guide
    """
    assignment, folder = load_assignment(slug), course.reports(slug)
    results = {path.stem: read_result(path) for path in sorted(course.graded(slug).glob("*.json"))}
    results = {student: result for student, result in results.items() if result}
    if not results:
        raise ConfigError("holds no results", file=course.graded(slug), remedy=f"companion class grade … {slug}")
    roster = course.roster()
    missing = tuple(sorted(set(roster) - set(results)))
    strangers = tuple(sorted(set(results) - set(roster))) if roster else ()
    alike = tuple(similar_groups(results))
    for name, content in tables(assignment, results, roster).items():
        write_atomically(folder / name, content)
    for student, result in results.items():
        write_atomically(folder / "students" / f"{student}.html", student_page(course.title, assignment, result))
    page = class_page(course.title, assignment, results, _refused(course, slug), missing, alike, strangers)
    write_atomically(folder / "class.html", page)
    return Reported(
        folder=folder,
        graded=len(results),
        missing=missing,
        strangers=strangers,
        waiting=_waiting(course, slug, results),
        alike=alike,
    )


def _refused(course: Course, slug: str) -> dict[str, str]:
    try:
        return json.loads((course.collected(slug) / "log.json").read_text(encoding="utf-8"))["refused"]
    except (OSError, ValueError, KeyError):
        return {}


def _waiting(course: Course, slug: str, results: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    submissions = course.submissions(slug)
    return tuple(name for name, path in submissions.items() if results.get(name, {}).get("digest") != digest_of(path))
