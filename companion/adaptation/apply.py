"""Apply an adaptation to a model, and say what became trainable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from companion.adaptation.wrapping import is_added, is_wrapped
from companion.errors import ConfigError
from companion.models.origin import exporter_of, remember_exporter

if TYPE_CHECKING:
    from torch import nn

    from companion.adaptation.contract import Adaptation

_adaptations: WeakKeyDictionary[nn.Module, Adaptation] = WeakKeyDictionary()


def adapt(model: nn.Module, method: Adaptation) -> nn.Module:
    """Make the parameters that `method` selects trainable and return the model to train.

    Methods that only choose among the model's own parameters can be applied anew; those that add some cannot. The
    choice is remembered beside the model, not on it: the loop finds it through `adaptation_of`.

    Raises:
        ConfigError: the method does not fit the model or leaves nothing to train, or the model carries an adapter.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if isinstance(method, type) or not callable(method):
        shown = method.__name__ if isinstance(method, type) else repr(method)
        raise ConfigError(f"the method is {shown}", remedy="give an object, such as LoRA(rank=8) or Full()")
    if any(is_added(f".{name}") for name, _ in model.named_parameters()):
        carried = adaptation_of(model)
        raise ConfigError(
            f"this model carries an adapter already ({'of peft' if carried is None else carried.name})",
            remedy="start from a fresh task.model(), or merge a low-rank adapter first: companion.merge(model)",
        )
    adapted = method(model)
    if not any(parameter.requires_grad for parameter in adapted.parameters()):
        raise ConfigError(
            f"{getattr(method, 'name', method)} leaves nothing of {type(model).__name__} to train: a head that is tied "
            "to the word table, as that of GPT-2, is a part of the body",
            remedy="choose LoRA(rank=8), which leaves the word table as it is, or TopLayers(1)",
        )
    bind = getattr(method, "bind", None)
    _adaptations[adapted] = method if bind is None else bind(adapted)
    export = exporter_of(model)
    if export is not None and adapted is not model:
        remember_exporter(adapted, export)
    return adapted


def adaptation_of(model: nn.Module) -> Adaptation | None:
    """The method a model was adapted with, or None for a model used as it came."""
    return _adaptations.get(model)


def trainable_table(model: nn.Module) -> str:
    """What is trainable, as text: one row a top-level part, and the total with its share.

    Taught in: book/walkthroughs/train-a-tagger
    """
    counts = count_trainable(model)
    rows = [(part, *count) for part, count in counts.items()]
    rows.append(("total", *(sum(count[place] for count in counts.values()) for place in (0, 1))))
    width = max(len(row[0]) for row in rows)
    lines = [f"{'part':<{width}}  {'trainable':>12}  {'parameters':>12}  share"]
    lines += [f"{name:<{width}}  {some:>12,}  {total:>12,}  {some / total:6.1%}" for name, some, total in rows]
    return "\n".join(lines)


def count_trainable(model: nn.Module) -> dict[str, tuple[int, int]]:
    """How many parameters of each top-level part are trainable, and how many there are; what was added is one part.

    The untrained copy of the head that `peft` keeps beside the trained one is no part of what the model computes.

    Taught in: book/constraints/freezing-and-adapters
    """
    counts: dict[str, tuple[int, int]] = {}
    for part, parameter in _parts(model):
        some, total = counts.get(part, (0, 0))
        size = parameter.numel()
        counts[part] = (some + size * parameter.requires_grad, total + size)
    return counts


def _parts(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    method = adaptation_of(model)
    added = f"added ({'adapter' if method is None else method.name})"
    for name, parameter in model.named_parameters():
        if ".original_module." in name or name.endswith(".ranknum.default"):
            continue
        if is_added(f".{name}"):
            yield added, parameter
            continue
        if is_wrapped(model):
            name = name.removeprefix("base_model.").removeprefix("model.").replace(".modules_to_save.default", "")
            name = name.replace(".base_layer", "")
        yield ".".join(name.split(".")[:-1][:2]) or name, parameter
