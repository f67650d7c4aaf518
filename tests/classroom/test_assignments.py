"""Assignments as they stand: variants differ, notebooks agree with the package, mistakes score what they should."""

import ast
import json
import random
import re
from pathlib import Path

import pytest

from companion.classroom.scoring import Outcome, TaskScore, score_task
from companion.classroom.tasks import SLUGS, Assignment, Task, Variant, load_assignment
from companion.classroom.visible import outcome, public_cases
from tests.classroom.submissions import Submission, submissions

ROOT = Path(__file__).resolve().parents[2]
SECRETS = ("a class in spring", "a class in autumn", "another one", "and one more")
SAMPLE = ("a1-pad-batch", "a3-align-labels")  # of every `make test`; `make classroom` runs all of them


def _of(slug: str, *values: object, name: str = "") -> object:
    marks = () if slug in SAMPLE else (pytest.mark.classroom,)
    return pytest.param(*values, id=f"{slug}-{name}" if name else slug, marks=marks)


EACH = [_of(slug, slug) for slug in SLUGS]
TASKS = [_of(slug, task, name=task.function) for slug in SLUGS for task in load_assignment(slug).tasks]
WRONG = [_of(slug, slug, one, name=one.name) for slug in SLUGS for one in submissions(slug)]
SOLUTION = re.compile(r"^[ \t]*### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION\n?", re.S | re.M)


def graded(task: Task, variant: Variant, function, predicted: str = "", secret: str = SECRETS[0]) -> TaskScore:
    """A function's score on the cases of a class, in this process."""
    cases = task.cases(variant, random.Random(f"{secret} {task.function}"))
    outcomes = [Outcome(error="missing") if function is None else outcome(function, case) for case in cases]
    return score_task(task, variant, cases, outcomes, predicted)


def notebook_of(slug: str) -> dict:
    return json.loads((ROOT / "book" / "assignments" / f"{slug}.ipynb").read_text("utf-8"))


def tagged(notebook: dict, tag: str) -> str:
    found = ["".join(c["source"]) for c in notebook["cells"] if tag in c["metadata"].get("tags", [])]
    assert len(found) == 1, tag
    return found[0]


def functions_of(*sources: str) -> dict:
    """What the definitions and imports of some cells define, found as a grader finds them: without running the rest."""
    names: dict = {}
    for source in sources:
        kept = [
            node
            for node in ast.parse(re.sub(r"^(\s*)[%!].*$", r"\1pass", source, flags=re.M)).body
            if isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef | ast.Assign)
        ]
        exec(compile(ast.Module(body=kept, type_ignores=[]), "<cell>", "exec"), names)
    return names


def solutions_of(slug: str) -> dict:
    notebook = notebook_of(slug)
    cells = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
    return functions_of(tagged(notebook, "setup"), *("".join(cell["source"]) for cell in cells))


def test_every_assignment_is_here():
    assert len(SLUGS) == 8
    assert {path.stem for path in (ROOT / "book" / "assignments").glob("*.ipynb")} == {*SLUGS, "final-project"}
    assert [load_assignment(slug).slug for slug in SLUGS] == list(SLUGS)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_is_well_formed(task):
    assert len(task.variants) >= 3
    assert len({variant.name for variant in task.variants}) == len(task.variants)
    assert len({variant.statement for variant in task.variants}) == len(task.variants)
    assert sum(group.points for group in task.groups) + task.variants[0].prediction.points == task.points
    assert len({variant.prediction.points for variant in task.variants}) == 1
    for variant in task.variants:
        asked = variant.prediction
        assert list(asked.options) == ["A", "B", "C", "D"][: len(asked.options)]
        assert asked.answer in asked.options
        assert f"`{task.function}(" in variant.statement
        assert json.loads(json.dumps([c.arguments for c in public_cases(task, variant)])) == [
            list(case.arguments) for case in public_cases(task, variant)
        ]
    assert [group.name for group in task.groups] == list(dict.fromkeys(group.name for group in task.groups))


@pytest.mark.parametrize("task", TASKS)
def test_each_variant_is_answered_by_its_own_reference_alone(task):
    published = task.variants[0]
    for secret in SECRETS:
        for variant in task.variants:
            own = graded(task, variant, variant.reference, variant.prediction.answer, secret)
            assert own.earned == own.possible == task.points
            assert own.messages == []
            if variant is not published:
                theirs = graded(task, variant, published.reference, published.prediction.answer, secret)
                assert theirs.earned <= 0.4 * theirs.possible


@pytest.mark.parametrize("task", TASKS)
def test_another_secret_draws_other_cases_and_the_same_one_the_same(task):
    def drawn(secret: str) -> list:
        return task.cases(task.variants[1], random.Random(secret))

    assert drawn("one") == drawn("one")
    assert drawn("one") != drawn("two")


@pytest.mark.parametrize("slug", SLUGS)
def test_the_notebook_says_what_the_package_grades(slug):
    notebook, assignment = notebook_of(slug), load_assignment(slug)
    drawn = ast.literal_eval(tagged(notebook, "variants").removeprefix("variants = "))
    assert drawn == {task.function: task.variants[0].name for task in assignment.tasks}
    rubric = next("".join(c["source"]) for c in notebook["cells"] if c["id"] == "rubric")
    assert assignment.rubric() in rubric
    oral = next("".join(c["source"]) for c in notebook["cells"] if c["id"] == "oral")
    assert all(one.question in oral for one in assignment.oral)
    assert len(assignment.oral) >= 5
    for task in assignment.tasks:
        assert tagged(notebook, f"variant:{task.function}") == task.statement(task.variants[0])
        answer = task.variants[0].prediction.answer
        assert tagged(notebook, f"prediction:{task.function}") == f'prediction_{task.function} = "{answer}"'
        hints = "".join(next(c["source"] for c in notebook["cells"] if c["id"].endswith("-hints")))
        assert hints.count("<details>") >= 2


@pytest.mark.parametrize("slug", EACH)
def test_the_published_solution_scores_full_and_the_released_cell_nothing(slug):
    assignment, solved = load_assignment(slug), solutions_of(slug)
    cells = [c for c in notebook_of(slug)["cells"] if c["metadata"].get("nbgrader", {}).get("solution")]
    assert len(cells) == len(assignment.tasks)
    blank = [SOLUTION.sub("    raise NotImplementedError\n", "".join(cell["source"])) for cell in cells]
    assert not any("SOLUTION" in source for source in blank)
    emptied = functions_of(*blank)
    for task in assignment.tasks:
        published = task.variants[0]
        for secret in SECRETS:
            score = graded(task, published, solved[task.function], published.prediction.answer, secret)
            assert (score.earned, score.messages) == (task.points, [])
        nothing = graded(task, published, emptied[task.function])
        assert nothing.earned == 0
        assert "not written yet" in nothing.messages[0]


def scores(slug: str, one: Submission, secret: str) -> dict[str, TaskScore]:
    assignment: Assignment = load_assignment(slug)
    own = functions_of(*one.replaces.values())
    found = {}
    for function in one.replaces:
        task = assignment.task(function)
        variant = task.variant(one.variants.get(function, task.variants[0].name))
        found[function] = graded(task, variant, own.get(function), secret=secret)
    return found


@pytest.mark.parametrize(("slug", "one"), WRONG)
def test_a_wrong_submission_scores_what_the_rubric_says(slug, one):
    for secret in SECRETS[:3]:
        found = scores(slug, one, secret)
        assert {name: score.earned for name, score in found.items()} == dict(one.points)
        said = " ".join(message for score in found.values() for message in score.messages)
        assert one.message in said
    assert sum(one.points.values()) < sum(load_assignment(slug).task(name).points - 1 for name in one.replaces)


@pytest.mark.parametrize("slug", SLUGS)
def test_there_are_enough_wrong_submissions(slug):
    assert len({one.name for one in submissions(slug)}) == len(submissions(slug)) >= 6
    assert {name for one in submissions(slug) for name in one.replaces} == {
        task.function for task in load_assignment(slug).tasks
    }
