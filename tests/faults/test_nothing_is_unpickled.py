"""A gate over the package's source: nothing in it can unpickle, evaluate text, or run code that came with a model."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted((ROOT / "companion").rglob("*.py"))

FORBIDDEN_MODULES = {
    "_pickle", "cloudpickle", "dill", "joblib", "jsonpickle", "marshal", "pickle", "pickle5", "shelve",
}  # fmt: skip
FORBIDDEN_CALLS = {
    "__import__", "eval", "exec",
    "numpy.fromfile", "pandas.read_pickle", "runpy.run_module", "runpy.run_path",
    "torch.jit.load", "torch.load", "torch.package.PackageImporter", "torch.save",
    "yaml.full_load", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
}  # fmt: skip
FORBIDDEN_OPTIONS = {"trust_remote_code": True, "allow_pickle": True, "weights_only": False, "use_safetensors": False}

# The answers that chapters give to their own exercises are cells of those chapters, executed as the reader would.
# What students hand in is code, and grading runs it: in the jail of `classroom/isolation.py`, and nowhere else.
ALLOWED = {("teaching/solutions.py", "exec"), ("classroom/runner.py", "exec")}


def dangers(source: str) -> list[str]:
    """What in a module's source could run something that came as data, as `line: what`."""
    tree, names, found = ast.parse(source), {}, []

    def note(node: ast.AST, what: str) -> None:
        found.append(f"{node.lineno}: {what}")  # type: ignore[attr-defined]

    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[(alias.asname or alias.name).split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                if alias.name.split(".")[0] in FORBIDDEN_MODULES:
                    note(node, alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                if node.module.split(".")[0] in FORBIDDEN_MODULES:
                    note(node, f"{node.module}.{alias.name}")
    aliases = {"np": "numpy", "pd": "pandas"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            head, *rest = ast.unparse(node).split(".")
            name = ".".join([names.get(head, aliases.get(head, head)), *rest])
            if name in FORBIDDEN_CALLS or name.removeprefix("builtins.") in FORBIDDEN_CALLS:
                note(node, name)
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            arguments = [argument.value for argument in node.args if isinstance(argument, ast.Constant)]
            if (
                name in {"import_module", "find_spec"}
                and str(next(iter(arguments), "")).split(".")[0] in FORBIDDEN_MODULES
            ):
                note(node, str(arguments[0]))
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            wanted = FORBIDDEN_OPTIONS.get(keyword.arg or "")
            if wanted is None:
                continue
            # Only the harmless constant may stand there: a variable could be anything.
            if not (isinstance(keyword.value, ast.Constant) and keyword.value.value is not wanted):
                note(node, f"{keyword.arg}={ast.unparse(keyword.value)}")
    return found


def test_no_module_can_run_what_came_as_data():
    found = {path.relative_to(ROOT / "companion").as_posix(): dangers(path.read_text("utf-8")) for path in MODULES}
    left = {
        name: [danger for danger in listed if (name, danger.split(": ", 1)[1]) not in ALLOWED]
        for name, listed in found.items()
    }
    assert {name: listed for name, listed in left.items() if listed} == {}
    allowed = [(name, danger.split(": ", 1)[1]) for name, listed in found.items() for danger in listed]
    assert sorted(allowed) == sorted(ALLOWED), "every exception is used, and once"
    assert len(MODULES) > 150


SABOTAGE = {
    "import pickle\n": "pickle",
    "from pickle import loads\n": "pickle.loads",
    "def f():\n    import joblib as fast\n": "joblib",
    "import dill\n": "dill",
    "import shelve\n": "shelve",
    "import marshal\n": "marshal",
    "from importlib import import_module\nimport_module('pickle')\n": "pickle",
    "import torch\ntorch.load('x')\n": "torch.load",
    "import torch as t\nt.load('x', weights_only=True)\n": "torch.load",
    "from torch import load\nload('x')\n": "torch.load",
    "from torch import load as read\nread('x')\n": "torch.load",
    "import torch\nread = torch.load\n": "torch.load",
    "eval('1')\n": "eval",
    "list(map(eval, ['1']))\n": "eval",
    "import builtins\nbuiltins.exec('1')\n": "builtins.exec",
    "exec('1')\n": "exec",
    "__import__('os')\n": "__import__",
    "import yaml\nyaml.load('x')\n": "yaml.load",
    "import numpy as np\nnp.load('x', allow_pickle=True)\n": "allow_pickle=True",
    "AutoModel.from_pretrained('x', trust_remote_code=True)\n": "trust_remote_code=True",
    "AutoModel.from_pretrained('x', trust_remote_code=trusted)\n": "trust_remote_code=trusted",
    "AutoModel.from_pretrained('x', use_safetensors=False)\n": "use_safetensors=False",
    "import pandas as pd\npd.read_pickle('x')\n": "pandas.read_pickle",
    "load('x', weights_only=False)\n": "weights_only=False",
}


@pytest.mark.parametrize(("source", "what"), SABOTAGE.items(), ids=range(len(SABOTAGE)))
def test_the_gate_sees(source, what):
    assert what in [danger.split(": ", 1)[1] for danger in dangers(source)]


HARMLESS = (
    "model.eval()\nmodel.load_state_dict(state)\n",
    "from json import load\nload(file)\n",
    "AutoModel.from_pretrained('x', trust_remote_code=False, use_safetensors=True)\n",
    "import yaml\nyaml.safe_load('x')\n",
    "from companion.deployment import load\nload('folder')\n",
    "'pickle.load and eval are never called'\n",
)


@pytest.mark.parametrize("source", HARMLESS, ids=range(len(HARMLESS)))
def test_the_gate_lets_pass(source):
    assert dangers(source) == []
