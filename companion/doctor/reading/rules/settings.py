"""Rules about settings: names of labels, numbers of labels, a seed, a device."""

from __future__ import annotations

import ast

from companion.doctor.findings import NOTE, WARNING
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import constant, dotted, has_unpacked, keyword, last, written

SEEDS = (
    "seed",
    "manual_seed",
    "set_seed",
    "seed_everything",
    "seed_all",
    "manual_seed_all",
    "fix_seed",
    "set_random_seed",
)


def label_names(script: Script) -> Outcome:
    """Look whether a new head is told the names of its labels."""
    heads = [
        call for call in script.models if "For" in last(call.func.value) and "Pretrain" not in last(call.func.value)
    ]
    counted = [call for call in heads if keyword(call, "num_labels") is not None]
    named = [call for call in script.calls if keyword(call, "id2label") is not None]
    set_later = [name for name in script.origins if name.endswith("id2label") and "." in name]
    if named or set_later:
        return "the names of the labels are handed over (id2label)"
    bare = [
        call
        for call in counted
        if script.value_of(keyword(call, "num_labels")) != 1
        and keyword(call, "config") is None
        and not has_unpacked(call)
        and script.value_of(keyword(call, "problem_type")) != "regression"
    ]
    if not bare:
        raise CannotCheck("no head with several labels is made in the text")
    return [
        NAMES.finding(
            script,
            bare[-1],
            WARNING,
            f"`{written(bare[-1].func)}` is told how many labels there are and not what they are called: saved, the "
            "model answers LABEL_0, LABEL_1, …",
            "Hand it id2label and label2id.",
        )
    ]


def label_numbers(script: Script) -> Outcome:
    """Look for a mapping from names to numbers that is written out, counted, and never applied."""
    maps = {
        name: values[0]
        for name, values in script.origins.items()
        if len(values) == 1
        and isinstance(values[0], ast.Dict)
        and values[0].keys
        and all(isinstance(constant(key), str) for key in values[0].keys)
        and all(isinstance(constant(value), int) for value in values[0].values)
        and ("label" in name.lower() or "tag" in name.lower() or "2id" in name.lower())
    }
    if not maps:
        raise CannotCheck("no mapping from labels to numbers is written out")
    for name, made in maps.items():
        uses = [node for node in script.nodes if isinstance(node, ast.Name) and node.id == name and _is_read(node)]
        around = [script.parents.get(node) for node in uses]
        if uses and all(isinstance(up, ast.Call) and last(up.func) == "len" for up in around):
            return [
                NUMBERS.finding(
                    script,
                    made,
                    WARNING,
                    f"{name} is written out and only counted; no label goes through it. If the labels are texts, "
                    "making a tensor of them raises; if they are numbers, nothing says that they are these.",
                    f"Map each label: {name}[label].",
                )
            ]
    return f"{next(iter(maps))} is used to number labels"


def seed(script: Script) -> Outcome:
    """Look for anything that sets a seed where something is trained."""
    trains = [call for call in script.calls if last(call.func) in ("backward", "manual_backward")] + script.trainers
    if not trains:
        raise CannotCheck("nothing is trained in the text")
    named = [
        call
        for call in script.calls
        if last(call.func) in SEEDS or any(word.arg and "seed" in word.arg for word in call.keywords)
    ]
    if named:
        return f"a seed is set ({script.source.said(named[0])})"
    if script.trainers:
        return "the Trainer sets its own seed when it is made"
    return [
        SEED.finding(
            script,
            trains[0],
            NOTE,
            "No seed is set: the head, the order of the rows and dropout differ from run to run, and a single score "
            "stands for none of them.",
            "Set a seed, run several, and report their spread.",
        )
    ]


def device(script: Script) -> Outcome:
    """Look for a GPU that is asked for without asking whether there is one."""
    asked = [node for node in script.nodes if isinstance(node, ast.Attribute) and node.attr == "is_available"]
    fixed = [
        node
        for node in script.nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.split(":")[0] == "cuda"
        if not isinstance(script.parents.get(node), ast.Compare)
    ]
    fixed += [
        call for call in script.called("cuda") if isinstance(call.func, ast.Attribute) and dotted(call.func) != "cuda"
    ]
    if not fixed:
        raise CannotCheck("no GPU is asked for by name")
    if asked:
        return "it is asked whether there is a GPU"
    return [
        DEVICE.finding(
            script,
            fixed[0],
            NOTE,
            f"`{written(fixed[0])}` is asked for without asking whether there is one: without a GPU it raises.",
            'device = "cuda" if torch.cuda.is_available() else "cpu"',
        )
    ]


def _is_read(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Load)


NAMES = Rule(
    name="label names",
    question="Does the model know what its labels are called?",
    proves="that a head is given a number of labels and no names",
    page="book/walkthroughs/train-a-tagger#errors-read",
    examine=label_names,
)
NUMBERS = Rule(
    name="label numbers",
    question="Does every label go through the mapping to numbers?",
    proves="that a mapping is counted and never applied",
    page="book/walkthroughs/train-a-tagger#maps",
    examine=label_numbers,
)
SEED = Rule(
    name="seed",
    question="Is a seed set?",
    proves="that no name in the text sets one",
    page="book/walkthroughs/honest-experiments",
    examine=seed,
)
DEVICE = Rule(
    name="device",
    question="Is a GPU asked for without asking whether there is one?",
    proves="that a device is fixed in the text",
    page="book/foundations/pytorch-in-one-sitting#device",
    examine=device,
)
RULES = (NAMES, NUMBERS, SEED, DEVICE)
