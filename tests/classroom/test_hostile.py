"""Hostile submissions gain nothing, break nothing, and hold others up by their own time limit at most."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from companion.classroom import isolation
from companion.classroom.feedback import STOPPED
from companion.classroom.grading import Graded, grade_cells
from companion.classroom.isolation import Sandbox
from companion.classroom.pages import student_page
from companion.classroom.probe import processes_of
from tests.classroom.hostile import CHOSEN, EXAM, FULL, HONEST, LARGEST, SECONDS, Hostile
from tests.classroom.hostile.objects import CASES as OBJECTS
from tests.classroom.hostile.patched import CASES as PATCHED
from tests.classroom.hostile.resources import CASES as RESOURCES
from tests.classroom.hostile.results import CASES as RESULTS
from tests.classroom.hostile.secrets import CASES as SECRETS

CASES = [*PATCHED, *OBJECTS, *RESULTS, *SECRETS, *RESOURCES]
SAMPLE = {
    "the runner's own functions replaced through its frames",
    "an object that equals everything",
    "an integer of four thousand digits",
    "writes answers of its own into every open file",
    "claims another prediction",
    "a daemon that outlives the grading",
    "imports the reference",
    "carries the cases home in the text of an error",
    "fifty forks that stay",
    "a loop that catches whatever would stop it",
}
SECRET = bytes(range(32))
GUIDE = Path(__file__).resolve().parents[2] / "book" / "classroom" / "instructors-guide.md"
pytestmark = pytest.mark.skipif(isolation.refused() is not None, reason=str(isolation.refused()))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(preload=EXAM.preload, withheld=EXAM.withheld) as sandbox:
        yield sandbox


def graded(code: str, sandbox: Sandbox, slot: int = 0) -> Graded:
    return grade_cells(EXAM, [code], variants=CHOSEN, secret=SECRET, sandbox=sandbox, slot=slot)


def attempt(case: Hostile, sandbox: Sandbox) -> None:
    begin = time.monotonic()
    found = graded(case.code + LARGEST, sandbox)
    took = time.monotonic() - begin
    total, largest = found.tasks
    assert total.earned == 0, f"{case.name} earned {total.earned}"
    if case.largest is None:
        assert largest.earned in (0, FULL)
    else:
        assert largest.earned == case.largest, largest.messages
    assert took < SECONDS + 6, f"{case.name} held the grading up for {took:.0f} s"
    assert found.answers.status in STOPPED
    result = {"student": "ada", "attempt": 1, "earned": found.earned, "possible": found.possible}
    result |= {"notes": list(found.notes), "tasks": [asdict(task) for task in found.tasks]}
    page = student_page("A class", EXAM, result)
    assert "<script" not in page
    assert "CARRIED [" not in page
    assert "\x1b" not in page
    assert processes_of([isolation.FIRST_USER + isolation.os.getpid() * isolation.SLOTS]) == 0
    assert graded(HONEST, sandbox).earned == 2 * FULL, f"after {case.name} an honest submission is graded otherwise"


@pytest.mark.parametrize("case", [case for case in CASES if case.name in SAMPLE], ids=lambda case: case.name)
def test_a_sample_gains_nothing(case: Hostile, sandbox: Sandbox) -> None:
    attempt(case, sandbox)


@pytest.mark.classroom
@pytest.mark.parametrize("case", [case for case in CASES if case.name not in SAMPLE], ids=lambda case: case.name)
def test_hostile_submissions_gain_nothing(case: Hostile, sandbox: Sandbox) -> None:
    attempt(case, sandbox)


def test_there_are_enough_of_each_kind() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 40
    assert set(names) >= SAMPLE
    families = Counter(case.family for case in CASES)
    assert set(families) == {"G01", "G02", "G03", "G04", "G05", "G06"}
    assert min(families.values()) >= 9
    said = re.findall(r"^\| (G0\d) .*?\| (\d+) \|", GUIDE.read_text("utf-8"), flags=re.M)
    assert {family: int(number) for family, number in said} == families


def test_an_honest_submission_is_paid_and_an_attempt_would_be_seen(sandbox: Sandbox) -> None:
    assert graded(HONEST, sandbox).earned == 2 * FULL
    cheat = Hostile(name="no attempt at all", family="G01", code=HONEST.replace(LARGEST, ""))
    with pytest.raises(AssertionError, match="no attempt at all earned 4"):
        attempt(cheat, sandbox)


@pytest.mark.classroom
@pytest.mark.skipif(len(isolation.os.sched_getaffinity(0)) < 2, reason="a neighbour needs a core of its own")
def test_a_busy_crowd_leaves_its_neighbour_alone(sandbox: Sandbox) -> None:
    crowd = """
import os
def total(numbers):
    for _ in range(20):
        if os.fork() == 0:
            while True:
                pass
    while True:
        pass
"""
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(graded, crowd + LARGEST, sandbox, 0)
        honest = [graded(HONEST, sandbox, 1) for _ in range(5)]
    assert [found.earned for found in honest] == [2 * FULL] * 5
    assert busy.result().tasks[0].earned == 0
    assert processes_of([isolation.FIRST_USER + isolation.os.getpid() * isolation.SLOTS]) == 0
