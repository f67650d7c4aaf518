"""A class from `init` to CSV: released without solutions, graded the same whenever and however, reported safely."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.classroom import isolation
from companion.classroom.collect import collect
from companion.classroom.course import Course, create
from companion.classroom.grading import grade_class
from companion.classroom.release import release, source_notebook, student_notebook
from companion.classroom.reports import report
from companion.classroom.tasks import SLUGS, load_assignment
from companion.cli import main
from companion.errors import ConfigError
from tests.classroom.submissions import submissions

SLUG = "a1-pad-batch"
pytest.importorskip("nbgrader")
able = pytest.mark.skipif(isolation.refused() is not None, reason=str(isolation.refused()))


def notebook_of(*cells: str) -> str:
    code = [{"cell_type": "code", "source": cell, "metadata": {}, "outputs": []} for cell in cells]
    return json.dumps({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def published() -> list[str]:
    cells = json.loads(source_notebook(SLUG).read_text("utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = create(tmp_path_factory.mktemp("class") / "autumn", title="Autumn <b>class</b>")
    release(course, SLUG)
    source = tmp_path_factory.mktemp("submitted")
    cells = published()
    wrong = submissions(SLUG)
    broken = [cell for cell in cells if "def pad_batch" not in cell]
    handed_in = {
        "ada": notebook_of(*cells),
        "bea": notebook_of(*reversed(cells)),
        "cem": notebook_of(*cells, *cells),
        "dan": course.released(SLUG).read_text("utf-8"),
        "eve": notebook_of(*broken, "def pad_batch(rows, pad_id:\n    return"),
        "fay": notebook_of("%%bash\nls", "!pip install x", "?help", "%unknown"),
        "gil": "",
        "hal": notebook_of("def entity_f1(gold, predicted):\n    return 1.0", "def softmax(x):\n    return x"),
        "ian": notebook_of(*cells, *(source for one in wrong[:1] for source in one.replaces.values())),
        "jo": notebook_of("print('hello')"),
        "kit": "# not a notebook",
        "lea": notebook_of(
            'prediction_pad_batch = "<script>alert(1)</script>"', "def pool(v, m): raise ValueError(str(v))"
        ),
    }
    for name, text in handed_in.items():
        (source / f"{name}_{SLUG}.ipynb").write_text(text, encoding="utf-8")
    (course.folder / "roster.csv").write_text(
        "student,name,email,id,section\nada,Ada Lovelace,ada@example.org,101,A\n"
        'bea,"=HYPERLINK(""x"")",b@example.org,102,A\nzoe,Zoe,z@example.org,103,B\n',
        encoding="utf-8",
    )
    assert len(collect(course, SLUG, source).taken) == len(handed_in)
    return course


def scores(results: dict) -> dict:
    return {name: (one["earned"], one["notes"], one["tasks"]) for name, one in results.items()}


@pytest.mark.parametrize("slug", SLUGS)
def test_a_release_holds_no_solution_and_asks_for_what_was_drawn(slug: str) -> None:
    assignment = load_assignment(slug)
    variants = {task.function: task.variants[-1].name for task in assignment.tasks}
    notebook = student_notebook(source_notebook(slug), assignment, variants)
    text = json.dumps(notebook, ensure_ascii=False)
    assert "BEGIN SOLUTION" not in text
    assert text.count("raise NotImplementedError") >= len(assignment.tasks)
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    for task in assignment.tasks:
        assert task.statement(task.variant(variants[task.function])) in sources
        assert f'prediction_{task.function} = ""' in text.replace('\\"', '"')
    assert not any(cell.get("outputs") for cell in notebook["cells"])


def test_a_solution_outside_its_markers_is_not_released(tmp_path: Path) -> None:
    assignment = load_assignment(SLUG)
    variants = {task.function: task.variants[1].name for task in assignment.tasks}
    text = source_notebook(SLUG).read_text("utf-8")
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["source"] = [line for line in cell["source"] if "### " not in line or line.startswith("#")]
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["metadata"].pop("nbgrader")
    (tmp_path / "leak.ipynb").write_text(json.dumps(notebook))
    with pytest.raises(ConfigError, match="would be released"):
        student_notebook(tmp_path / "leak.ipynb", assignment, variants)
    (tmp_path / "tags.ipynb").write_text(text.replace("variant:pool", "other"))
    with pytest.raises(ConfigError, match="variant:pool"):
        student_notebook(tmp_path / "tags.ipynb", assignment, variants)


@able
def test_whatever_is_handed_in_has_a_result_and_a_message(course: Course) -> None:
    results = grade_class(course, SLUG, jobs=2)
    earned = {name: one["earned"] for name, one in results.items()}
    notes = {name: " ".join(one["notes"]) for name, one in results.items()}
    assert len(results) == 12
    assert earned["ada"] == earned["bea"] == earned["cem"] <= 0.4 * 30, "the published solution on another variant"
    assert "the last definition counts" in notes["cem"]
    assert earned["dan"] == 0
    assert "syntax error in line 1" in notes["eve"]
    assert "def pad_batch(rows, pad_id:" in notes["eve"]
    assert "defines neither" in notes["fay"]
    assert notes["gil"] == "Your file is empty."
    assert "defines neither" in notes["hal"]
    assert "defines neither" in notes["jo"]
    assert notes["kit"] == "Your file is not a notebook: it does not hold JSON."
    assert {earned[name] for name in ("fay", "gil", "hal", "jo", "kit", "lea")} == {0}
    said = [group["message"] for group in results["ada"]["tasks"][0]["groups"] if group["message"]]
    assert "another form of the task" in said[0]


@able
def test_grading_twice_and_in_parallel_gives_the_same(course: Course) -> None:
    first = grade_class(course, SLUG, jobs=2)
    files = {path: path.stat().st_mtime_ns for path in course.graded(SLUG).iterdir()}
    assert grade_class(course, SLUG, jobs=2) == first
    assert {path: path.stat().st_mtime_ns for path in course.graded(SLUG).iterdir()} == files, (
        "nothing was graded twice"
    )
    again = grade_class(course, SLUG, jobs=1, again=True)
    assert scores(again) == scores(first)
    assert {one["attempt"] for one in again.values()} == {1}


@able
def test_a_second_attempt_is_graded_on_other_cases(course: Course, tmp_path: Path) -> None:
    before = grade_class(course, SLUG)["jo"]
    (tmp_path / f"jo_{SLUG}.ipynb").write_text(notebook_of("def pool(vectors, mask):\n    return 1"), encoding="utf-8")
    collect(course, SLUG, tmp_path)
    after = grade_class(course, SLUG)["jo"]
    assert (before["attempt"], after["attempt"]) == (1, 2)
    assert after["notes"] == []
    course.collected(SLUG).joinpath("jo.ipynb").write_text(notebook_of("print('hello')"))
    assert grade_class(course, SLUG)["jo"]["attempt"] == 3


@able
def test_a_repair_of_the_grading_code_grades_again(course: Course, monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.classroom import grading

    grade_class(course, SLUG)
    told: list[str] = []
    monkeypatch.setattr(grading, "grader_digest", lambda assignment: "repaired")
    results = grade_class(course, SLUG, only=["ada", "dan"], tell=told.append)
    assert len(told) == 2
    assert {one["attempt"] for one in results.values()} == {1}


@able
def test_a_grading_that_is_killed_goes_on(course: Course) -> None:
    for path in course.graded(SLUG).iterdir():
        path.unlink()
    command = [sys.executable, "-m", "companion", "class", "grade", str(course.folder), SLUG, "--jobs", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    for _ in range(2):
        process.stderr.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    done = {path.name: path.read_text() for path in course.graded(SLUG).glob("*.json")}
    assert 2 <= len(done) < 12, "it was killed in the middle"
    assert all(json.loads(text)["possible"] == 30 for text in done.values())
    _wait_for_nobody(isolation.FIRST_USER + process.pid * isolation.SLOTS)
    told: list[str] = []
    assert len(grade_class(course, SLUG, tell=told.append)) == 12
    assert len(told) == 12 - len(done)


def _wait_for_nobody(user: int) -> None:
    from companion.classroom.probe import processes_of

    deadline = time.monotonic() + 10
    while processes_of([user]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of([user]) == 0, "the student's process outlives the grader"


@able
def test_reports_hold_everybody_and_nothing_runs_in_them(course: Course) -> None:
    grade_class(course, SLUG)
    done = report(course, SLUG)
    assert done.missing == ("zoe",)
    assert done.waiting == ()
    assert any({"ada", "bea", "cem"} <= set(group.students) and group.most == 1 for group in done.alike)
    pages = [done.folder / "class.html", *sorted((done.folder / "students").glob("*.html"))]
    assert len(pages) == 13
    for path in pages:
        html = path.read_text("utf-8")
        assert "<script" not in html
        assert "<b>class</b>" not in html
        assert not re.search(r"\b(src|href)=\"(?!students/[\w.@+-]+\.html\")", html)
    assert "&lt;script&gt;" in (done.folder / "students" / "lea.html").read_text("utf-8").lower()
    rows = {name: list(csv.reader((done.folder / f"{name}.csv").open(encoding="utf-8"))) for name in
            ("grades", "canvas", "moodle", "gradescope")}  # fmt: skip
    assert len(rows["grades"]) == 1 + 13
    assert rows["canvas"][1][:1] == ["    Points Possible"]
    assert next(row for row in rows["canvas"] if row[3] == "ada")[:5] == ["Ada Lovelace", "101", "", "ada", "A"]
    assert next(row for row in rows["gradescope"] if row[2] == "103")[5:] == ["", "30", "Missing"]
    assert not any(cell.startswith(("=", "+", "@")) for table in rows.values() for row in table for cell in row)


@able
@pytest.mark.classroom
def test_forty_submissions_take_less_than_ten_minutes(tmp_path: Path) -> None:
    course, source = create(tmp_path / "class", title="Forty"), tmp_path / "in"
    source.mkdir()
    wrong = submissions(SLUG)
    for number in range(40):
        cells = [*published(), *filter(None, wrong[number % len(wrong)].replaces.values())]
        (source / f"s{number:02}_{SLUG}.ipynb").write_text(notebook_of(*cells), encoding="utf-8")
    collect(course, SLUG, source)
    begin = time.monotonic()
    assert len(grade_class(course, SLUG, jobs=2)) == 40
    assert time.monotonic() - begin < 600


@able
def test_the_commands_as_a_teacher_types_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(tmp_path / "class")
    assert main(["class", "init", folder, "--title", "Spring"]) == 0
    assert main(["class", "show", folder, SLUG]) == 0
    assert "This class has drawn" in capsys.readouterr().out
    assert main(["class", "release", folder, SLUG]) == 0
    assert main(["class", "grade", folder, SLUG]) == 1
    assert "holds no submission" in capsys.readouterr().err
    assert main(["class", "collect", folder, SLUG, str(source_notebook(SLUG))]) == 0
    assert "refused" in capsys.readouterr().out
    (tmp_path / "ada.ipynb").write_text(source_notebook(SLUG).read_text("utf-8"), encoding="utf-8")
    assert main(["class", "collect", folder, SLUG, str(tmp_path / "ada.ipynb"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["taken"] == {"ada": "ada.ipynb"}
    assert main(["class", "grade", folder, SLUG, "--jobs", "1"]) == 0
    assert main(["class", "report", folder, SLUG]) == 0
    assert "class.html" in capsys.readouterr().out
    monkeypatch.setattr(isolation.os, "geteuid", lambda: 1000)
    assert main(["class", "grade", folder, SLUG, "--again"]) == 1
    assert "docker run" in capsys.readouterr().err
    assert main(["class", "isolation"]) == 1
    assert os.geteuid() == 1000
