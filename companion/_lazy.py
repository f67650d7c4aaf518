"""Public names that are imported when they are first used (PEP 562), so that `import companion` stays quick."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping


def attach(
    package: str, names: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], object], Callable[[], list[str]], list[str]]:
    """The `__getattr__`, `__dir__` and `__all__` of a package whose public names live in its modules.

    `names` maps a module path relative to the package to the public names it defines.
    """
    home = {name: module for module, members in names.items() for name in members}

    def load(name: str) -> object:
        if name not in home:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{home[name]}"), name)

    return load, lambda: sorted(home), sorted(home)
