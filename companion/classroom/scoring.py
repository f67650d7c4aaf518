"""From a student's answers to points and words: whole groups, known misconceptions first, then the first difference."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from companion.classroom.compare import differs
from companion.classroom.tasks import Case, Task, Value, Variant
from companion.errors import EvaluationError


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one call gave: a value, or the words of an error."""

    value: Value = None
    """A JSON value; without meaning where there is an error."""
    error: str = ""
    """Empty, or what happened instead: `missing`, `TypeError: …`, `stopped after 10 s`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GroupScore:
    """One line of a student's rubric."""

    name: str
    teaches: str
    earned: int
    possible: int
    cases: int
    """Cases of the group."""
    passed: int
    """Those that passed; points need all of them."""
    message: str
    """Empty for a full group, else what to read: a misconception, or the first difference."""
    misconception: str
    """Its name, for the teacher's page; empty when none was recognised."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskScore:
    """One task of one student."""

    function: str
    variant: str
    groups: tuple[GroupScore, ...]
    predicted: str
    """The letter that was recorded; empty for none."""
    prediction_earned: int
    prediction_possible: int

    @property
    def earned(self) -> int:
        """Points of the groups and of the prediction."""
        return sum(group.earned for group in self.groups) + self.prediction_earned

    @property
    def possible(self) -> int:
        """All points of the task."""
        return sum(group.possible for group in self.groups) + self.prediction_possible

    @property
    def messages(self) -> list[str]:
        """What to read, in the order of the groups, each once."""
        return list(dict.fromkeys(group.message for group in self.groups if group.message))


def score_task(
    task: Task, variant: Variant, cases: Sequence[Case], outcomes: Sequence[Outcome], predicted: str = ""
) -> TaskScore:
    """Points and words for the outcomes of `cases`, one each, in their order.

    Raises: EvaluationError when outcomes and cases do not match, or a group of the task has no case.
    """
    if len(cases) != len(outcomes):
        raise EvaluationError(
            f"{task.function}: {len(outcomes)} outcomes for {len(cases)} cases",
            remedy="Give one outcome for every case, an error where the call never happened.",
        )
    groups = []
    for group in task.groups:
        own = [(case, outcome) for case, outcome in zip(cases, outcomes, strict=True) if case.group == group.name]
        if not own:
            raise EvaluationError(f"{task.function}: group {group.name!r} has no case", remedy="Draw at least one.")
        failed = [(case, outcome, said) for case, outcome in own if (said := _trouble(task, variant, case, outcome))]
        name, message = _feedback(task, variant, failed) if failed else ("", "")
        groups.append(
            GroupScore(
                name=group.name,
                teaches=group.teaches,
                earned=0 if failed else group.points,
                possible=group.points,
                cases=len(own),
                passed=len(own) - len(failed),
                message=message,
                misconception=name,
            )
        )
    asked = variant.prediction
    letter = predicted.strip().upper()
    return TaskScore(
        function=task.function,
        variant=variant.name,
        groups=tuple(groups),
        predicted=letter,
        prediction_earned=asked.points if letter == asked.answer else 0,
        prediction_possible=asked.points,
    )


def _trouble(task: Task, variant: Variant, case: Case, outcome: Outcome) -> str | None:
    if outcome.error:
        return outcome.error
    return differs(variant.reference(*copy.deepcopy(case.arguments)), outcome.value, task.tolerance)


def _feedback(task: Task, variant: Variant, failed: Sequence[tuple[Case, Outcome, str]]) -> tuple[str, str]:
    """The name of what was recognised and the message; for an unknown mistake no name and the first difference."""
    if all(not outcome.error for _, outcome, _ in failed):
        for name, message, answers in _known(task, variant, [case for case, _, _ in failed]):
            told = zip(answers, failed, strict=True)
            if all(differs(answer, outcome.value, task.tolerance) is None for answer, (_, outcome, _) in told):
                return name, message
    case, outcome, said = failed[0]
    if outcome.error == "missing":
        return "missing", f"There is no function `{task.function}` in this notebook."
    called = ", ".join(map(repr, case.arguments))
    shown = called if len(called) <= 240 else f"{called[:239]}…"
    return "", f"`{task.function}({shown})`: {said}."


def _known(task: Task, variant: Variant, cases: Sequence[Case]) -> Iterator[tuple[str, str, list[Value]]]:
    """Every known way to fail with its answers to these cases; ways that raise are left out."""
    ways = [(one.name, one.message, lambda *a, one=one: one.answer(variant.name, *a)) for one in task.misconceptions]
    for other in task.variants:
        if other.name != variant.name:
            message = (
                f"This answers another form of the task (`{other.name}`), not the one in your notebook "
                f"(`{variant.name}`). Read the statement once more."
            )
            ways.append((f"other variant: {other.name}", message, other.reference))
    for name, message, way in ways:
        try:
            yield name, message, [way(*copy.deepcopy(case.arguments)) for case in cases]
        except Exception:  # a mistake that cannot be made with these arguments is not the one that was made
            continue
