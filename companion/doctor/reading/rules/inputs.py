"""Rules about what goes into a model and a loss: one axis too many, padding to the limit, softmax twice."""

from __future__ import annotations

import ast

from companion.doctor.findings import ERROR, NOTE, WARNING, Finding
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.rules.labels import is_tokenizer
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import constant, dotted, keyword, last, written

FLATTENS = ("squeeze", "flatten", "view", "reshape", "unsqueeze", "ravel", "items", "squeeze_")


def leading_axis(script: Script) -> Outcome:
    """Look for rows that a data set gives out as tables of one row."""
    looked = 0
    for method in script.methods.get("__getitem__", ()):
        for node in ast.walk(method):
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            call = node.value
            if not is_tokenizer(script, call) or constant(keyword(call, "return_tensors")) != "pt":
                continue
            looked += 1
            name = dotted(node.targets[0])
            for use in ast.walk(method):
                if _is_field(use, name):
                    around = script.parents.get(use)
                    unused = isinstance(around, ast.Subscript) or (
                        isinstance(around, ast.Attribute) and around.attr in FLATTENS
                    )
                    later = isinstance(around, ast.Assign) and _taken_apart(method, dotted(around.targets[0]))
                    collated = any(word.arg == "collate_fn" for c in script.calls for word in c.keywords)
                    if not unused and not later and not collated:
                        return [_axis(script, use)]
    if not looked:
        raise CannotCheck("no data set in the text tokenises one row at a time into tensors")
    return "rows are taken out of the tokenizer's table"


def _is_field(node: ast.AST, name: str) -> bool:
    """Whether a node is `encoding["input_ids"]`."""
    plain = isinstance(node, ast.Subscript) and not isinstance(node.value, ast.Subscript)
    return plain and dotted(node.value) == name and isinstance(constant(node.slice), str)


def _axis(script: Script, use: ast.AST) -> Finding:
    return AXIS.finding(
        script,
        use,
        ERROR,
        f"`{written(use)}` is a table of one row, since a tokenizer with return_tensors answers for a batch: stacked, "
        "the batch has three axes, and the model raises.",
        "Take the row out with [0], or leave return_tensors away and let a collator pad.",
    )


def _taken_apart(method: ast.AST, name: str) -> bool:
    for node in ast.walk(method):
        if isinstance(node, ast.Subscript) and dotted(node.value) == name and constant(node.slice) == 0:
            return True
        if isinstance(node, ast.Attribute) and node.attr in FLATTENS and dotted(node.value) == name:
            return True
    return False


def padding_limit(script: Script) -> Outcome:
    """Look for padding to a fixed length, and whether that length is said."""
    calls = [call for call in script.calls if is_tokenizer(script, call)]
    fixed = [call for call in calls if constant(keyword(call, "padding")) == "max_length"]
    if not calls:
        raise CannotCheck("no tokenizer is called in the text")
    endless = next((call for call in fixed if keyword(call, "max_length") is None), None)
    if endless is not None:
        return [
            LIMIT.finding(
                script,
                endless,
                WARNING,
                'padding="max_length" without max_length fills every row up to the model\'s limit, often 512 pieces: '
                "most of the work is done on padding.",
                "Pad each batch to its longest row, in a collator.",
            )
        ]
    if fixed:
        return [
            LIMIT.finding(
                script,
                fixed[0],
                NOTE,
                'padding="max_length" fills every row up to one length, however short the batch is.',
                "Pad each batch to its longest row, in a collator.",
            )
        ]
    return "rows are not padded to a fixed length"


def logits_taken(script: Script) -> Outcome:
    """Look for what a model with a head gives back, handed to a loss as it is."""
    heads = _with_heads(script)
    if not heads:
        raise CannotCheck("no pretrained model with a head is called by its name")
    losses = [call for call in script.calls if _is_loss(script, call)]
    for call in losses:
        first = call.args[0] if call.args else None
        if not isinstance(first, ast.Name):
            continue
        made = _made_near(script, call, first.id)
        if isinstance(made, ast.Call) and dotted(made.func) in heads and keyword(made, "return_dict") is None:
            return [
                LOGITS.finding(
                    script,
                    call,
                    ERROR,
                    f"`{written(call)}` hands the loss the object that the model gives back ({first.id} = "
                    f"`{written(made)}`), and not its logits: PyTorch raises.",
                    f"Write {first.id}.logits.",
                )
            ]
    if not losses:
        raise CannotCheck("no loss is called in the text")
    return "losses are given logits"


def softmax_twice(script: Script) -> Outcome:
    """Look for probabilities that are handed to a loss which takes logits."""
    losses = [call for call in script.calls if _is_cross_entropy(script, call)]
    if not losses:
        raise CannotCheck("no cross-entropy is called in the text")
    for call in losses:
        first = call.args[0] if call.args else None
        made = _made_near(script, call, first.id) if isinstance(first, ast.Name) else first
        if isinstance(made, ast.Call) and last(made.func) in ("softmax", "log_softmax", "Softmax"):
            twice = last(made.func) != "log_softmax"
            if twice:
                return [
                    TWICE.finding(
                        script,
                        call,
                        ERROR,
                        f"`{written(call)}` is given probabilities (`{written(made)}`) and takes the softmax again: "
                        "gradients are flattened, and the loss cannot come near 0.",
                        "Hand it the logits.",
                    )
                ]
    return f"cross-entropy is given no softmax in {len(losses)} call{'s' * (len(losses) != 1)}"


def _with_heads(script: Script) -> set[str]:
    """Names that are only ever a pretrained model with a head."""
    found = set()
    for name, values in script.origins.items():
        loaded = [
            v for v in values if isinstance(v, ast.Call) and "For" in dotted(v.func) and "pretrained" in dotted(v.func)
        ]
        if loaded and len(loaded) == len(values):
            found.add(name)
    return found


def _is_loss(script: Script, call: ast.Call) -> bool:
    name = last(call.func).lower()
    return len(call.args) == 2 and (
        name in ("criterion", "loss_fn", "loss_function", "loss_func") or _is_cross_entropy(script, call)
    )


def _is_cross_entropy(script: Script, call: ast.Call) -> bool:
    if last(call.func) == "cross_entropy" and len(call.args) >= 2:
        return True
    made = script.made_by(call.func) if isinstance(call.func, ast.Name | ast.Attribute) else []
    direct = isinstance(call.func, ast.Call) and last(call.func) == "CrossEntropyLoss"
    return direct or ("CrossEntropyLoss" in made and len(call.args) >= 2)


def _made_near(script: Script, call: ast.Call, name: str) -> ast.AST | None:
    """The last thing assigned to a name in the same function before a call; None where there is none."""
    home = script.function_of(call)
    found = [
        node
        for node in script.nodes
        if isinstance(node, ast.Assign)
        and any(dotted(target) == name for target in node.targets)
        and script.function_of(node) is home
        and node.lineno <= call.lineno
    ]
    return max(found, key=lambda node: node.lineno).value if found else None


AXIS = Rule(
    name="leading axis",
    question="Does a data set give out rows, and not tables of one row?",
    proves="that what a tokenizer makes of one text keeps its first axis",
    page="book/foundations/text-to-tensors#leading-axis",
    examine=leading_axis,
)
LIMIT = Rule(
    name="padding to the limit",
    question="Are rows padded to a fixed length?",
    proves="what the tokenizer is told about padding",
    page="book/foundations/text-to-tensors#cost",
    examine=padding_limit,
)
LOGITS = Rule(
    name="outputs and logits",
    question="Is the loss given logits?",
    proves="that the model's whole output is handed to a loss",
    page="book/foundations/pytorch-in-one-sitting#break",
    examine=logits_taken,
)
TWICE = Rule(
    name="softmax twice",
    question="Is the softmax taken once?",
    proves="that a loss which takes logits is given a softmax",
    page="book/foundations/cross-entropy#stable-by-hand",
    examine=softmax_twice,
)
RULES = (AXIS, LIMIT, LOGITS, TWICE)
