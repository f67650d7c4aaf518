"""Pages, tables and similarity: what a student chose is text and nothing else, and who wrote the same is found."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict

import pytest

from companion.classroom import similarity
from companion.classroom.feedback import notes_of, outcome_of
from companion.classroom.isolation import Answers, Limits
from companion.classroom.pages import class_page, student_page, text
from companion.classroom.scoring import Outcome, score_task
from companion.classroom.similarity import similar_groups
from companion.classroom.tables import as_csv, tables
from companion.classroom.tasks import load_assignment

EVIL = '"><img src=x onerror=alert(1)>`<script>`\x1b[2J'
ASSIGNMENT = load_assignment("a1-pad-batch")
CELLS = ["def pad_batch(rows):\n    raise ValueError(rows)", "x = 1"]


def result_of(student: str, error: str, shingles: list[int] | None = None) -> dict:
    from companion.classroom.course import keyed

    scores = []
    for task in ASSIGNMENT.tasks:
        cases = task.cases(task.variants[1], keyed(b"x", task.function))
        scores.append(asdict(score_task(task, task.variants[1], cases, [Outcome(error=error)] * len(cases), EVIL)))
    about = {"student": student, "attempt": 1, "earned": 0, "possible": ASSIGNMENT.points, "notes": [EVIL]}
    pieces = {"pad_batch": shingles or []}
    return about | {"tasks": scores, "status": "finished", "seconds": 0.5, "shingles": pieces}


def test_whatever_is_shown_is_escaped() -> None:
    results = {"ada": result_of("ada", EVIL), EVIL: result_of(EVIL, EVIL)}
    pages = [student_page(EVIL, ASSIGNMENT, results[EVIL])]
    pages += [class_page(EVIL, ASSIGNMENT, results, {EVIL: EVIL}, [EVIL], [])]
    for page in pages:
        assert "<script" not in page
        assert "<img" not in page
        assert 'href="students/"' not in page
        assert page.count("&lt;img") > 3
    assert text("a `b` <c>") == "a <code>b</code> &lt;c&gt;"
    assert len(text("x" * 5000)) < 700


def test_no_cell_of_a_table_is_a_formula() -> None:
    formulas = ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "  =1"]
    rows = [row[0] for row in csv.reader(io.StringIO(as_csv([[cell] for cell in formulas])))]
    assert rows == ["'=1+1", "'+1", "'-1", "'@x", "' =1", "' =1", "'  =1"]
    roster = {"ada": {"name": "=cmd()", "email": "", "id": "7", "section": "A"}, "zoe": {"name": "Zoe Z", "id": "8"}}
    made = tables(ASSIGNMENT, {"ada": result_of("ada", "missing"), "bob": result_of("bob", "missing")}, roster)
    assert set(made) == {"grades.csv", "canvas.csv", "moodle.csv", "gradescope.csv"}
    assert all("'=cmd()" in content for name, content in made.items() if name != "moodle.csv")
    assert made["gradescope.csv"].splitlines()[-1] == f"Zoe,Z,8,,,,{ASSIGNMENT.points},Missing"
    assert made["grades.csv"].startswith("\ufeffstudent,"), "a spreadsheet takes it for UTF-8"


def test_no_grade_goes_to_a_neighbour_in_moodle() -> None:
    results = {name: result_of(name, "missing") for name in ("ada", "bob", "eve")}
    roster = {"ada": {"name": "Lovelace, Ada", "email": "a@x", "id": "7"}, "bob": {"name": "Bob", "id": "8"}}
    roster["zoe"] = {"name": "Zoe Z", "email": "z@x", "id": "9"}
    made = tables(ASSIGNMENT, results, roster)
    rows = list(csv.reader(io.StringIO(made["moodle.csv"])))
    assert rows[0][:2] == ["Username", "ID number"]
    assert "Email address" not in rows[0], "an empty cell would be read as the student above"
    assert [row[:3] for row in rows[1:]] == [["ada", "7", "0"], ["bob", "8", "0"], ["zoe", "9", "-"]]
    assert "pad_batch: 0 of 10." in rows[1][3]
    assert made["gradescope.csv"].splitlines()[1].startswith("Ada,Lovelace,7,")
    assert "eve" in made["grades.csv"]
    alone = next(csv.reader(io.StringIO(tables(ASSIGNMENT, results, {})["moodle.csv"])))
    assert alone[:2] == ["Username", ASSIGNMENT.title]


def test_the_same_code_is_found_and_what_all_share_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    template = list(range(100))
    own = {name: list(range(1000 * number, 1000 * number + 20)) for number, name in enumerate("abcdefgh", 1)}
    own["b"] = [*own["a"][:18], 7, 8]
    own["d"] = own["c"]
    own["h"] = [1]
    results = {name: {"shingles": {"f": template + pieces}} for name, pieces in own.items()}
    groups = similar_groups(results)
    assert [group.students for group in groups] == [("c", "d"), ("a", "b")]
    assert groups[0].least == groups[0].most == 1
    assert str(groups[1]).startswith("a, b (")
    monkeypatch.setattr(similarity, "CROWD", 100)
    assert len(similar_groups(results)[0].students) == 8, "with the template everybody looks alike"


def test_an_error_is_told_by_kind_and_line_never_by_its_text() -> None:
    raised = {"call": 0, "error": "raised", "kind": "ValueError", "cell": 1, "line": 2, "text": "secret"}
    answers = Answers(status="finished", calls={0: raised})
    said = outcome_of(0, answers, CELLS, Limits()).error
    assert said == "raises ValueError in code cell 1, line 2, `raise ValueError(rows)`"
    forged = [
        ({"error": "raised", "kind": "<script>", "cell": 1, "line": 2}, "raises an error in code cell 1, line 2"),
        ({"error": "raised", "kind": ["x"], "cell": 9, "line": True}, "raises an error"),
        ({"error": "unusable", "type": "secret [1, 2]"}, "returns an object, which JSON cannot hold"),
        ({"error": "unusable", "type": "Tensor"}, "returns a Tensor"),
        ({"error": "secret"}, "raises an error"),
        ({"error": "raised", "kind": "NotImplementedError"}, "not written yet"),
        ({"error": "raised", "kind": "Slow", "cell": 1, "line": 2}, "stopped after 15 s in code cell 1"),
    ]
    for claim, shown in forged:
        said = outcome_of(0, Answers(status="finished", calls={0: claim}), CELLS, Limits()).error
        assert said.startswith(shown)
        assert "secret" not in said
    assert outcome_of(1, Answers(status="time"), CELLS, Limits()).error.startswith("stopped: the time")


def test_notes_survive_whatever_is_claimed() -> None:
    read = {"definitions": {"pad_batch": [1, 2], "pool": [1]}, "unreadable": [[2, 1]], "magics": [1], "predictions": {}}
    failed = [
        {"kind": ["x"], "cell": 1, "line": 1},
        {"cell": "1"},
        {},
        {"kind": "ValueError", "cell": 2, "line": 1},
    ] * 30
    calls = {0: {"call": 0, "error": "raised", "kind": "NameError"}}
    notes = list(notes_of(Answers(status="time", read=read, failed=failed, calls=calls), CELLS, ASSIGNMENT))
    assert "`pad_batch` is defined in code cells 1, 2; the last definition counts." in notes
    assert any("syntax error in line 1, `x = 1`" in note for note in notes)
    assert any("left out, in code cell 1" in note for note in notes)
    assert any("`x = 1` raised ValueError" in note for note in notes)
    assert len(notes) < 30


def test_a_notebook_for_another_assignment_is_told_that_and_nothing_else() -> None:
    read = {"definitions": {"align_labels": [1]}, "unreadable": [], "magics": [], "predictions": {}}
    calls = {0: {"call": 0, "error": "missing"}}
    failed = [{"kind": "NameError", "cell": 2, "line": 1}]
    notes = list(notes_of(Answers(status="finished", read=read, failed=failed, calls=calls), CELLS, ASSIGNMENT))
    assert len(notes) == 2
    assert notes[1] == "It looks like a3-align-labels; this is a1-pad-batch."
