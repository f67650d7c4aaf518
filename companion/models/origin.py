"""What made a model and how it was adapted, kept beside the model and never on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from torch import nn

Exporter = Callable[..., Path]
"""`export(model, folder, *, adapter_only=False)`, as tasks have it."""
_exporters: WeakKeyDictionary[nn.Module, Exporter] = WeakKeyDictionary()


def remember_exporter(model: nn.Module, export: Exporter) -> None:
    """Note how this model is written to a folder, so that `Run.export` needs to know no task."""
    _exporters[model] = export


def exporter_of(model: nn.Module) -> Exporter | None:
    """How this model is written to a folder, if a task made it."""
    return _exporters.get(model)
