"""How the forward pass of a run is carried out: its activations kept or computed again, as it stands or compiled.

Both are set on the model for the time of a run only, and neither changes its class, its names or its weights.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from companion.adaptation.wrapping import is_wrapped
from companion.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import nn

    from companion.training.config import TrainConfig

BACKEND = "inductor"
FLAG, FUNCTION = "gradient_checkpointing", "_gradient_checkpointing_func"


def open_forward(model: nn.Module, config: TrainConfig, device: torch.device) -> ExitStack:
    """Run the forward pass as the configuration says, until the stack is closed.

    Raises:
        ConfigError: the model cannot compute activations again, or nothing here can compile.
    """
    with ExitStack() as stack:
        if config.activation_checkpointing:
            stack.enter_context(recomputed(model))
        if config.compile:
            stack.enter_context(compiled(model, device))
        return stack.pop_all()


@contextmanager
def recomputed(model: nn.Module) -> Iterator[None]:
    """Keep only the input of each layer for the backward pass, and compute the layer again there (Chen et al. 2016).

    It sets the flag that the layers of transformers look at. Their own `gradient_checkpointing_enable` would do the
    same, but also hooks the embeddings, which the non-reentrant form does not need. Dropout draws the same masks again.

    Raises:
        ConfigError: the model has no layers that look at the flag, or carries a prefix, which they would lose.
    """
    from torch.utils.checkpoint import checkpoint

    layers = [module for module in model.modules() if hasattr(module, FLAG)]
    if not layers:
        raise ConfigError(
            f"activation_checkpointing needs layers of transformers, but {type(model).__name__} has none",
            remedy="leave activation_checkpointing at False, or call torch.utils.checkpoint in your model's forward",
        )
    if is_wrapped(model) and model.active_peft_config.peft_type == "PREFIX_TUNING":
        # transformers drops the keys and values of the past wherever a layer is computed again.
        raise ConfigError(
            "activation_checkpointing would lose the keys and values that prefix tuning trains",
            remedy="leave activation_checkpointing at False, or choose another method, such as LoRA",
        )
    before = [{name: layer.__dict__[name] for name in (FLAG, FUNCTION) if name in layer.__dict__} for layer in layers]
    for layer in layers:
        layer.__dict__ |= {FLAG: True, FUNCTION: functools.partial(checkpoint, use_reentrant=False)}
    try:
        yield
    finally:
        for layer, found in zip(layers, before, strict=True):
            for name in (FLAG, FUNCTION):
                layer.__dict__.pop(name, None)
            layer.__dict__ |= found


@contextmanager
def compiled(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Compile the forward pass for training; in evaluation mode the model runs as it stands.

    Shapes are left open from the start: what is compiled must not depend on which batch happened to come first.

    Raises:
        ConfigError: there is no compiler; or later, in the first forward pass, compiling failed.
    """
    import torch

    _check_compiler(device)
    quick = torch.compile(model._call_impl, backend=BACKEND, dynamic=True)

    def call(*args: Any, **options: Any) -> Any:
        if not model.training:
            return model._call_impl(*args, **options)
        try:
            return quick(*args, **options)
        except torch._dynamo.exc.TorchDynamoException as error:
            reason = (str(error).strip().splitlines() or [""])[0]
            raise ConfigError(
                f"torch.compile failed on {type(model).__name__} ({type(error).__name__}: {reason})",
                remedy="leave compile at False; the model itself is unchanged",
            ) from error

    # Where `nn.Module.compile` puts it as well: unlike a wrapper it leaves class, names and state_dict alone.
    model._compiled_call_impl = call
    try:
        yield
    finally:
        model.__dict__.pop("_compiled_call_impl", None)


def _check_compiler(device: torch.device) -> None:
    import torch

    remedy = "leave compile at False"
    if BACKEND != "inductor":
        return
    if device.type == "cuda" and not torch.utils._triton.has_triton():
        raise ConfigError("compile needs Triton on a GPU, and it is not here", remedy=f"install triton, or {remedy}")
    if device.type == "cpu" and not any(map(shutil.which, ("g++", "clang++", "c++"))):
        raise ConfigError(
            "compile needs a C++ compiler on a CPU, and there is none", remedy=f"install g++ or clang++, or {remedy}"
        )
