"""AdamW with two groups, or two per layer, and the learning rate as a closed form of the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.training.depth import depths_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from companion.objectives.contract import Objective
    from companion.training.config import TrainConfig

Named = list[tuple[str, "nn.Parameter"]]


def trained_parameters(model: nn.Module, objective: Objective) -> Named:
    """Name and parameter of everything that is optimised: the model's trainable ones, then the objective's own.

    Raises:
        ConfigError: nothing is trainable, or something that is has half precision.
    """
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    own = getattr(objective, "parameters", None)
    if own is not None:
        known = {id(parameter) for _, parameter in named}
        extra = [parameter for parameter in own() if parameter.requires_grad and id(parameter) not in known]
        named += [(f"objective.{index}", parameter) for index, parameter in enumerate(extra)]
    for name, parameter in named:
        if parameter.dtype.itemsize < 4:
            raise ConfigError(
                f"{name} is {parameter.dtype}, too coarse for AdamW: most of its steps would be rounded away",
                remedy="train fp32 weights (model.float(), or load_decoder without weights=…); precision decides what "
                "is computed in bf16, and with LoRA the frozen ones may stay as they are",
            )
    if not named:
        raise ConfigError("no parameter of the model is trainable", remedy="adapt the model, or set requires_grad")
    return named


def parameter_groups(named: Named, config: TrainConfig) -> list[dict[str, object]]:
    """Two AdamW groups: matrices with weight decay, biases and normalisation weights (one dimension) without.

    Follows the rule of the original BERT and GPT-2 training code. With `layer_decay` there are two for each depth, the
    head's first, and the group's `rate_factor` says what its learning rate is multiplied by.

    Raises:
        ConfigError: `layer_decay` is asked of a model without layers.

    Taught in: book/foundations/optimisers
    """
    names = [name for name, _ in named]
    depths = dict.fromkeys(names, 0) if config.layer_decay == 1.0 else depths_of(names)
    groups: list[dict[str, object]] = []
    for depth in sorted(set(depths.values())):
        here = [parameter for name, parameter in named if depths[name] == depth]
        decayed = [parameter for parameter in here if parameter.dim() > 1]
        spared = [parameter for parameter in here if parameter.dim() <= 1]
        factor = {} if config.layer_decay == 1.0 else {"rate_factor": config.layer_decay**depth}
        groups.append({"params": decayed, "weight_decay": config.weight_decay, **factor})
        groups.append({"params": spared, "weight_decay": 0.0, **factor})
    return [group for group in groups if group["params"]]


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group this rate, or with `layer_decay` its share of it."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("rate_factor", 1.0)


def build_optimizer(named: Named, config: TrainConfig, device: torch.device) -> torch.optim.AdamW:
    """AdamW over the groups, in its fused form where the device has one."""
    import torch

    assert config.learning_rate is not None
    return torch.optim.AdamW(
        parameter_groups(named, config),
        lr=config.learning_rate,
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=device.type in {"cpu", "cuda"} or None,
    )


def schedule_factor(step: int, total: int, *, schedule: str = "linear", warmup: float = 0.1) -> float:
    """What the peak learning rate is multiplied by at a 0-based step out of `total`.

    It rises in a straight line over the first `warmup` share of the steps, then falls to 0 just after the last one.

    Taught in: book/foundations/optimisers
    """
    rising = round(warmup * total)
    if step < rising:
        return (step + 1) / rising
    if schedule == "constant":
        return 1.0
    done = (step - rising) / max(1, total - rising)
    return 1.0 - done if schedule == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
