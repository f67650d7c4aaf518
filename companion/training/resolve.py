"""Turn "auto" and None into values, each with the reason that is printed and stored with the run."""

from __future__ import annotations

import dataclasses
import math
import os
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.training.depth import describe_decay

if TYPE_CHECKING:
    import torch
    from torch import nn

    from companion.training.config import TrainConfig

# Peak learning rates that work for full fine-tuning, by the number of parameters: small models from scratch, the
# offline encoder (see the default-recipe record), BERT-base (Devlin et al. 2019: 2e-5 to 5e-5), BERT-large.
RATES = ((5e5, 1e-3), (2.27e7, 2e-4), (1.1e8, 3e-5), (3.4e8, 1.5e-5))
SMALL_SHARE = 0.02
SMALL_SHARE_RATE = 1e-3
# A rate this many times the usual one, for a model of this many parameters, is a typing error (2 for 2e-5).
SUSPICIOUS, LARGE = 100, 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """A configuration in which nothing is left open."""

    config: TrainConfig
    """The configuration with its learning rate, precision and device filled in."""
    reasons: dict[str, str]
    """Why each value that was left open became what it is."""
    device: torch.device
    """Where the model is trained."""
    autocast: torch.dtype | None
    """The dtype of matrix products, or None for plain fp32."""

    def describe(self) -> str:
        """One line a setting that was left open, for people."""
        values = self.config.to_dict()
        return "\n".join(
            f"{name.replace('_', ' ')} {values[name]:g} ({reason})"
            if isinstance(values[name], float)
            else f"{name.replace('_', ' ')} {values[name]} ({reason})"
            for name, reason in self.reasons.items()
        )


def resolve(config: TrainConfig, model: nn.Module, *, started_with: str | None = None) -> Resolved:
    """Fill in the learning rate, the device and the precision; `started_with` is the precision of a run to resume.

    Raises:
        ConfigError: nothing is trainable, `layer_decay` finds no layers, the device does not exist, or the precision is
            not available on it.
    """
    import torch

    reasons: dict[str, str] = {}
    learning_rate = config.learning_rate
    if learning_rate is None:
        learning_rate, reasons["learning_rate"] = suggest_learning_rate(model)
    elif suspicion := _suspicion(learning_rate, model):
        reasons["learning_rate"] = suspicion
    if config.layer_decay != 1.0:
        trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
        reasons["layer_decay"] = describe_decay(trained, learning_rate, config.layer_decay)
    name = config.device
    if name == "auto":
        name, reasons["device"] = _find_device()
    elif name == "cuda":
        name = _own_gpu()
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(
            f"device is {name!r}: {str(error).splitlines()[0]}", remedy='choose "cpu" or "auto"'
        ) from error
    precision = config.precision
    if precision == "auto":
        precision, reasons["precision"] = (
            (started_with, "as this run was started") if started_with else _find_precision(device)
        )
    autocast = autocast_for(precision, device)
    settled = dataclasses.replace(config, learning_rate=learning_rate, precision=precision, device=name)
    return Resolved(config=settled, reasons=reasons, device=device, autocast=autocast)


def autocast_for(precision: str, device: torch.device) -> torch.dtype | None:
    """The type in which matrix products run, None for fp32; "auto" is bf16 where the device computes in it.

    Raises:
        ConfigError: there is no such precision, or the device does not compute in bf16.
    """
    import torch

    if precision == "auto":
        precision, _ = _find_precision(device)
    kinds = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
    if precision not in kinds:
        raise ConfigError(f"precision is {precision!r}", remedy=f"choose auto, {', '.join(kinds)}")
    if precision == "bf16" and not _computes_bf16(device):
        raise ConfigError(
            f"precision is 'bf16', but {_processor(device)} does not compute in it",
            remedy='choose "fp32" or "auto" for a new run; a run started in bf16 needs a machine that computes in it',
        )
    return kinds[precision]


def suggest_learning_rate(model: nn.Module) -> tuple[float, str]:
    """A peak learning rate for this model as it stands, and the reason, from its size and what is trainable.

    Taught in: book/walkthroughs/train-a-tagger
    """
    total = sum(parameter.numel() for parameter in model.parameters())
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    if trainable == 0:
        raise ConfigError("no parameter of the model is trainable", remedy="adapt the model, or set requires_grad")
    if trainable < SMALL_SHARE * total:
        return SMALL_SHARE_RATE, f"only {trainable / total:.1%} of the parameters are trained: heads want more"
    rate = RATES[0][1] if total <= RATES[0][0] else RATES[-1][1]
    for (small, high), (large, low) in pairwise(RATES):
        if small <= total <= large:
            position = math.log(total / small) / math.log(large / small)
            rate = math.exp(math.log(high) + position * math.log(low / high))
    digits = 1 - math.floor(math.log10(rate))
    return round(rate, digits), f"{total / 1e6:.3g} M parameters, {trainable / total:.0%} trained"


def _suspicion(learning_rate: float, model: nn.Module) -> str:
    parameters = list(model.parameters())
    if sum(parameter.numel() for parameter in parameters) < LARGE or not any(one.requires_grad for one in parameters):
        return ""
    usual, _ = suggest_learning_rate(model)
    times = learning_rate / usual
    return f"{times:,.0f} times the usual {usual:g}; a typing error?" if times > SUSPICIOUS else ""


def _find_device() -> tuple[str, str]:
    import torch

    if torch.cuda.is_available():
        return _own_gpu(), "a GPU is there"
    if torch.backends.mps.is_available():
        return "mps", "Apple's GPU is there"
    return "cpu", "no GPU is there"


def _own_gpu() -> str:
    """Under a launcher every process has a GPU of its own."""
    local = os.environ.get("LOCAL_RANK")
    return "cuda" if local is None else f"cuda:{local}"


def _find_precision(device: torch.device) -> tuple[str, str]:
    if _computes_bf16(device):
        return "bf16", f"{_processor(device)} computes in it; weights and sums stay fp32"
    return "fp32", f"{_processor(device)} does not compute in bf16"


def _computes_bf16(device: torch.device) -> bool:
    """Whether matrix products run in bf16 as such: emulated, it is many times slower than fp32."""
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return bool(supported is not None and supported())
    return False


def _processor(device: torch.device) -> str:
    return {"cpu": "this processor", "cuda": "this GPU"}.get(device.type, f"a {device.type} device")
