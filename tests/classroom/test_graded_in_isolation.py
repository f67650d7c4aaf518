"""Every assignment as a class meets it: solutions score full, mistakes what the rubric says, in isolation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from companion.classroom import isolation
from companion.classroom.grading import Graded, grade_cells, sandbox_for
from companion.classroom.isolation import Sandbox
from companion.classroom.release import source_notebook
from companion.classroom.submissions import code_cells
from companion.classroom.tasks import SLUGS, load_assignment
from tests.classroom.submissions import Submission, submissions

pytestmark = pytest.mark.skipif(isolation.refused() is not None, reason=str(isolation.refused()))
SAMPLED = "a1-pad-batch"
WRONG = [
    pytest.param(slug, one, id=f"{slug}: {one.name}", marks=[pytest.mark.classroom] if slug != SAMPLED else [])
    for slug in SLUGS
    for one in submissions(slug)
]
ALL = [pytest.param(slug, marks=[pytest.mark.classroom] if slug != SAMPLED else []) for slug in SLUGS]


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    """One sandbox an assignment, started when it is first asked for."""
    started: dict[str, Sandbox] = {}
    yield started
    for sandbox in started.values():
        sandbox.__exit__(None, None, None)


def graded(slug: str, cells: list[str], variants: dict[str, str], sandboxes: dict[str, Sandbox]) -> Graded:
    assignment = load_assignment(slug)
    if slug not in sandboxes:
        sandboxes[slug] = sandbox_for(assignment).__enter__()
    drawn = {task.function: task.variants[0].name for task in assignment.tasks} | variants
    return grade_cells(assignment, cells, variants=drawn, secret=b"a class", sandbox=sandboxes[slug])


@pytest.mark.parametrize("slug", ALL)
def test_the_published_solution_scores_full_and_on_other_variants_little(slug: str, sandboxes: dict) -> None:
    assignment, cells = load_assignment(slug), code_cells(source_notebook(slug))
    full = graded(slug, cells, {}, sandboxes)
    assert [message for task in full.tasks for message in task.messages] == []
    assert full.earned == full.possible == assignment.points
    assert full.notes == ()
    others = 0
    for number in range(1, max(len(task.variants) for task in assignment.tasks)):
        variants = {task.function: task.variants[min(number, len(task.variants) - 1)].name for task in assignment.tasks}
        found = graded(slug, cells, variants, sandboxes)
        assert found.earned <= 0.4 * found.possible
        others += 1
    assert others >= 2


@pytest.mark.parametrize(("slug", "one"), WRONG)
def test_a_mistake_scores_what_the_rubric_says(slug: str, one: Submission, sandboxes: dict) -> None:
    cells = code_cells(source_notebook(slug))
    kept = [cell for cell in cells if not any(f"def {function}(" in cell for function in one.replaces)]
    found = graded(slug, [*kept, *filter(None, one.replaces.values())], dict(one.variants), sandboxes)
    said = " ".join([*found.notes, *(message for task in found.tasks for message in task.messages)])
    assert one.message in said
    for task in found.tasks:
        if task.function in one.points:
            assert task.earned - task.prediction_earned == one.points[task.function], task.messages


def test_every_assignment_has_its_mistakes() -> None:
    assert all(len(submissions(slug)) >= 6 for slug in SLUGS)
    assert len(WRONG) >= 6 * len(SLUGS)
