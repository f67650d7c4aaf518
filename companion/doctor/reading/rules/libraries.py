"""Rules about the metrics of libraries: how seqeval reads tags, and what scikit-learn takes."""

from __future__ import annotations

import ast

from companion.doctor.findings import ERROR, NOTE
from companion.doctor.probe import Outcome, plural
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.rules.scores import SKLEARN
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import constant, dotted, keyword, last, written

BY_DEFAULT_BINARY = frozenset(["precision_score", "recall_score", "f1_score"])


def strict(script: Script) -> Outcome:
    """Look whether seqeval is told how strictly to read tags."""
    if not any(full.startswith("seqeval") for full in script.imports.values()):
        loads = [call for call in script.called("load") if call.args and constant(call.args[0]) == "seqeval"]
        if not loads:
            raise CannotCheck("seqeval is not used")
        calls = script.called("compute") or loads
    else:
        calls = [call for call in script.calls if script.full(call.func).startswith("seqeval")]
        calls = [call for call in calls if "accuracy" not in last(call.func)]
    if any(keyword(call, "mode", "scheme") is not None for call in calls):
        return "seqeval is told its mode or scheme"
    if not calls:
        raise CannotCheck("seqeval is imported and not called")
    return [
        STRICT.finding(
            script,
            calls[0],
            NOTE,
            f"`{written(calls[0].func)}` reads tags leniently, since no mode is given: gold B-PER I-PER "
            "against predicted I-PER I-PER counts as right.",
            'Say which: mode="strict", scheme=IOB2; and name it beside the score.',
        )
    ]


def takes(script: Script) -> Outcome:
    """Look for lists of lists, or several classes, in a metric of scikit-learn that takes neither."""
    scored = [call for call in script.calls if script.full(call.func).startswith("sklearn.metrics")]
    if not scored:
        raise CannotCheck("no metric of scikit-learn is called")
    nested = _lists_of_lists(script)
    found = []
    for call in scored:
        given = [dotted(argument) for argument in call.args[:2]]
        if last(call.func) in SKLEARN and any(name in nested for name in given):
            found.append(
                TAKES.finding(
                    script,
                    call,
                    ERROR,
                    f"`{written(call)}` is given a list of lists of tags, and scikit-learn raises: it scores one label "
                    "for each item.",
                    "Score entities with seqeval, or flatten the lists without the ignored positions.",
                )
            )
            break
        classes = _classes(script)
        if last(call.func) in BY_DEFAULT_BINARY and classes > 2 and keyword(call, "average") is None:
            found.append(
                TAKES.finding(
                    script,
                    call,
                    ERROR,
                    f"`{written(call)}` is binary by default and there are {classes} classes: scikit-learn raises.",
                    'Say average="macro", and show the score of each class beside it.',
                )
            )
            break
    return found or f"{plural(len(scored), 'call')} of scikit-learn's metrics given what it takes"


def _lists_of_lists(script: Script) -> set[str]:
    """Names of lists to which lists are appended."""
    found = set()
    for call in script.called("append"):
        argument = call.args[0] if call.args else None
        values = [argument] if not isinstance(argument, ast.Name) else script.origins.get(argument.id, [])
        sliced = [v for v in values if isinstance(v, ast.Subscript) and isinstance(v.slice, ast.Slice)]
        if sliced or any(isinstance(value, ast.List | ast.ListComp) for value in values):
            found.add(dotted(call.func.value))
    return found


def _classes(script: Script) -> int:
    """The number of classes, where the text says it as a number or as a mapping written out."""
    for call in script.models:
        number = keyword(call, "num_labels")
        value = script.value_of(number)
        if isinstance(value, int):
            return value
        if isinstance(number, ast.Call) and last(number.func) == "len" and number.args:
            made = script.origins.get(dotted(number.args[0]), [])
            if len(made) == 1 and isinstance(made[0], ast.Dict):
                return len(made[0].keys)
            if len(made) == 1 and isinstance(made[0], ast.List | ast.Tuple):
                return len(made[0].elts)
    return 0


STRICT = Rule(
    name="strict or lenient",
    question="Is it said how strictly tags are read?",
    proves="that no mode is given",
    page="book/walkthroughs/train-a-tagger#strict-read",
    examine=strict,
)
TAKES = Rule(
    name="what scikit-learn takes",
    question="Do scikit-learn's metrics get what they take?",
    proves="that a list of lists, or more than two classes, is handed to one that raises",
    page="book/walkthroughs/train-a-tagger#report",
    examine=takes,
)
RULES = (STRICT, TAKES)
