"""What happens in a training loop, in the order in which it happens: backward passes, steps, clearing, clipping."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from companion.doctor.reading.script import DEEPEST, Script
from companion.doctor.reading.syntax import FUNCTIONS, LOOPS, dotted, last, written

BACKWARD, STEP, ZERO, CLIP, UNSCALE, SCHEDULE = "backward", "step", "zero", "clip", "unscale", "schedule"
BACKWARDS = ("backward", "manual_backward")
CLIPS = ("clip_grad_norm_", "clip_grad_value_", "clip_grad_norm", "clip_gradients")
Branch = tuple[ast.AST, int]
"""An `if`, a `try` or a `match`, and the number of its arm."""
MOST_EVENTS = 500
BRANCHES = (ast.If, ast.IfExp, ast.Try, ast.Match)


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One thing that is done to gradients, weights or the learning rate."""

    kind: str
    """Which."""
    node: ast.AST
    """Where."""
    owner: str
    """Of what: the optimiser's name, or ""."""
    tests: tuple[Branch, ...]
    """The branches around it, within the loop."""

    def excludes(self, other: Event) -> bool:
        """Whether the two stand in different arms of one branch, so that at most one of them happens."""
        return any(mine is its and arm != its_arm for mine, arm in self.tests for its, its_arm in other.tests)


@dataclass(frozen=True, kw_only=True, slots=True)
class Update:
    """The innermost loop, or the function, in which a backward pass and an optimiser step both happen."""

    scope: ast.AST
    """The loop or function."""
    events: tuple[Event, ...]
    """What happens in it, in order, through the functions that it calls."""

    @property
    def is_loop(self) -> bool:
        """Whether it is a loop; a function may be called from anywhere."""
        return isinstance(self.scope, LOOPS)

    def of(self, *kinds: str) -> list[Event]:
        """The events of these kinds."""
        return [event for event in self.events if event.kind in kinds]


def updates_of(script: Script) -> list[Update]:
    """Every place where weights are updated by hand, in the order of the text."""
    marks = {id(call) for call in script.calls if last(call.func) in BACKWARDS}
    if not marks:
        return []
    functions = [one for many in (*script.functions.values(), *script.methods.values()) for one in many]
    reached = {scope: script.reach(scope) for scope in (*script.loops, *functions)}
    both: dict[ast.AST, tuple[Event, ...]] = {}
    for scope, inside in reached.items():
        if any(id(node) in marks for node in inside):
            events = tuple(events_of(script, scope))
            if {BACKWARD, STEP} <= {event.kind for event in events}:
                both[scope] = events
    loops = [scope for scope in both if isinstance(scope, LOOPS)]
    found = [scope for scope in loops if not any(part in both and part is not scope for part in _loops(reached[scope]))]
    covered = {id(part) for scope in loops for part in reached[scope]}
    found += [
        scope
        for scope in both
        if scope not in loops and id(scope) not in covered and not any(part in both for part in _loops(reached[scope]))
    ]
    return [Update(scope=scope, events=both[scope]) for scope in found]


def _loops(nodes: list[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in nodes if isinstance(node, LOOPS))


def events_of(script: Script, scope: ast.AST) -> Iterator[Event]:
    """The events of a loop or function in the order of execution; each function is entered once on the way."""
    parts = list(ast.iter_child_nodes(scope))
    if isinstance(scope, ast.For | ast.AsyncFor):
        parts = [*scope.body, *scope.orelse]
    elif isinstance(scope, FUNCTIONS):
        parts = list(scope.body)
    for number, event in enumerate(one for part in parts for one in _walk(script, part, (), (scope,))):
        if number == MOST_EVENTS:
            return
        yield event


def _walk(script: Script, node: ast.AST, tests: tuple[Branch, ...], stack: tuple[ast.AST, ...]) -> Iterator[Event]:
    if isinstance(node, (*FUNCTIONS, ast.Lambda, ast.ClassDef)) and stack and node is not stack[-1]:
        # A function that is defined here runs where it is called; a closure handed to an optimiser runs in its step.
        return
    if isinstance(node, BRANCHES):
        yield from _branches(script, node, tests, stack)
        return
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        if node.value is not None:
            yield from _walk(script, node.value, tests, stack)
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Attribute) and t.attr == "grad" for t in targets):
            yield Event(kind=ZERO, node=node, owner="", tests=tests)
        return
    for child in ast.iter_child_nodes(node):
        yield from _walk(script, child, tests, stack)
    if isinstance(node, ast.Call):
        for target in _entered(script, node):
            if target not in stack and len(stack) <= DEEPEST:
                for part in target.body:
                    yield from _walk(script, part, tests, (*stack, target))
        event = _event(script, node, tests)
        if event is not None:
            yield event


def _branches(script: Script, node: ast.AST, tests: tuple[Branch, ...], stack: tuple[ast.AST, ...]) -> Iterator[Event]:
    if isinstance(node, ast.If | ast.IfExp):
        yield from _walk(script, node.test, tests, stack)
        arms = [node.body, node.orelse]
    elif isinstance(node, ast.Try):
        # What a `try` guards happens; what its handlers do may happen.
        for part in node.body:
            yield from _walk(script, part, tests, stack)
        arms = [handler.body for handler in node.handlers] + [node.orelse]
    else:
        yield from _walk(script, node.subject, tests, stack)
        arms = [case.body for case in node.cases]
    for arm, parts in enumerate(arms):
        for part in parts if isinstance(parts, list) else [parts]:
            yield from _walk(script, part, (*tests, (node, arm)), stack)
    for part in getattr(node, "finalbody", ()):
        yield from _walk(script, part, tests, stack)


def _entered(script: Script, call: ast.Call) -> list[ast.AST]:
    """The functions of this file that a call runs: the one it calls, and those it is handed."""
    found = script.targets(call.func)
    if isinstance(call.func, ast.Attribute) and call.func.attr == "step":
        handed = [script.targets(argument) for argument in call.args]
        return [*(target for targets in handed for target in targets), *found]
    return found


def _event(script: Script, call: ast.Call, tests: tuple[Branch, ...]) -> Event | None:
    name = last(call.func)
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    kind, whose = "", ""
    if name in BACKWARDS and owner is not None:
        kind = BACKWARD
    elif name == "zero_grad":
        kind, whose = ZERO, dotted(owner)
    elif name == "zero_" and owner is not None and last(owner) == "grad":
        kind = ZERO
    elif name in CLIPS:
        kind = CLIP
    elif name in ("unscale_", "unscale_gradients"):
        kind = UNSCALE
    elif name == "step" and owner is not None:
        if script.is_schedule(owner):
            kind, whose = SCHEDULE, dotted(owner)
        elif script.is_optimizer(owner):
            kind, whose = STEP, written(owner)
        elif call.args and script.is_optimizer(call.args[0]):  # scaler.step(optimizer)
            kind, whose = STEP, written(call.args[0])
    return Event(kind=kind, node=call, owner=whose, tests=tests) if kind else None
