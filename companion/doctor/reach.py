"""What a training step can reach: the optimisers, schedules, counters and lists that calling it may move.

A step is a function that closes over things, a method of an object, or a partial application. All that its code names
is looked at, through the functions of the same project that it calls; libraries are not entered.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import TYPE_CHECKING

from companion.doctor.keeping import PLAIN

if TYPE_CHECKING:
    from companion.doctor.keeping import Keeper

DEEPEST = 4
LIBRARIES = ("site-packages", "dist-packages")


def keep_reachable(keeper: Keeper, function: object) -> list[object]:
    """Let a keeper hold everything that a function can reach, and return the objects, the function's own first.

    Variables that a step counts in (`nonlocal`, `global`) are put back as well.
    """
    found: list[object] = []
    seen: set[int] = set()
    for thing in _walk(keeper, function, 0, seen):
        if not isinstance(thing, ModuleType | FunctionType | MethodType | type):
            keeper.keep_object(thing)
            found.append(thing)
    return found


def _walk(keeper: Keeper, thing: object, depth: int, seen: set[int]) -> Iterator[object]:
    if depth > DEEPEST or thing is None or isinstance(thing, PLAIN) or id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, functools.partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield from _walk(keeper, part, depth + 1, seen)
    elif isinstance(thing, MethodType):
        yield from _walk(keeper, thing.__self__, depth, seen)
        yield from _walk(keeper, thing.__func__, depth, seen)
    elif isinstance(thing, FunctionType):
        if _is_users(thing):
            yield from _of_function(keeper, thing, depth, seen)
    elif not isinstance(thing, ModuleType | type):
        yield thing
        if _is_users(type(thing)):
            for value in list(getattr(thing, "__dict__", {}).values()):
                yield from _walk(keeper, value, depth + 1, seen)
            yield from _walk(keeper, vars(type(thing)).get("__call__"), depth, seen)


def _of_function(keeper: Keeper, function: FunctionType, depth: int, seen: set[int]) -> Iterator[object]:
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:
            continue  # not yet assigned
        keeper.keep(functools.partial(_fill, cell, value))
        yield from _walk(keeper, value, depth + 1, seen)
    for name in sorted(_names(function.__code__)):
        if name in function.__globals__:
            value = function.__globals__[name]
            if not isinstance(value, ModuleType | type | FunctionType):
                keeper.keep(functools.partial(function.__globals__.__setitem__, name, value))
            yield from _walk(keeper, value, depth + 1, seen)
    for value in (function.__defaults__ or ()) + tuple((function.__kwdefaults__ or {}).values()):
        yield from _walk(keeper, value, depth + 1, seen)


def _names(code: CodeType) -> set[str]:
    """The global names of a function and of the functions inside it."""
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*map(_names, inner))


def _fill(cell: CellType, value: object) -> None:
    cell.cell_contents = value


def _is_users(thing: object) -> bool:
    """Whether a function or class is neither of the standard library nor of an installed one."""
    name = getattr(thing, "__module__", None) or ""
    if name.split(".")[0] in sys.stdlib_module_names and name != "__main__":
        return False
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return not any(library in file for library in LIBRARIES)
