"""Watch anyone's training step while it runs: its losses, its gradients, its updates, its dropout, its logits.

Nothing of the user's is replaced. PyTorch calls a function before every optimiser step and before every forward pass
of a module; the one thing that is wrapped, and unwrapped, is `torch.autograd.backward`, through which every
`loss.backward()` goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout)


class Enough(BaseException):
    """Raised where a step goes backward and nothing after that is asked for; no `except Exception` catches it."""


@dataclass(kw_only=True, slots=True)
class Watched:
    """What happened while a step, a loss or an evaluation ran."""

    losses: list[float] = field(default_factory=list)
    """The value of each loss that was sent backward."""
    before: list[float] = field(default_factory=list)
    """The length of the gradient that lay in the parameters when each backward pass began."""
    fresh: list[float] = field(default_factory=list)
    """The length of what each backward pass added."""
    gradient: dict[int, Tensor] = field(default_factory=dict)
    """After the last backward pass: the gradient of each parameter, by `id`, before any clipping."""
    updates: int = 0
    """Optimiser steps."""
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)
    """The optimisers that stepped."""
    dropout_on: int = 0
    """Dropout layers with a rate above 0 that ran switched on."""
    dropout_off: int = 0
    """Dropout layers with a rate above 0 that ran switched off."""
    awake: set[int] = field(default_factory=set)
    """Those that ran switched on, by `id`."""
    asleep: set[int] = field(default_factory=set)
    """Those that ran switched off, by `id`."""
    logits: list[Tensor] = field(default_factory=list)
    """What the model gave out, a tensor for each of its forward passes."""
    returned: Any = None
    """What the function gave back."""


@contextmanager
def watching(
    models: Iterable[nn.Module],
    parameters: Iterable[nn.Parameter] = (),
    *,
    before_update: Callable[[torch.optim.Optimizer], None] = lambda optimizer: None,
    forward_only: bool = False,
) -> Iterator[Watched]:
    """Watch what runs inside; `before_update` is called with an optimiser before it changes anything.

    With `forward_only` the first backward pass ends it: its loss is known, nothing after it runs.
    """
    seen = Watched()
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    with ExitStack() as stack:
        for model in models:
            stack.enter_context(_handle(model.register_forward_hook(lambda m, i, output: _keep_logits(seen, output))))
            for module in model.modules():
                if isinstance(module, DROPOUTS) and module.p > 0:
                    stack.enter_context(_handle(module.register_forward_pre_hook(lambda m, i: _count(seen, m))))

        def update(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
            before_update(optimizer)
            seen.updates += 1
            if not any(optimizer is known for known in seen.optimizers):
                seen.optimizers.append(optimizer)

        stack.enter_context(_handle(register_optimizer_step_pre_hook(update)))
        stack.enter_context(_backward_watched(seen, trained, forward_only))
        with suppress(Enough):
            yield seen


def silence(modules: Iterable[nn.Module]) -> None:
    """Set every dropout rate in these modules to 0."""
    for module in (part for top in modules for part in top.modules()):
        if isinstance(module, DROPOUTS):
            module.p = 0.0
        for name in ("attention_dropout", "dropout", "dropout_prob", "dropout_p"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


def length_of(tensors: Iterable[Tensor | None]) -> float:
    """The Euclidean length of many tensors together."""
    return sum(float(tensor.cpu().double().square().sum()) for tensor in tensors if tensor is not None) ** 0.5


def logits_of(output: Any) -> Tensor | None:
    """The logits in what a model gives back: an attribute or key of that name, a tensor, or the first of a tuple."""
    if isinstance(output, Tensor):
        return output
    named = output.get("logits") if isinstance(output, dict) else getattr(output, "logits", None)
    if named is not None:
        return named
    if isinstance(output, tuple) and output:
        return next((part for part in output if isinstance(part, Tensor) and part.dim() >= 2), None)
    return getattr(output, "last_hidden_state", None)


def base_of(model: nn.Module) -> nn.Module:
    """The model inside an adapter of peft, or the model itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@contextmanager
def _backward_watched(seen: Watched, parameters: list[nn.Parameter], forward_only: bool) -> Iterator[None]:
    original = torch.autograd.backward

    def backward(tensors: Any, *args: Any, **kwargs: Any) -> None:
        first = tensors if isinstance(tensors, Tensor) else next(iter(tensors), None)
        if isinstance(first, Tensor) and first.numel() == 1:
            seen.losses.append(float(first.detach()))
        if forward_only:
            raise Enough
        old = {id(parameter): _copy(parameter.grad) for parameter in parameters}
        seen.before.append(length_of(old.values()))
        original(tensors, *args, **kwargs)
        seen.gradient = {id(p): p.grad.detach().clone() for p in parameters if p.grad is not None}
        added = (new if old[key] is None else new - old[key] for key, new in seen.gradient.items())
        seen.fresh.append(length_of(added))

    torch.autograd.backward = backward
    try:
        yield
    finally:
        torch.autograd.backward = original


@contextmanager
def _handle(handle: Any) -> Iterator[None]:
    try:
        yield
    finally:
        handle.remove()


def _copy(gradient: Tensor | None) -> Tensor | None:
    return None if gradient is None else gradient.detach().clone()


def _keep_logits(seen: Watched, output: Any) -> None:
    logits = logits_of(output)
    if logits is not None:
        seen.logits.append(logits.detach().clone())


def _count(seen: Watched, module: nn.Module) -> None:
    if module.training:
        seen.dropout_on += 1
        seen.awake.add(id(module))
    else:
        seen.dropout_off += 1
        seen.asleep.add(id(module))
