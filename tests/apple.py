"""A stand-in for Apple's GPU: inside it, a tensor that was not brought to the CPU first cannot become float64."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Apple(TorchFunctionMode):
    """Refuse what torch refuses on the device `mps`; `.cpu()` gives a tensor that may become float64."""

    def __init__(self) -> None:
        super().__init__()
        self.brought: list[torch.Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.double and not any(args[0] is tensor for tensor in self.brought):
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        found = func(*args, **(kwargs or {}))
        if func is torch.Tensor.cpu:
            self.brought.append(found)
        return found
