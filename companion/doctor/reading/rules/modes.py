"""Rules about modes: dropout on in training and off in evaluation, and gradients that are kept or switched off."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from companion.doctor.findings import ERROR, WARNING, Finding
from companion.doctor.probe import Outcome
from companion.doctor.reading.events import BACKWARDS
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import Script, calls_among
from companion.doctor.reading.syntax import FUNCTIONS, LOOPS, dotted, last, written

OFF = ("no_grad", "inference_mode")
LOOP_PAGE = "book/walkthroughs/the-production-training-loop"


def dropout(script: Script) -> Outcome:
    """Look where the model is set to train and to evaluate, and whether a training loop ever comes back.

    `from_pretrained` gives a model in evaluation mode, and a module of PyTorch is made in training mode.
    """
    backwards = [call for call in script.calls if _goes_backward(call)]
    if not backwards:
        raise CannotCheck("no loop in the text goes backward: who trains sets the modes")
    trains = [call for call in script.calls if _sets(script, call, "train")]
    evals = [call for call in script.calls if _sets(script, call, "eval")]
    found: list[Finding] = []
    loaded = script.models
    alone = [call for call in backwards if not trains or not _set_before(script, call)]
    alone = [call for call in alone if _trains_loaded(script, call)]
    if alone:
        found.append(
            DROPOUT.finding(
                script,
                alone[0],
                ERROR,
                f"`{written(loaded[0].func)}` gives the model in evaluation mode, and nothing before or in "
                "this loop calls `train()`: dropout is off in the whole training.",
                "Call model.train() before each training epoch.",
            )
        )
    else:
        found += _never_back(script)
    measured = list(_measuring(script))
    if not evals and measured and (trains or not loaded):
        found.append(
            DROPOUT.finding(
                script,
                measured[0],
                ERROR,
                "The model is called without gradients, to measure it, and nothing in the text calls `eval()`: "
                "dropout is on while it is measured.",
                "Call model.eval() before measuring, and model.train() after it.",
            )
        )
    if found:
        return found
    if not trains and not evals:
        raise CannotCheck("nothing sets a mode, and nothing in the text says how the model was made")
    first = [script.source.said(call) for call in (*trains[:1], *evals[:1])]
    return f"the mode is set for training and evaluation ({', '.join(first)})"


def _trains_loaded(script: Script, call: ast.Call) -> bool:
    """Whether the loop, or the function, around a backward pass calls a model that was loaded under that name."""
    made = {
        name
        for name, values in script.origins.items()
        if values and all(any(part in script.models for part in ast.walk(value)) for value in values)
    }
    homes = [node for node in script.above(call) if isinstance(node, (*FUNCTIONS, *LOOPS))]
    inside = script.reach(homes[-1] if homes else script.tree)
    return any(dotted(one.func) in made for one in calls_among(inside))


def _set_before(script: Script, call: ast.Call) -> bool:
    """Whether `train()` is called by the end of the loop around a backward pass, or that loop stands in a function."""
    above = [call, *script.above(call)]
    if any(isinstance(node, (*FUNCTIONS, ast.Lambda)) for node in above):
        return True
    statement = above[-2]  # of the module
    run = script.tree.body[: script.tree.body.index(statement) + 1]
    reached = [node for part in run if not isinstance(part, (*FUNCTIONS, ast.ClassDef)) for node in script.reach(part)]
    return any(_sets(script, one, "train") for one in calls_among(reached))


def _never_back(script: Script) -> Iterator[Finding]:
    """Loops that train and evaluate, and never set the model to train again."""
    reached = {id(loop): script.reach(loop) for loop in script.loops}
    done: set[int] = set()
    for loop in script.loops:
        inside = reached[id(loop)]
        inner = list(calls_among(inside))
        off = next((call for call in inner if _sets(script, call, "eval") and not _is_fresh(call.func.value)), None)
        if off is None or not any(map(_goes_backward, inner)) or id(off) in done:
            continue
        if not any(_sets(script, call, "train") for call in inner):
            done.add(id(off))
            yield DROPOUT.finding(
                script,
                off,
                ERROR,
                f"`{written(off)}` is called inside the training loop ({script.source.said(loop)}), and `train()` is "
                "not: after the first evaluation dropout is off for good.",
                "Call model.train() at the start of every epoch, inside the loop.",
            )


def _is_fresh(owner: ast.AST) -> bool:
    """Whether a mode is set on what a call has just made, which is not the model in training."""
    return isinstance(owner, ast.Call) and "unwrap" not in last(owner.func)


def gradient_off(script: Script) -> Outcome:
    """Look for a loss that is both computed and sent backward where gradients are switched off."""
    backwards = [call for call in script.calls if _goes_backward(call)]
    if not backwards:
        raise CannotCheck("no loop in the text goes backward")
    found = []
    for call in backwards:
        home = script.function_of(call)
        made = [
            node
            for node in script.nodes
            if isinstance(node, ast.Assign)
            and script.function_of(node) is home
            and any(dotted(target) in _sent(call) for target in node.targets)
        ]
        regions = [_region_off(script, node) for node in made]
        if made and None not in regions:
            found.append(
                GRADIENT_OFF.finding(
                    script,
                    call,
                    ERROR,
                    f"`{written(call)}` sends back a loss that is computed where gradients are switched off "
                    f"({script.source.said(regions[0])}): there is nothing to go back through, and PyTorch raises.",
                    "Keep torch.no_grad() for evaluation.",
                )
            )
    return found or f"no loss of {len(backwards)} backward passes is computed where gradients are off"


def graph_kept(script: Script) -> Outcome:
    """Look for losses that are added up with their graphs, and for graphs that are kept on purpose."""
    backwards = {name for call in script.calls if _goes_backward(call) for name in _sent(call)}
    if not backwards:
        raise CannotCheck("no loop in the text goes backward")
    found = []
    for call in script.calls:
        kept = next((word for word in call.keywords if word.arg == "retain_graph"), None)
        if last(call.func) == "backward" and kept is not None and script.value_of(kept.value) is True:
            found.append(
                GRAPH_KEPT.finding(
                    script,
                    call,
                    WARNING,
                    "`retain_graph=True` keeps the graph of every backward pass: memory is held, and it often hides "
                    "that a tensor of an earlier step is used again.",
                    "Leave it out; if PyTorch then complains, detach what is carried from step to step.",
                )
            )
    for node in script.nodes:
        if not isinstance(node, ast.AugAssign) or not isinstance(node.op, ast.Add):
            continue
        total, value = dotted(node.target), node.value
        if not isinstance(value, ast.Name) or value.id not in backwards or total in backwards:
            continue
        loop = next((up for up in script.above(node) if isinstance(up, ast.For | ast.While)), None)
        assigned = loop is not None and any(
            isinstance(part, ast.Assign) and any(dotted(target) == total for target in part.targets)
            for part in ast.walk(loop)
        )
        if loop is not None and not assigned:
            found.append(
                GRAPH_KEPT.finding(
                    script,
                    node,
                    WARNING,
                    f"`{written(node)}` adds up tensors with their graphs: the memory of every batch of the epoch is "
                    "held until its end.",
                    f"Write {total} += {value.id}.item().",
                )
            )
    return found or "losses are added up as numbers"


def _goes_backward(call: ast.Call) -> bool:
    return _is_attribute(call) and call.func.attr in BACKWARDS


def _sent(call: ast.Call) -> set[str]:
    """The names of what goes backward: `loss` of `loss.backward()`, `scaler.scale(loss).backward()`, and the like."""
    owner = call.func.value
    tops = call.args or (owner.args if isinstance(owner, ast.Call) else [owner])
    return {dotted(part) for top in tops for part in ast.walk(top) if isinstance(part, ast.Name | ast.Attribute)}


def _is_attribute(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute)


def _sets(script: Script, call: ast.Call, mode: str) -> bool:
    """Whether a call is `model.train()` or `model.eval()`, and not a trainer's."""
    if not _is_attribute(call) or call.func.attr != mode or len(call.args) > 1 or script.is_trainer(call.func.value):
        return False
    owner = dotted(call.func.value)
    return owner not in ("pd", "df", "pl") and bool(owner) and not (owner == "self" and _own(script, call, mode))


def _own(script: Script, call: ast.Call, mode: str) -> bool:
    """Whether `self.train()` is a method that is written here, and so no mode."""
    home = script.class_of(call)
    return home is not None and any(isinstance(node, FUNCTIONS) and node.name == mode for node in home.body)


def _measuring(script: Script) -> Iterator[ast.AST]:
    """Regions without gradients in which a model is called, and that lie in no training loop's forward pass."""
    for node in script.nodes:
        if isinstance(node, ast.With | ast.AsyncWith) and any(last(item.context_expr) in OFF for item in node.items):
            region: ast.AST = node
        elif isinstance(node, FUNCTIONS) and any(last(decorator) in OFF for decorator in node.decorator_list):
            region = node
        else:
            continue
        called = [call for call in calls_among(list(ast.walk(region))) if "model" in last(call.func).lower()]
        if called and any(mark in written(region, 10_000) for mark in ("argmax", "loss", "logits", "pred")):
            yield region


def _region_off(script: Script, node: ast.AST) -> ast.AST | None:
    """The nearest region around a node in which gradients are off."""
    for up in script.above(node):
        if isinstance(up, ast.With) and any(last(item.context_expr) in (*OFF, "enable_grad") for item in up.items):
            return None if any(last(item.context_expr) == "enable_grad" for item in up.items) else up
        if isinstance(up, FUNCTIONS):
            return up if any(last(decorator) in OFF for decorator in up.decorator_list) else None
    return None


DROPOUT = Rule(
    name="dropout",
    question="Is dropout on in training and off in evaluation?",
    proves="which modes the text sets, and that a loop never comes back to training",
    page=f"{LOOP_PAGE}#alarms-read",
    examine=dropout,
)
GRADIENT_OFF = Rule(
    name="gradient switched off",
    question="Is a loss that goes backward computed where gradients are on?",
    proves="that all that makes the loss stands where gradients are off",
    page="book/foundations/pytorch-in-one-sitting#backward",
    examine=gradient_off,
)
GRAPH_KEPT = Rule(
    name="graph kept",
    question="Are the graphs of past steps held in memory?",
    proves="that a tensor with its graph is added up, or kept on purpose",
    page="book/engineering/memory-and-speed#kept-claims",
    examine=graph_kept,
)
RULES = (DROPOUT, GRADIENT_OFF, GRAPH_KEPT)
