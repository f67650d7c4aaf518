"""A role that writes a number of a record into a sentence, with its interval and its seeds, so that none is typed.

{measured}`RECORD: QUANTITY where FACTOR=VALUE, … `              mean over the seeds, with its 95 % interval
{measured}`RECORD: QUANTITY where FACTOR=VALUE, … minus FACTOR=VALUE`    the paired difference to other factors

QUANTITY is a name of the record's results; `scores.1.0` goes into nested ones, and `unlabelled_f1 at rates 0.001` takes
the place of a list at which another list of the same cell, `rates`, has that value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes

from notebooks import ROOT

USUAL_SEEDS = 5
FORM = re.compile(
    r"(?P<record>[\w-]+): (?P<quantity>[\w.-]+)(?: at (?P<list>\w+) (?P<at>[\w.-]+))?"
    r"(?: where (?P<where>[^:]+?))?(?: minus (?P<minus>[^:]+))?"
)


def measured(expression: str, root: Path = ROOT) -> str:
    """The number that a role stands for: `0.94 [0.89, 0.99]`, and `(3 seeds)` where there are not five.

    Raises:
        CompanionError: the record, a factor or the quantity is not there, or there are too few seeds.
        ValueError: the expression has another form.
    """
    from companion.evaluation.intervals import paired_difference, seeds_interval

    found = FORM.fullmatch(" ".join(expression.split()))
    if not found:
        raise ValueError(f"{expression!r} is not of the form `RECORD: QUANTITY where FACTOR=VALUE, …`")
    factors = _factors(found["where"])
    numbers = _numbers(found, factors, root)
    if found["minus"] is None:
        text, seeds = f"{seeds_interval(list(numbers.values())):.2f}", len(numbers)
    else:
        others = _numbers(found, factors | _factors(found["minus"]), root)
        common = sorted(numbers.keys() & others.keys())
        gain = paired_difference([numbers[seed] for seed in common], [others[seed] for seed in common])
        text, seeds = f"{gain:+.2f}", len(common)
    text = re.sub(r"[+-](0\.00)(?![0-9])", r"\1", text).replace("-", "−")
    return text if seeds == USUAL_SEEDS else f"{text} ({seeds} seeds)"


def _numbers(found: Mapping[str, Any], factors: Mapping[str, Any], root: Path) -> dict[int, float]:
    """The quantity by seed, of all cells with these factors."""
    from companion.errors import RecordError

    cells = [
        cell
        for cell in _record(found["record"], root)
        if all(name in cell.factors and str(cell.factors[name]) == str(value) for name, value in factors.items())
    ]
    numbers: dict[int, float] = {}
    for cell in cells:
        seed, value = cell.factors.get("seed"), _inside(cell.result, found["quantity"].split("."))
        if found["list"] is not None:
            value = value[cell.result[found["list"]].index(float(found["at"]))]
        if seed in numbers or isinstance(seed, bool) or not isinstance(seed, int):
            raise RecordError(
                f"{found['record']}: {dict(factors)} names several cells of one seed",
                remedy=f"name more factors; this record has {', '.join(cell.factors)}",
            )
        numbers[seed] = float(value)
    if not numbers:
        raise RecordError(f"{found['record']}: no cell with {dict(factors)}", remedy="look at the record's files")
    return dict(sorted(numbers.items()))


@cache
def _record(name: str, root: Path) -> Sequence[Any]:
    from companion.experiments.records import load_record

    return load_record(name, root / "data" / "records")


def _inside(value: Any, path: Sequence[str]) -> Any:
    for step in path:
        value = value[int(step)] if isinstance(value, list) else value[step]
    return value


def _factors(text: str | None) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in text.split(",")) if text else {}


def _role(name, rawtext, text, lineno, inliner, options=None, content=None):
    from companion.errors import CompanionError

    try:
        told = measured(text)
    except (CompanionError, ValueError, KeyError, IndexError) as error:
        message = inliner.reporter.error(f"measured: {type(error).__name__}: {error}", line=lineno)
        return [inliner.problematic(rawtext, rawtext, message)], [message]
    return [nodes.inline(rawtext, told, classes=["measured"])], []


def setup(app):
    app.add_role("measured", _role)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
