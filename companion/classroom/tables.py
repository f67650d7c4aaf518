"""Results as CSV: everything, and the columns that Canvas, Moodle and Gradescope read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from companion.classroom.tasks import Assignment

Rows = list[list[str]]


def safe(text: object) -> str:
    """A cell of one line that no spreadsheet takes for a formula."""
    shown = re.sub(r"[\x00-\x1f\x7f\u2028\u2029]", " ", str(text))
    return f"'{shown}" if shown.lstrip()[:1] in ("=", "+", "-", "@") else shown


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
    gradescope: Rows = [["First Name", "Last Name", "SID", "Email", "Sections", "Total Score", "Max Points", "Status"]]
    for student in students:
        who, result = people[student], results.get(student)
        name, email, number, section = (who.get(column, "") for column in ("name", "email", "id", "section"))
        earned = "" if result is None else str(result["earned"])
        first, _, last = name.partition(" ")
        status = "Missing" if result is None else "Graded"
        said = "nothing was handed in" if result is None else " ".join(result["notes"])
        attempt, ended = ("", "missing") if result is None else (str(result["attempt"]), result["status"])
        parts = [] if result is None else [str(points_of(task)) for task in result["tasks"]]
        grades.append(
            [student, name, email, number, section, earned, str(assignment.points), attempt, ended]
            + (parts or [""] * len(assignment.tasks))
        )
        canvas.append([name, number, "", student, section, earned])
        moodle.append([student, number, email, earned, said])
        gradescope.append([first, last, number, email, section, earned, str(assignment.points), status])
    named = {"grades": grades, "canvas": canvas, "moodle": moodle, "gradescope": gradescope}
    return {f"{name}.csv": as_csv(rows) for name, rows in named.items()}


def points_of(task: Mapping[str, Any]) -> int:
    """Points of one task of a result, the prediction among them."""
    return sum(group["earned"] for group in task["groups"]) + task["prediction_earned"]


def _known(row: Mapping[str, str]) -> dict[str, str]:
    return {column: value for column, value in row.items() if value}
