"""Apply an adaptation to a model, and say what became trainable."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from torch import nn

    from companion.adaptation.contract import Adaptation

_adaptations: WeakKeyDictionary[nn.Module, Adaptation] = WeakKeyDictionary()


def adapt(model: nn.Module, method: Adaptation) -> nn.Module:
    """Make the parameters that `method` selects trainable and return the model to train.

    The choice is remembered beside the model, not on it: the loop finds it through `adaptation_of`.

    Raises:
        ConfigError: the method does not fit the model.

    Taught in: book/walkthroughs/train-a-tagger
    """
    adapted = method(model)
    _adaptations[adapted] = method
    return adapted


def adaptation_of(model: nn.Module) -> Adaptation | None:
    """The method a model was adapted with, or None for a model used as it came."""
    return _adaptations.get(model)


def trainable_table(model: nn.Module) -> str:
    """What is trainable, as text: one row a top-level part, and the total with its share.

    Taught in: book/walkthroughs/train-a-tagger
    """
    rows = []
    for name, part in model.named_children():
        for inner_name, inner in [(f"{name}.{key}", value) for key, value in part.named_children()] or [(name, part)]:
            rows.append((inner_name, *_count(inner)))
    rows.append(("total", *_count(model)))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'part':<{width}}  {'trainable':>12}  {'parameters':>12}  share"]
    for name, trainable, total in rows:
        if total:
            lines.append(f"{name:<{width}}  {trainable:>12,}  {total:>12,}  {trainable / total:6.1%}")
    return "\n".join(lines)


def _count(module: nn.Module) -> tuple[int, int]:
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in module.parameters()]
    return sum(size for size, trainable in sizes if trainable), sum(size for size, _ in sizes)
