"""A rule about names: every one that is used is made somewhere."""

from __future__ import annotations

import ast
import builtins

from companion.doctor.findings import ERROR
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import FUNCTIONS, last

GIVEN = frozenset(dir(builtins)) | frozenset(
    [
        "__file__",
        "__name__",
        "__doc__",
        "__builtins__",
        "__path__",
        "__spec__",
        "__class__",
        "get_ipython",
        "display",
        "In",
        "Out",
        "exit",
        "quit",
        "_",
        "__",
        "___",
    ]
)
MOST_SHOWN = 6


def undefined(script: Script) -> Outcome:
    """Compare the names that are read with those that are made anywhere in the file.

    Raises:
        CannotCheck: names may come from elsewhere: a star import, `exec`, or a cell that was not read.
    """
    star = any(isinstance(node, ast.ImportFrom) and any(a.name == "*" for a in node.names) for node in script.nodes)
    if star:
        raise CannotCheck("a star import brings names that the text does not show")
    if any(last(call.func) in ("exec", "globals", "locals", "vars") for call in script.calls):
        raise CannotCheck("names are made while it runs")
    if any(
        "%run" in told or "%load" in told or "not Python" in told or "%pylab" in told for told in script.source.skipped
    ):
        raise CannotCheck("a part that was not read may make names")
    made = _made(script)
    missing: dict[str, ast.Name] = {}
    for node in script.nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in made:
            first = missing.get(node.id)
            if first is None or node.lineno < first.lineno:
                missing[node.id] = node
    if not missing:
        return f"all {len(made - GIVEN)} names are made somewhere in it"
    ordered = sorted(missing.values(), key=lambda node: node.lineno)
    shown = ", ".join(f"{node.id} ({script.source.said(node)})" for node in ordered[:MOST_SHOWN])
    more = len(ordered) - MOST_SHOWN
    return [
        UNDEFINED.finding(
            script,
            ordered[0],
            ERROR,
            f"{len(ordered)} name{'s are' if len(ordered) != 1 else ' is'} read and never made: {shown}"
            f"{f' and {more} more' if more > 0 else ''}. Python raises NameError when it comes there.",
            "Import or define them; data that a text only speaks of has to be loaded.",
            names=len(ordered),
        )
    ]


def _made(script: Script) -> set[str]:
    found = set(GIVEN)
    for node in script.nodes:
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif type(node).__name__ in ("TypeVar", "ParamSpec", "TypeVarTuple"):
            found.add(node.name)
    return found


UNDEFINED = Rule(
    name="undefined names",
    question="Is every name made somewhere?",
    proves="that nothing in the file makes a name which it reads",
    page="book/foundations/pytorch-in-one-sitting",
    examine=undefined,
)
RULES = (UNDEFINED,)
