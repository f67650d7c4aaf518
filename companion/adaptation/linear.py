"""The linear layers of a body: torch's own, and GPT-2's `Conv1D`, which keeps its matrix the other way round."""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

MOST_NAMED = 12
"""How many layers an error names."""


def linear_layers(model: nn.Module, *, method: str) -> dict[str, nn.Module]:
    """The linear layers of a model by their full names; `method` is who asks.

    Raises:
        ConfigError: there are none; it names the layers of other types that hold matrices.
    """
    found = {name: part for name, part in model.named_modules() if is_linear(part)}
    if not found:
        raise ConfigError(
            f"{method}: {type(model).__name__} has no linear layers{_others(model)}",
            remedy="choose Full, HeadOnly or TopLayers, which need none",
        )
    return found


def is_linear(layer: nn.Module) -> bool:
    """Whether this is a linear layer, in either layout."""
    from torch import nn

    return isinstance(layer, nn.Linear) or is_transposed(layer)


def size_of(layer: nn.Module) -> tuple[int, int]:
    """How many numbers a linear layer gives and takes: (out, in)."""
    return (layer.nf, layer.nx) if is_transposed(layer) else (layer.out_features, layer.in_features)


def is_transposed(layer: nn.Module) -> bool:
    """Whether the layer's weight has the shape (in, out), and not (out, in)."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, Conv1D)


def _others(model: nn.Module) -> str:
    """The ends of the names of what else holds a matrix, with their types."""
    from torch import nn

    found = {}
    for name, part in model.named_modules():
        weight = getattr(part, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.dim() > 1 and not isinstance(part, nn.Embedding):
            found[name.rsplit(".", 1)[-1]] = type(part).__name__
    if not found:
        return ""
    named = [f"{name} ({kind})" for name, kind in sorted(found.items())]
    more = f", and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return f"; layers of other types hold its matrices: {', '.join(named[:MOST_NAMED])}{more}"
