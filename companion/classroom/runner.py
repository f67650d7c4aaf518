"""In the jail: read a notebook without running it, define what it defines, call the functions, write the answers down.

Whatever this process writes is only believed as far as it is JSON values for calls that were asked for. What it says
about the notebook it says before the first line of the student's runs. Only the standard library is used.
"""

from __future__ import annotations

import builtins
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

from companion.classroom.reading import Notebook, Statement, read_notebook

DEEPEST, LARGEST = 60, 1_000_000
KNOWN_TYPES = ("Tensor", "Parameter", "ndarray", "int64", "float32", "float64", "bool_", "set", "Counter", "function")
ERRORS = {name for name in dir(builtins) if isinstance(getattr(builtins, name), type) and name[0].isupper()}


class Slow(BaseException):
    """One statement or call that took too long; not an Exception, so that a student's `except` lets it pass."""


class Unusable(Exception):
    """A value that is not made of JSON types only; bears the name of the type."""


def answer_calls(request: dict[str, Any], out: int) -> None:
    """Write one JSON object a line to `out`: what was read, what failed to be defined, then an answer a call.

    `request` has `cells` (sources of the code cells), `functions`, `calls` (function name and arguments each) and
    `seconds` for one call; a definition may take twice as long.
    """
    _write(out, {"read": (notebook := read_notebook(request["cells"], request["functions"])).described()})
    seconds = request["seconds"]
    signal.signal(signal.SIGALRM, _too_slow)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    # A definition may import something large; a call may not.
    _write(out, {"failed": [_said(*one) for one in define(notebook, namespace, 2 * seconds)]})
    process = os.getpid()
    for number, (function, arguments) in enumerate(request["calls"]):
        answer = _call(namespace.get(function), arguments, seconds)
        if os.getpid() != process:
            os._exit(0)  # a student's fork that came back here
        _write(out, {"call": number, **answer})


def define(notebook: Notebook, namespace: dict[str, Any], seconds: float) -> list[tuple[Statement, BaseException]]:
    """Run the statements in order, each by itself; gives those that failed, with the error.

    A statement that lacked a name is tried again once others have run, for notebooks whose cells were reordered; never
    where its own names have been defined meanwhile, because the last definition wins.
    """
    waiting = list(notebook.statements)
    failed: list[tuple[Statement, BaseException]] = []
    while waiting:
        failed, before = [], len(waiting)
        for statement in waiting:
            error = _timed(lambda one=statement: _run(one.code, namespace), seconds)[1]
            if error is not None:
                failed.append((statement, error))
        again = [
            statement
            for statement, error in failed
            if isinstance(error, NameError) and not any(name in namespace for name in statement.names)
        ]
        if len(again) == before or not again:
            break
        waiting = again
    return failed


def _run(code: CodeType, namespace: dict[str, Any]) -> None:
    exec(code, namespace)


def _call(function: object, arguments: Sequence[Any], seconds: float) -> dict[str, Any]:
    if not callable(function):
        return {"error": "missing"}
    random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    value, error = _timed(lambda: _told(function(*arguments)), seconds)
    if error is None:
        return {"value": value}
    if type(error) is Unusable:
        return {"error": "unusable", "type": str(error)}
    return {"error": "raised", **_where(error)}


def _told(value: Any) -> Any:
    """The value, when JSON can hold it. Raises: Unusable."""
    told = plain(value)
    try:
        json.dumps(told)
    except ValueError as error:
        raise Unusable("too large") from error
    return told


def plain(value: Any, depth: int = 0) -> Any:
    """The value, if it is made of the JSON types themselves; a tuple becomes a list.

    Raises: Unusable for anything else, a subclass included.
    """
    kind = type(value)
    if depth > DEEPEST:
        raise Unusable("nested too deeply")
    # `is`, never `==` or `in`: a class may say that it equals every other.
    if value is None or kind is bool or kind is int or kind is float or kind is str:
        return value
    if (kind is list or kind is tuple) and len(value) <= LARGEST:
        return [plain(item, depth + 1) for item in value]
    if kind is dict and all(type(name) is str for name in value):
        return {name: plain(item, depth + 1) for name, item in value.items()}
    raise Unusable(kind.__name__ if kind.__name__ in KNOWN_TYPES else "object")


def _timed(action: Callable[[], Any], seconds: float) -> tuple[Any, BaseException | None]:
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            return action(), None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a student end nothing but the call
        return None, error


def _too_slow(number: int, frame: object) -> None:
    raise Slow


def _said(statement: Statement, error: BaseException) -> dict[str, Any]:
    said = {"names": list(statement.names), **_where(error)}
    return said if said["line"] else said | {"cell": statement.cell, "line": statement.line}


def _where(error: BaseException) -> dict[str, Any]:
    """The kind of an error and the last of the student's lines that it passed; never its text, which could say more."""
    name = (
        "Slow" if type(error) is Slow else next((t.__name__ for t in type(error).__mro__ if t.__name__ in ERRORS), "")
    )
    places = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(int(file[6:-1]), line) for file, line in places if file.startswith("<cell ") and file[6:-1].isdigit()]
    cell, line = own[-1] if own else (0, 0)
    return {"kind": name, "cell": cell, "line": line}


def _write(out: int, document: dict[str, Any]) -> None:
    left = json.dumps(document).encode() + b"\n"
    while left:
        left = left[os.write(out, left) :]
