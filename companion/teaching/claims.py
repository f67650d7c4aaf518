"""A claim of the text, measured: printed as a seal when it holds, an AssertionError when it does not."""

from __future__ import annotations

import math
import re
from typing import Literal

from companion.errors import ConfigError
from companion.teaching.seal import Seal
from companion.teaching.surface import plain, present


def claim(
    sentence: str,
    value: object,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    equals: object = None,
    between: tuple[float, float] | None = None,
    tolerance: float | None = None,
    digits: int = 3,
    unit: str = "",
    show: Literal["value", "bound"] = "value",
    id: str | None = None,
) -> None:
    """Assert that a measured value keeps exactly one bound, and show sentence, rounded value and bound on one line.

    `value` is a number, a one-element tensor or, with `equals`, anything that compares to a bool. `tolerance` belongs
    to `equals`; bounds are inclusive and tested before rounding to `digits` decimals. `show="bound"` prints only the
    bound, for results whose last digits differ between processors. A value that rounds to nothing is also shown as
    its bound. `id` names the sentences of the source documents that are tested here (`"K32"`, `"F05 F07"`); it stands
    in the seal's HTML and is not shown.

    Raises: AssertionError where the bound is not kept; NaN and infinity keep none. ConfigError for a claim that has
    no bound, more than one, a bound of the wrong kind, or an id of another form.
    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    bound = _bound(at_least, at_most, equals, between, tolerance)
    if not isinstance(digits, int) or digits < 0:
        raise ConfigError(f"claim: digits={digits!r} is not a count of decimals", remedy="Use 0, 1, 2, ….")
    if show not in ("value", "bound"):
        raise ConfigError(f"claim: show={show!r} is unknown", remedy='Use show="value" or show="bound".')
    if id is not None and not re.fullmatch(r"[A-Z]{1,2}\d{1,2}( [A-Z]{1,2}\d{1,2})*", id):
        raise ConfigError(f"claim: id={id!r} is none", remedy='Write "K32", or several with a space between.')
    measured = _scalar(value)
    if not _holds(measured, at_least, at_most, equals, between, tolerance):
        raise AssertionError(
            f"the claim does not hold: {plain(sentence)}\n  measured {measured!r}{_spaced(unit)}, expected {bound}"
        )
    printed = _rounded(measured, digits)
    if show == "bound" or printed is None:
        present(Seal(sentence=sentence, value=f"{bound}{_spaced(unit)}", source=id or ""))
    else:
        note = "" if equals is not None and tolerance is None else bound
        present(Seal(sentence=sentence, value=f"{printed}{_spaced(unit)}", note=note, source=id or ""))


def number(value: object) -> str:
    """A number as a reader writes it: `1,250`, `0.8`, `1e-6`; anything else as `str`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "yes" if value is True else "no" if value is False else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa.removesuffix(".0")


def _bound(
    at_least: float | None,
    at_most: float | None,
    equals: object,
    between: tuple[float, float] | None,
    tolerance: float | None,
) -> str:
    given = {"at_least": at_least, "at_most": at_most, "equals": equals, "between": between}
    named = [name for name, bound in given.items() if bound is not None]
    if len(named) != 1:
        raise ConfigError(
            f"claim: {' and '.join(named) or 'no bound'} given, exactly one is needed",
            remedy="Use one of at_least=, at_most=, equals=, between=(low, high).",
        )
    for name, limit in (("at_least", at_least), ("at_most", at_most), ("tolerance", tolerance)):
        if limit is not None:
            _finite(name, limit)
    if tolerance is not None and (equals is None or tolerance < 0):
        raise ConfigError("claim: tolerance goes with equals and is at least 0", remedy="Write equals=…, tolerance=….")
    if at_least is not None:
        return f"at least {number(at_least)}"
    if at_most is not None:
        return f"at most {number(at_most)}"
    if between is not None:
        low, high = between
        _finite("between", low)
        _finite("between", high)
        if low > high:
            raise ConfigError(f"claim: between=({low}, {high}) is empty", remedy="Write the lower limit first.")
        return f"between {number(low)} and {number(high)}"
    if tolerance is not None:
        return f"{number(_finite('equals', equals))} ± {number(tolerance)}"
    return f"exactly {number(_scalar(equals))}"


def _finite(name: str, limit: object) -> float:
    limit = _scalar(limit)
    if isinstance(limit, bool) or not isinstance(limit, int | float) or not math.isfinite(limit):
        raise ConfigError(f"claim: {name}={limit!r} is not a finite number", remedy="A claim needs a bound that binds.")
    return limit


def _scalar(value: object) -> object:
    """A Python number for a one-element tensor, array or numpy scalar; other objects as they are."""
    if hasattr(value, "item") and getattr(value, "size", None) is not None:
        size = value.size() if callable(value.size) else value.size
        elements = math.prod(size) if isinstance(size, tuple | list) else size
        return value.item() if elements == 1 else value
    return value


def _holds(
    measured: object,
    at_least: float | None,
    at_most: float | None,
    equals: object,
    between: tuple[float, float] | None,
    tolerance: float | None,
) -> bool:
    numeric = isinstance(measured, int | float)
    if numeric and not math.isfinite(measured):
        return False
    if equals is not None and tolerance is None:
        same = measured == _scalar(equals)
        if not isinstance(same, bool):
            raise ConfigError(
                f"claim: comparing {type(measured).__name__} with equals= gives {type(same).__name__}, not a bool",
                remedy="Claim one number, or compare tensors with teaching.parity.",
            )
        return same
    if not numeric or isinstance(measured, bool):
        raise ConfigError(
            f"claim: {type(measured).__name__} is not a number", remedy="Only equals= takes other things than numbers."
        )
    if equals is not None:
        return abs(measured - _scalar(equals)) <= tolerance
    low, high = between if between is not None else (at_least, at_most)
    return (low is None or measured >= low) and (high is None or measured <= high)


def _rounded(measured: object, digits: int) -> str | None:
    if isinstance(measured, bool) or not isinstance(measured, float):
        return number(measured)
    rounded = round(measured, digits)
    if rounded == 0 and measured != 0:
        return None
    return f"{rounded + 0.0:,.{digits}f}"


def _spaced(unit: str) -> str:
    return unit if unit in ("", "%", "×") else f" {unit}"
