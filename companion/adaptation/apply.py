"""Apply an adaptation to a model, and say what became trainable."""

from __future__ import annotations

from collections.abc import Iterable
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
    parts: dict[str, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        parts.setdefault(".".join(name.split(".")[:-1][:2]) or name, []).append(parameter)
    rows = [(part, *_count(parameters)) for part, parameters in parts.items()]
    rows.append(("total", *_count(model.parameters())))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'part':<{width}}  {'trainable':>12}  {'parameters':>12}  share"]
    lines += [f"{name:<{width}}  {some:>12,}  {total:>12,}  {some / total:6.1%}" for name, some, total in rows]
    return "\n".join(lines)


def _count(parameters: Iterable[nn.Parameter]) -> tuple[int, int]:
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in parameters]
    return sum(size for size, trainable in sizes if trainable), sum(size for size, _ in sizes)
