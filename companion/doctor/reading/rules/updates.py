"""Rules about the update: gradients cleared, in the right order, and divided rightly."""

from __future__ import annotations

import ast

from companion.doctor.findings import ERROR, NOTE, WARNING, Finding
from companion.doctor.probe import Outcome
from companion.doctor.reading.events import (
    BACKWARD,
    CLIP,
    STEP,
    UNSCALE,
    ZERO,
    Event,
    Update,
    updates_of,
)
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import OPTIMIZERS, Script
from companion.doctor.reading.syntax import dotted, last, mentions, names_in, written

LOOP_PAGE = "book/walkthroughs/the-production-training-loop"


def gradient_cleared(script: Script) -> Outcome:
    """Look for something that clears gradients in every loop that goes backward and steps."""
    found, healthy = [], []
    for update in hand_updates(script):
        if update.of(ZERO):
            healthy.append(script.source.said(update.of(ZERO)[0].node))
            continue
        elsewhere = script.called("zero_grad")
        if (not update.is_loop and elsewhere) or _makes_its_own(script, update):
            continue  # a caller may clear, or each pass begins with an optimiser, and weights, of its own
        step = update.of(STEP)[0]
        told = f" zero_grad stands at {script.source.said(elsewhere[0])}, outside the loop." if elsewhere else ""
        found.append(
            CLEARED.finding(
                script,
                step.node,
                ERROR,
                f"`{written(step.node)}` follows `backward` in a loop, and nothing in it clears gradients: every step "
                f"adds to the gradients of all steps before it.{told}",
                f"Call {step.owner}.zero_grad(set_to_none=True) once for every update, inside the loop.",
            )
        )
    return found or told_of(healthy, "gradients are cleared in {count} ({places})")


def order(script: Script) -> Outcome:
    """Follow each loop round and round: a step has to meet a fresh gradient, and clipping one not yet used."""
    found: list[Finding] = []
    looked = []
    for update in hand_updates(script):
        if len({event.owner for event in update.of(STEP)}) > 1:
            continue
        looked.append(script.source.said(update.of(STEP)[0].node))
        for event in update.of(STEP):
            before = _before(update, event, (BACKWARD, ZERO))
            if before is not None and before.kind == ZERO:
                found.append(
                    ORDER.finding(
                        script,
                        event.node,
                        ERROR,
                        f"`{written(event.node)}` always meets cleared gradients: between `zero_grad` "
                        f"({script.source.said(before.node)}) and this step nothing goes backward. Nothing is learnt.",
                        "The order is: zero_grad, backward, (clip), step.",
                    )
                )
                break
        found += _clipping(script, update)
    if not looked:
        raise CannotCheck("several optimisers step in one loop: their order is not followed")
    return found or told_of(looked, "every step meets a fresh gradient in {count} ({places})")


def _clipping(script: Script, update: Update) -> list[Finding]:
    found = []
    scaled = any(
        isinstance(event.node, ast.Call) and "scaler" in dotted(event.node.func).lower() for event in update.of(STEP)
    )
    for event in update.of(CLIP):
        before = _before(update, event, (BACKWARD, STEP))
        if before is not None and before.kind == STEP:
            found.append(
                ORDER.finding(
                    script,
                    event.node,
                    ERROR,
                    f"`{written(event.node)}` comes after the step: it clips gradients that were used already.",
                    "Clip between backward and step.",
                )
            )
        by_torch = last(event.node.func) in ("clip_grad_norm_", "clip_grad_value_") and not dotted(
            event.node.func
        ).lower().startswith(("accelerator", "self.accelerator", "fabric", "self.fabric"))
        undone = _before(update, event, (BACKWARD, UNSCALE))
        if scaled and by_torch and before is not None and before.kind == BACKWARD and undone.kind == BACKWARD:
            found.append(
                ORDER.finding(
                    script,
                    event.node,
                    ERROR,
                    f"`{written(event.node)}` measures gradients that GradScaler has multiplied: almost every update "
                    "is cut down, by a factor that has nothing to do with the gradient.",
                    "Call scaler.unscale_(optimizer) between backward and clipping.",
                )
            )
    return found


def _makes_its_own(script: Script, update: Update) -> bool:
    """Whether the optimiser is made inside the loop or function, anew for each pass."""
    return any(last(call.func) in OPTIMIZERS for call in script.calls_reached(update.scope))


def accumulation(script: Script) -> Outcome:
    """Where a step is taken only every so many batches, look for the division of the loss."""
    found, healthy = [], []
    for update in hand_updates(script):
        every = _every(script, update)
        if every is None:
            continue
        backward = update.of(BACKWARD)[0]
        inside = script.reach(update.scope)
        if _divides(inside, every) or "accelerate" in {n.split(".")[0] for n in script.imports.values()}:
            healthy.append(script.source.said(backward.node))
            words = script.tags_words or any("LM" in last(call.func.value) for call in script.models)
            if words and _divides(inside, every, by_it=True):
                found.append(_means(script, backward, every))
            continue
        found.append(
            ACCUMULATION.finding(
                script,
                backward.node,
                WARNING,
                f"The optimiser steps once in {written(every)} batches and the loss is divided by nothing: the "
                "gradient is that many times the gradient of one batch, and so is what clipping and weight decay see.",
                "Sum the losses of all pieces and divide once, by the labels of the whole update.",
            )
        )
    if not found and not healthy:
        raise CannotCheck("no loop in the text accumulates gradients")
    return found or told_of(healthy, "the loss is divided in {count} ({places})")


def _means(script: Script, backward: Event, every: ast.AST) -> Finding:
    return ACCUMULATION.finding(
        script,
        backward.node,
        NOTE,
        f"The mean losses of batches are divided by {written(every)} and added up: a mean of means, in which a label "
        "of a short batch weighs more than one of a long batch.",
        "Sum the losses of all pieces and divide once, by the labels of the whole update.",
    )


def hand_updates(script: Script) -> list[Update]:
    """The loops that update weights.

    Raises:
        CannotCheck: there is none, and why.
    """
    if script.imports_from("deepspeed"):
        raise CannotCheck("an engine of DeepSpeed takes the steps")
    found = updates_of(script)
    if found:
        return found
    if script.trainers:
        raise CannotCheck("a Trainer takes the steps; hand it to companion.doctor to examine it")
    if script.imports_from("lightning", "pytorch_lightning"):
        raise CannotCheck("Lightning takes the steps")
    raise CannotCheck("no loop in the text goes backward and steps an optimiser")


def _before(update: Update, event: Event, kinds: tuple[str, ...]) -> Event | None:
    """The event of one of these kinds that came last before this one, going round the loop."""
    place = update.events.index(event)
    for other in (*reversed(update.events[:place]), *reversed(update.events[place + 1 :])):
        if other.kind in kinds and not other.excludes(event):
            return other
    return None


def _every(script: Script, update: Update) -> ast.AST | None:
    """The number in `if … % number == 0` around every step of an update, where backward stands outside it."""
    free = {id(node) for event in update.of(BACKWARD) for node, _ in event.tests}
    for event in update.of(STEP):
        for node, _ in event.tests:
            if isinstance(node, ast.If) and id(node) not in free:
                for part in ast.walk(node.test):
                    if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mod):
                        return part.right
    return None


def _divides(inside: list[ast.AST], every: ast.AST, *, by_it: bool = False) -> bool:
    """Whether a loss, or a gradient, is divided or scaled in a loop; with `by_it`, a loss by that number."""
    names = names_in(every)
    for node in inside:
        if isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div | ast.Mult):
            left, right = (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
            loss, number = mentions(left, "loss"), bool(names & names_in(right)) or ast.dump(every) == ast.dump(right)
            told = by_it or any(isinstance(part, ast.Call) and last(part.func) == "item" for part in ast.walk(node))
            if (loss and number) or (not told and (number or mentions(node, "loss", "grad"))):
                return True
        named = isinstance(node, ast.Call) and last(node.func) in ("div_", "mul_", "div")
        if named and not by_it and mentions(node, "loss", "grad"):
            return True
    return False


def told_of(places: list[str], text: str) -> str:
    if not places:
        raise CannotCheck("what there is stands in functions that something outside the text calls")
    count = f"{len(places)} loop{'s' * (len(places) != 1)}"
    return text.format(count=count, places=", ".join(places[:3]))


CLEARED = Rule(
    name="gradient cleared",
    question="Is the gradient cleared for every update?",
    proves="that nothing the loop reaches clears gradients",
    page=f"{LOOP_PAGE}#invariants",
    examine=gradient_cleared,
)
ORDER = Rule(
    name="order of an update",
    question="Do clearing, backward, clipping and step come in an order that learns?",
    proves="which gradient a step or a clipping meets, going round the loop",
    page=f"{LOOP_PAGE}#step",
    examine=order,
)
ACCUMULATION = Rule(
    name="micro-batches",
    question="Is the loss divided where gradients are accumulated?",
    proves="that no loss and no gradient is divided in a loop that steps every so many batches",
    page=f"{LOOP_PAGE}#split-gap",
    examine=accumulation,
)
RULES = (CLEARED, ORDER, ACCUMULATION)
