"""How anyone's step and evaluation want to be called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from companion.doctor.patient import Patient

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
MODEL, INDEX = ("model", "net", "module"), ("idx", "index", "number")


def as_step(step: Callable[..., Any], model: nn.Module | None, name: str = "step") -> Callable[[Any], Any]:
    """A step, or an epoch, as a function of the batch, or the batches, alone.

    `step(batch)` stays as it is; of two parameters, one named like a model is given the model and one named like an
    index (Lightning's `batch_idx`) is 0; with other names they are (model, batch).

    Raises:
        ConfigError: it needs something else.
    """
    names = _required(step)
    if names is None or len(names) < 2:
        return step
    if len(names) == 2 and _like(names[1], INDEX):
        return lambda batch: step(batch, 0)
    if len(names) == 2 and _like(names[1], MODEL) and not _like(names[0], MODEL):
        return lambda batch: step(batch, model)
    if len(names) == 2:
        return lambda batch: step(model, batch)
    raise ConfigError(
        f"{name} needs {', '.join(names)}",
        remedy=f"wrap it in a function of the batch: lambda batch: {name}(…, batch, …)",
    )


def as_evaluation(evaluate: Callable[..., Any]) -> Callable[[Any], Any]:
    """An evaluation as a function of the model, also where it takes nothing.

    Raises:
        ConfigError: it needs more than the model.
    """
    names = _required(evaluate)
    if names is not None and not names:
        return lambda model: evaluate()
    if names is not None and len(names) > 1:
        raise ConfigError(
            f"evaluate needs {', '.join(names)}", remedy="wrap it in a function of the model: lambda model: …"
        )
    return evaluate


def _required(function: Callable[..., Any]) -> list[str] | None:
    """The names of the parameters that have no default; None where nobody can tell."""
    try:
        given = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in given):
        return None
    return [one.name for one in given if one.kind in POSITIONAL and one.default is inspect.Parameter.empty]


def _like(name: str, words: tuple[str, ...]) -> bool:
    return any(word in name.lower() for word in words)


def add_up(patient: Patient, parts: Sequence[object]) -> None:
    """Let the window, or else the step called once for each part, add up gradients from none."""
    for parameter in patient.parameters:
        parameter.grad = None
    if patient.window is not None:
        patient.window(parts)
        return
    for part in parts:
        patient.step(part)
