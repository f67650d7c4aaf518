"""The check that a student sees: the same groups and messages as in grading, on cases that everybody may know."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Mapping

from companion.classroom.scoring import GroupScore, Outcome, TaskScore, score_task
from companion.classroom.tasks import Case, Task, Variant, load_assignment
from companion.teaching.seal import Seal
from companion.teaching.surface import present

PUBLIC = "these cases are public; a class is graded on others"


def try_out(slug: str, function: Callable[..., object], variants: Mapping[str, str], *, predicted: str) -> None:
    """Try a function on public cases and say, for each line of the rubric, `done` or `not yet` and why.

    `variants` maps each function's name to the variant that the notebook asks for. Nothing runs before a prediction is
    recorded, and whether it was right is told when everything is done. Values pass through JSON, as in grading: a
    tuple becomes a list, a tensor is refused.

    Raises: ConfigError for an unknown assignment, function or variant; never what the function raises.
    Taught in: book/assignments/a1-pad-batch
    """
    task = load_assignment(slug).task(function.__name__)
    variant = task.variant(variants[task.function])
    asked = variant.prediction
    letter = predicted.strip().upper()
    if letter not in asked.options:
        name, letters = f"prediction_{task.function}", ", ".join(asked.options)
        present(Seal(opening="not yet", sentence=f"predict first: set `{name}` to one of {letters}", waiting=True))
        return
    cases = public_cases(task, variant)
    score = score_task(task, variant, cases, [outcome(function, case) for case in cases], predicted)
    for line in shown_lines(task, score):
        present(line)


def public_cases(task: Task, variant: Variant) -> list[Case]:
    """The cases of the visible check: drawn like those of a class, from a seed that is no secret."""
    return task.cases(variant, random.Random(f"{PUBLIC}: {task.function} {variant.name}"))


def outcome(function: Callable[..., object], case: Case) -> Outcome:
    """One call in this process, on a copy of the arguments, its value taken through JSON."""
    try:
        value = function(*copy.deepcopy(case.arguments))
    except NotImplementedError:
        return Outcome(error="not written yet")
    except Exception as error:
        said = (str(error).splitlines() or [""])[0][:160]
        return Outcome(error=f"{type(error).__name__}: {said}" if said else type(error).__name__)
    try:
        return Outcome(value=json.loads(json.dumps(value)))
    except (TypeError, ValueError, RecursionError):
        kind = type(value).__name__
        return Outcome(error=f"returns {kind}, which JSON cannot hold; give lists and numbers (`.tolist()` helps)")


def shown_lines(task: Task, score: TaskScore) -> list[Seal]:
    """What is displayed: one line a group, then, when all are done, the prediction with its reason."""
    lines, said = [], set()
    for group in score.groups:
        lines.append(_line(group, said))
        said.add(group.message)
        if group.message and task.stepwise:
            left = len(score.groups) - len(lines)
            return [*lines, *([_more(left)] if left else [])]
    if not any(group.message for group in score.groups):
        lines.append(_told(task.variant(score.variant), score))
    return lines


def _line(group: GroupScore, said: set[str]) -> Seal:
    points = f"{group.possible} point{'s' * (group.possible > 1)}"
    if not group.message:
        note = f"{points}, {group.cases} case{'s' * (group.cases > 1)}"
        return Seal(opening="done", sentence=group.teaches, note=note)
    why = "the same" if group.message in said else f"{group.passed} of {group.cases} cases; {group.message}"
    return Seal(opening="not yet", sentence=group.teaches, note=why, waiting=True)


def _more(left: int) -> Seal:
    return Seal(opening="not yet", sentence=f"{left} more to come, one at a time", waiting=True)


def _told(variant: Variant, score: TaskScore) -> Seal:
    right = score.prediction_earned > 0
    verdict = "right" if right else f"not what happens; that is {variant.prediction.answer}"
    return Seal(sentence=f"your prediction {score.predicted} is {verdict}. {variant.prediction.why}", note=PUBLIC)
