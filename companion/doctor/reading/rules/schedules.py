"""A rule about schedules: stepped after the optimiser, and as often as they count."""

from __future__ import annotations

import ast

from companion.doctor.findings import ERROR, WARNING, Finding
from companion.doctor.probe import Outcome
from companion.doctor.reading.events import SCHEDULE, STEP
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.rules.updates import hand_updates, told_of
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import dotted, keyword, last, written

BY_EPOCH, BY_STEP = "epochs", "batches"


def schedule(script: Script) -> Outcome:
    """Compare what a schedule counts with the loop in which it steps, and its place with the optimiser's."""
    found: list[Finding] = []
    looked = []
    updates = hand_updates(script)
    for update in updates:
        plans, steps = update.of(SCHEDULE), update.of(STEP)
        if not plans:
            continue
        looked.append(script.source.said(plans[0].node))
        beside = [event.kind for event in update.of(SCHEDULE, STEP) if event.tests == plans[0].tests]
        if beside[0] == SCHEDULE and STEP in beside:
            found.append(
                SCHEDULES.finding(
                    script,
                    plans[0].node,
                    WARNING,
                    f"`{written(plans[0].node)}` comes before `{written(steps[0].node)}`: the first learning rate of "
                    "the schedule is never used.",
                    "Step the optimiser first, then the schedule.",
                )
            )
        if _counted(script, plans[0].owner) == BY_EPOCH:
            found.append(_misfit(script, plans[0].node, BY_EPOCH, "every batch", "it is over in a few batches"))
    inside = {id(event.node) for update in updates for event in update.of(SCHEDULE)}
    for call in script.called("step"):
        owner = call.func.value if isinstance(call.func, ast.Attribute) else None
        if owner is None or id(call) in inside or not script.is_schedule(owner):
            continue
        looked.append(script.source.said(call))
        if _counted(script, dotted(owner)) == BY_STEP and any(isinstance(u, ast.For) for u in script.above(call)):
            found.append(_misfit(script, call, BY_STEP, "once an epoch", "it never leaves its beginning"))
    if not looked:
        raise CannotCheck("no schedule is stepped by hand")
    return found or told_of(looked, "the schedule is stepped in {count} ({places})")


def _misfit(script: Script, node: ast.AST, counts: str, stepped: str, so: str) -> Finding:
    return SCHEDULES.finding(
        script,
        node,
        ERROR,
        f"The schedule is built to count {counts} and is stepped {stepped}: {so}.",
        "Step it as often as the number it was given counts.",
    )


def _counted(script: Script, owner: str) -> str:
    """Whether the length of a schedule is a number of batches or of epochs; "" where the text does not say."""
    for value in script.origins.get(owner, ()):
        if not isinstance(value, ast.Call):
            continue
        if last(value.func) == "OneCycleLR" and keyword(value, "steps_per_epoch") is not None:
            return BY_STEP
        length = keyword(value, "num_training_steps", "T_max", "total_steps", "total_iters")
        if length is None and last(value.func).startswith("get_") and len(value.args) > 2:
            length = value.args[2]
        parts = [part for node in script.spread(length) for part in ast.walk(node)]
        if any(isinstance(part, ast.Call) and last(part.func) == "len" for part in parts):
            return BY_STEP
        if isinstance(length, ast.Name | ast.Attribute) and "epoch" in last(length).lower():
            return BY_EPOCH
    return ""


SCHEDULES = Rule(
    name="schedule",
    question="Is the schedule stepped as often as it counts, and after the optimiser?",
    proves="what its length counts, and in which loop it steps",
    page="book/foundations/optimisers#schedule",
    examine=schedule,
)
RULES = (SCHEDULES,)
