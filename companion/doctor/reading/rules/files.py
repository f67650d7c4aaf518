"""A rule about files: what is written or opened as a pickle, which runs code when it is opened."""

from __future__ import annotations

import ast

from companion.doctor.findings import NOTE, WARNING, Finding
from companion.doctor.probe import Outcome
from companion.doctor.reading.rule import CannotCheck, Rule
from companion.doctor.reading.script import Script
from companion.doctor.reading.syntax import dotted, keyword, last, written

PICKLERS = ("pickle", "cPickle", "dill", "cloudpickle", "joblib")


def pickles(script: Script) -> Outcome:
    """Look at what is saved and loaded, and how."""
    found, looked = [], 0
    for call in script.calls:
        full = script.full(call.func)
        first = full.partition(".")[0]
        if full == "torch.load":
            looked += 1
            safe = script.value_of(keyword(call, "weights_only"))
            if safe is False:
                found.append(_finding(script, call, WARNING, "opens a file that may run any code (weights_only=False)"))
            elif safe is None and keyword(call, "weights_only") is None:
                found.append(
                    _finding(script, call, NOTE, "says nothing of weights_only: before PyTorch 2.6 it runs any code")
                )
        elif first in PICKLERS and last(call.func) in ("load", "loads", "Unpickler"):
            looked += 1
            found.append(_finding(script, call, WARNING, "opens a file that may run any code"))
        elif full == "numpy.load" and script.value_of(keyword(call, "allow_pickle")) is True:
            looked += 1
            found.append(_finding(script, call, WARNING, "opens a file that may run any code (allow_pickle=True)"))
        elif full == "torch.save" and call.args:
            looked += 1
            whole = call.args[0]
            if (
                isinstance(whole, ast.Name)
                and "model" in dotted(whole).lower()
                and "state" not in dotted(whole).lower()
            ):
                made = script.origins.get(whole.id, [])
                if not any("state" in last(value) for value in made):
                    found.append(_finding(script, call, WARNING, "pickles the whole model with its code"))
        elif last(call.func) in ("save_pretrained", "from_pretrained", "save_file", "save_model", "load_file"):
            looked += 1
    if not looked:
        raise CannotCheck("nothing is saved or loaded in the text")
    return found or "nothing is opened that could run code"


def _finding(script: Script, call: ast.Call, severity: str, told: str) -> Finding:
    return PICKLES.finding(
        script,
        call,
        severity,
        f"`{written(call)}` {told}.",
        "Keep weights as safetensors (save_pretrained, safetensors.torch) and settings as JSON; weights_only=True.",
    )


PICKLES = Rule(
    name="pickles",
    question="Is anything opened that runs code?",
    proves="which calls open or write pickles",
    page="book/walkthroughs/the-production-training-loop#files-read",
    examine=pickles,
)
RULES = (PICKLES,)
