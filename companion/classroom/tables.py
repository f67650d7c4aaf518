"""Results as CSV: everything, and the columns that Canvas, Moodle and Gradescope read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from companion.classroom.tasks import Assignment

Rows = list[list[str]]
SPREADSHEET = "\ufeff"
"""Makes a spreadsheet read the file as UTF-8; a name in Chinese would be garbled without it."""


def safe(text: object) -> str:
    """A cell of one line that no spreadsheet takes for a formula."""
    shown = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", str(text))
    # A lone minus is how Moodle writes "no grade"; it is no formula.
    return f"'{shown}" if shown.lstrip()[:1] in ("=", "+", "-", "@") and shown != "-" else shown


def as_csv(rows: Sequence[Sequence[object]]) -> str:
    """Rows as CSV text, every cell safe."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def tables(
    assignment: Assignment, results: Mapping[str, Mapping[str, Any]], roster: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """File name to CSV text. A student of the roster who handed nothing in has a row without a grade."""
    students = sorted({*results, *roster})
    people = {student: {"name": student, **_known(roster.get(student, {}))} for student in students}
    grades: Rows = [
        ["student", "name", "email", "id", "section", "earned", "possible", "attempt", "status"]
        + [task.function for task in assignment.tasks]
    ]
    canvas: Rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", assignment.title]]
    canvas += [["    Points Possible", "", "", "", "", str(assignment.points)]]
    moodle: Rows = [["Username", "ID number", "Email address", assignment.title, f"{assignment.title} (feedback)"]]
    known = [student for student in students if not roster or student in roster]
    gradescope: Rows = [["First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status"]]
    for student in students:
        who, result = people[student], results.get(student)
        name, email, number, section = (who.get(column, "") for column in ("name", "email", "id", "section"))
        earned = "" if result is None else str(result["earned"])
        first, last = _first_and_last(name)
        status = "Missing" if result is None else "Graded"
        said = "nothing was handed in" if result is None else _said(result)
        attempt, ended = ("", "missing") if result is None else (str(result["attempt"]), result["status"])
        parts = [] if result is None else [str(points_of(task)) for task in result["tasks"]]
        grades.append(
            [student, name, email, number, section, earned, str(assignment.points), attempt, ended]
            + (parts or [""] * len(assignment.tasks))
        )
        canvas.append([name, number, "", student, section, earned])
        if student in known:
            moodle.append([student, number, email, earned or "-", said])
        gradescope.append([first, last, number, email, section, earned, str(assignment.points), status])
    named = {"grades": grades, "canvas": canvas, "moodle": _full_columns(moodle), "gradescope": gradescope}
    files = {f"{name}.csv": as_csv(rows) for name, rows in named.items()}
    return files | {"grades.csv": SPREADSHEET + files["grades.csv"]}


def points_of(task: Mapping[str, Any]) -> int:
    """Points of one task of a result, the prediction among them."""
    return sum(group["earned"] for group in task["groups"]) + task["prediction_earned"]


def _first_and_last(name: str) -> tuple[str, str]:
    """The two parts of a name, written as `Ada Lovelace` or, as gradebooks sort, `Lovelace, Ada`."""
    last, comma, first = name.partition(",")
    if not comma:
        first, _, last = name.partition(" ")
    return first.strip(), last.strip()


def _said(result: Mapping[str, Any]) -> str:
    """Feedback in a line: the notes, then the points of each task; the reasons stand on the student's page."""
    points = [
        f"{task['function']}: {points_of(task)} of "
        f"{sum(group['possible'] for group in task['groups']) + task['prediction_possible']}."
        for task in result["tasks"]
    ]
    return " ".join([*result["notes"], *points])


def _full_columns(moodle: Rows) -> Rows:
    """The table without an identifying column in which a cell is empty.

    Moodle's import skips an empty identifier and goes on with the student of the row above, who would get the grade.
    """
    kept = [at for at, cells in enumerate(zip(*moodle, strict=True)) if all(cells) or at not in (1, 2)]
    return [[row[at] for at in kept] for row in moodle]


def _known(row: Mapping[str, str]) -> dict[str, str]:
    return {column: value for column, value in row.items() if value}
