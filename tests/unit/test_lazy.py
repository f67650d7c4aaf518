"""Public names are found when they are used, and only the public ones."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import companion
from companion._lazy import attach
from companion.adaptation.contract import Adaptation
from companion.objectives.contract import Objective


def test_names_are_loaded_on_first_use():
    load, names, public = attach("companion", {"randomness": ("key", "permutation"), "errors": ("DataError",)})
    assert public == names() == ["DataError", "key", "permutation"]
    assert load("key") is sys.modules["companion.randomness"].key
    with pytest.raises(AttributeError, match="'companion' has no attribute 'torch_stream'"):
        load("torch_stream")


def test_every_package_can_give_every_name_it_lists():
    packages = [companion] + [
        importlib.import_module(f"companion.{module.name}")
        for module in pkgutil.iter_modules(companion.__path__)
        if module.ispkg
    ]
    lazy = [package for package in packages if hasattr(package, "__all__") and "__getattr__" in vars(package)]
    assert len(lazy) >= 7
    seen = 0
    for package in lazy:
        for name in package.__all__:
            assert getattr(package, name) is not None
            if name in {module.name for module in pkgutil.iter_modules(package.__path__)}:
                # `companion.doctor` is a function and a package: the package can be called.
                assert callable(importlib.import_module(f"{package.__name__}.{name}")), name
            seen += 1
    assert seen > 40


def test_a_type_checker_sees_the_public_names_and_no_others():
    top = ast.parse(Path(companion.__file__).read_text(encoding="utf-8")).body
    blocks = {ast.unparse(node.test): node.body for node in top if isinstance(node, ast.If)}
    imports = [node for node in blocks["TYPE_CHECKING"] if isinstance(node, ast.ImportFrom)]
    assert {alias.asname for node in imports for alias in node.names} == set(companion.__all__)
    # A module-level `__getattr__` that a checker sees makes every misspelt name one of type Any.
    [lazy] = blocks["not TYPE_CHECKING"]
    assert "__getattr__" in ast.unparse(lazy) and len(imports) == len(blocks["TYPE_CHECKING"])
    # A frozen choice can stand for a read-only member alone.
    assert isinstance(vars(Adaptation)["name"], property) and isinstance(vars(Objective)["weights"], property)
