"""From a notebook to points: calls made in isolation, values compared outside, one result file a student."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from companion.classroom.course import Course, keyed, write_atomically
from companion.classroom.feedback import notes_of, outcome_of
from companion.classroom.isolation import Answers, Limits, Sandbox
from companion.classroom.results import SCHEMA, digest_of, grader_digest, read_result
from companion.classroom.scoring import TaskScore, score_task
from companion.classroom.submissions import code_cells
from companion.classroom.tasks import SLUGS, Assignment, Case, load_assignment
from companion.errors import ConfigError, SubmissionError


@dataclass(frozen=True, kw_only=True, slots=True)
class Graded:
    """One graded submission."""

    tasks: tuple[TaskScore, ...]
    """Points and messages, task by task."""
    notes: tuple[str, ...]
    """What the student should know about the notebook itself."""
    answers: Answers
    """What came out of the jail."""

    @property
    def earned(self) -> int:
        """All points."""
        return sum(task.earned for task in self.tasks)

    @property
    def possible(self) -> int:
        """All points that could be earned."""
        return sum(task.possible for task in self.tasks)


def sandbox_for(assignment: Assignment) -> Sandbox:
    """The sandbox that an assignment asks for, not yet entered."""
    return Sandbox(preload=assignment.preload, withheld=assignment.withheld)


def draw_cases(
    assignment: Assignment, variants: Mapping[str, str], secret: bytes, attempt: int = 1
) -> dict[str, list[Case]]:
    """Function to its cases: the same for every student of a class; others for a second attempt."""
    return {
        task.function: list(
            task.cases(
                task.variant(variants[task.function]), keyed(secret, assignment.slug, task.function, "cases", attempt)
            )
        )
        for task in assignment.tasks
    }


def grade_cells(
    assignment: Assignment,
    cells: Sequence[str],
    *,
    variants: Mapping[str, str],
    secret: bytes,
    sandbox: Sandbox,
    attempt: int = 1,
    slot: int = 0,
) -> Graded:
    """Grade the code cells of one submission.

    Raises: IsolationError when the system cannot keep them apart.
    """
    drawn = draw_cases(assignment, variants, secret, attempt)
    calls = [(function, case.arguments) for function, cases in drawn.items() for case in cases]
    limits = Limits(wall=assignment.seconds)
    answers = sandbox.run(cells, calls, functions=all_functions(), limits=limits, slot=slot)
    outcomes = [outcome_of(number, answers, cells, limits) for number in range(len(calls))]
    scores, begin = [], 0
    for task in assignment.tasks:
        cases = drawn[task.function]
        own = outcomes[begin : begin + len(cases)]
        begin += len(cases)
        predicted = str(answers.read.get("predictions", {}).get(task.function, ""))
        scores.append(score_task(task, task.variant(variants[task.function]), cases, own, predicted))
    return Graded(tasks=tuple(scores), notes=tuple(notes_of(answers, cells, assignment)), answers=answers)


def grade_source(
    assignment: Assignment,
    source: str | Path,
    *,
    variants: Mapping[str, str],
    secret: bytes,
    sandbox: Sandbox | None = None,
) -> Graded:
    """Grade code, or a notebook's file, with a sandbox of its own if none is given.

    Raises: IsolationError; SubmissionError for a file that is no notebook.
    """
    cells = code_cells(source) if isinstance(source, Path) else [source]
    with sandbox_for(assignment) if sandbox is None else nullcontext(sandbox) as box:
        return grade_cells(assignment, cells, variants=variants, secret=secret, sandbox=box)


@cache
def all_functions() -> tuple[str, ...]:
    """The functions of all assignments, so that a notebook for another one is recognised."""
    return tuple(task.function for slug in SLUGS for task in load_assignment(slug).tasks)


def grade_class(
    course: Course,
    slug: str,
    *,
    jobs: int = 2,
    again: bool = False,
    only: Sequence[str] = (),
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, dict[str, Any]]:
    """Grade what was collected, leave alone what is graded and unchanged, and give student to result.

    A result stands until the submission or the grading code changes. It is written at once and whole, so a grading that
    was ended goes on where it was. A submission that has changed since it was graded is a further attempt, with cases
    of its own: what feedback showed of the earlier ones helps nobody.

    Raises: ConfigError for nothing to grade; IsolationError.

    Taught in: book/classroom/instructors-guide
    """
    assignment = load_assignment(slug)
    submissions = {name: path for name, path in course.submissions(slug).items() if not only or name in only}
    if not submissions:
        whose = f" of {', '.join(only)}" if only else ""
        raise ConfigError(
            f"holds no submission{whose}", file=course.collected(slug), remedy=f"companion class collect … {slug}"
        )
    grader, before, waiting = grader_digest(assignment), {}, []
    for student, path in submissions.items():
        digest = digest_of(path)
        result = read_result(course.graded(slug) / f"{student}.json")
        if not again and result.get("digest") == digest and result.get("grader") == grader:
            before[student] = result
        else:
            attempt = result.get("attempt", 0) + (result.get("digest") != digest)
            waiting.append((student, path, digest, attempt))
    if not waiting:
        return before
    slots: SimpleQueue[int] = SimpleQueue()
    for slot in range(jobs):
        slots.put(slot)

    def one(student: str, path: Path, digest: str, attempt: int) -> dict[str, Any]:
        slot = slots.get()
        try:
            about = {"schema": SCHEMA, "student": student, "slug": slug, "digest": digest, "grader": grader}
            result = about | {"attempt": attempt} | _graded(course, assignment, path, sandbox, attempt, slot)
        finally:
            slots.put(slot)
        text = json.dumps(result, indent=1)
        write_atomically(course.graded(slug) / f"{student}.json", text + "\n")
        result = json.loads(text)  # as it will be read again
        tell(f"{student}: {result['earned']} of {result['possible']} ({result['seconds']:.1f} s)")
        return result

    with ThreadPoolExecutor(jobs) as pool, sandbox_for(assignment) as sandbox:
        pending = [(waits[0], pool.submit(one, *waits)) for waits in waiting]
        try:
            after = {student: future.result() for student, future in pending}
        except BaseException:
            # The sandbox is closed before the pool, which ends what is running instead of waiting for it.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return dict(sorted((before | after).items()))


def _graded(
    course: Course, assignment: Assignment, path: Path, sandbox: Sandbox, attempt: int, slot: int
) -> dict[str, Any]:
    variants = course.variants(assignment)
    try:
        cells, trouble = code_cells(path), ""
    except SubmissionError as error:
        cells, trouble = [], error.problem
    graded = grade_cells(
        assignment, cells, variants=variants, secret=course.secret, sandbox=sandbox, attempt=attempt, slot=slot
    )
    return {
        "earned": graded.earned,
        "possible": graded.possible,
        "notes": [f"Your file {trouble}."] if trouble else list(graded.notes),
        "tasks": [asdict(task) for task in graded.tasks],
        "status": graded.answers.status,
        "seconds": graded.answers.seconds,
        "shingles": {task.function: _shingles(graded.answers, task.function) for task in graded.tasks},
    }


def _shingles(answers: Answers, function: str) -> list[int]:
    found = answers.read.get("shingles", {}).get(function, [])
    return [number for number in found if type(number) is int]
