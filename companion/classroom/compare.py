"""Whether an answer is the expected one, and if not, where it first differs: JSON values only, types included."""

from __future__ import annotations

import math
from collections.abc import Callable

from companion.classroom.tasks import Value

_KINDS = {
    type(None): "None",
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "a dictionary",
}


def differs(expected: Value, got: object, tolerance: float = 1e-6) -> str | None:
    """What is wrong with `got`, for a student to read; None when it is the expected answer.

    Only the JSON types themselves count: an object that claims to be equal to everything, or a subclass, has the wrong
    type. `True` is not 1. A whole number will do where a number is expected, not the other way round. Numbers agree
    within `tolerance`, relative and absolute; nan agrees with nan alone.
    """
    return _differs(expected, got, tolerance, "")


def _differs(expected: Value, got: object, tolerance: float, place: str) -> str | None:
    at = f"at {place}: " if place else ""
    whole_will_do = type(expected) is float and type(got) is int
    if type(got) is not type(expected) and not whole_will_do:
        kind = _KINDS.get(type(got), f"an object of type {type(got).__name__}")
        return f"{at}expected {_KINDS[type(expected)]} ({_short(expected)}), got {kind} ({_short(got)})"
    inside = _INSIDE.get(type(expected))
    if inside is not None:
        return inside(expected, got, tolerance, place)
    same = _close(expected, got, tolerance) if type(expected) is float else got == expected
    return None if same else f"{at}expected {_short(expected)}, got {_short(got)}"


def _close(expected: float, got: float, tolerance: float) -> bool:
    try:
        number = float(got)
    except OverflowError:  # a whole number of hundreds of digits
        return False
    if math.isnan(expected) or math.isnan(number):
        return math.isnan(expected) and math.isnan(number)
    return math.isclose(expected, number, rel_tol=tolerance, abs_tol=tolerance)


def _lists(expected: list, got: list, tolerance: float, place: str) -> str | None:
    if len(expected) != len(got):
        at = f"at {place}: " if place else ""
        return f"{at}expected {len(expected)} items ({_short(expected)}), got {len(got)} ({_short(got)})"
    pairs = enumerate(zip(expected, got, strict=True))
    return next((said for i, (a, b) in pairs if (said := _differs(a, b, tolerance, f"{place}[{i}]"))), None)


def _dictionaries(expected: dict, got: dict, tolerance: float, place: str) -> str | None:
    at = f"at {place}: " if place else ""
    # A key may be of any type in a live notebook; only its text is shown.
    for key in expected:
        if key not in got:
            return f"{at}no {key!r} in {_short(got)}"
    extra = [key for key in got if key not in expected]
    if extra:
        return f"{at}{_short(extra[0])} was not asked for; expected {list(expected)}"
    keys = list(expected)
    found = (_differs(expected[key], got[key], tolerance, f"{place}[{key!r}]") for key in keys)
    return next((said for said in found if said), None)


_INSIDE: dict[type, Callable[..., str | None]] = {list: _lists, dict: _dictionaries}


def _short(value: object, limit: int = 60) -> str:
    """A value's text, cut; only values of the JSON types are asked for their text, others might lie or fail."""
    if type(value) not in _KINDS:
        return "…"
    try:
        text = repr(value)
    except Exception:
        return "…"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
