"""Public names are found when they are used, and only the public ones."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import pytest

import companion
from companion._lazy import attach


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
