"""LoRA and AdaLoRA: a frozen matrix plus a trained product of two thin ones, through `peft`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.adaptation.allocation import Allocation
from companion.adaptation.bottleneck import check_count
from companion.adaptation.linear import is_transposed, linear_layers, size_of
from companion.adaptation.methods import body_of
from companion.adaptation.wrapping import import_peft, wrap
from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

ALL_LINEAR = "all-linear"
QUERY_AND_VALUE = (("query", "value"), ("q_lin", "v_lin"), ("q_proj", "v_proj"))
NOT_YET = 10**9
"""How many updates AdaLoRA is told to expect before the loop knows: none of its phases ends within them."""


@dataclass(frozen=True, slots=True)
class LoRA:
    """Train the head and, beside each target matrix W, a product B·A of rank `rank`: W x + (alpha / rank) · B A x.

    B starts at zero, so that at first nothing changes. The product can be added into W when training is over
    (`companion.merge`), and then costs nothing.

    Raises:
        ConfigError: a setting is outside its range, or (when applied) no layer bears a target's name.

    Follows: Hu et al. (2022), "LoRA: Low-Rank Adaptation of Large Language Models".
    Taught in: book/constraints/lora
    """

    rank: int = 8
    """Columns of B and rows of A."""
    alpha: float = 16.0
    """The product is scaled by `alpha / rank`."""
    dropout: float = 0.0
    """Share of the input of A that is left out while training."""
    targets: str | Sequence[str] | None = None
    """Ends of the names of the linear layers; None: queries and values; "all-linear": every one of the body."""
    seed: int = 0
    """What the first weights depend on."""
    name: str = field(default="LoRA", init=False)

    def __post_init__(self) -> None:
        check_count("LoRA", "rank", self.rank)
        check_low_rank("LoRA", self.alpha, self.dropout)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body, put the products beside its matrices, and return the model wrapped by `peft`."""
        peft = import_peft()
        targets = find_targets(model, self.targets, "LoRA", self.rank)
        config = peft.LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=targets,
            fan_in_fan_out=_transposed(model, targets),
            bias="none",
        )
        return wrap(model, config, method="LoRA", seed=self.seed)


@dataclass(frozen=True, slots=True)
class AdaLoRA:
    """LoRA whose rank is shared out while training: W x + P Λ Q x, and the least important entries of Λ become zero.

    Every target starts with `start_rank`; from the share `begin` of the updates on the budget falls, as a cube, until
    at the share `end` the targets keep `rank` on average. How many updates there are is known to the loop alone, which
    says so after the first one (`Allocation`). That P and Q stay nearly orthogonal is a term of the objective:
    `companion.Orthogonality`.

    Raises:
        ConfigError: a setting is outside its range, or (when applied) no layer bears a target's name.

    Follows: Zhang et al. (2023), "AdaLoRA: Adaptive Budget Allocation for Parameter-Efficient Fine-Tuning".
    Taught in: book/constraints/lora
    """

    rank: int = 4
    """The average rank that is left."""
    start_rank: int = 6
    """The rank of every target at the start; the paper takes one and a half times the final one."""
    alpha: float = 16.0
    """The product is scaled by `alpha / start_rank`."""
    dropout: float = 0.0
    """Share of the input of Q that is left out while training."""
    begin: float = 0.1
    """The share of the updates before the budget begins to fall."""
    end: float = 0.7
    """The share of the updates after which it does not fall any more."""
    every: int = 1
    """Updates from one allocation to the next."""
    targets: str | Sequence[str] | None = None
    """Ends of the names of the linear layers; None: queries and values; "all-linear": every one of the body."""
    seed: int = 0
    """What the first weights depend on."""
    name: str = field(default="AdaLoRA", init=False)

    def __post_init__(self) -> None:
        for name in ("rank", "start_rank", "every"):
            check_count("AdaLoRA", name, getattr(self, name))
        check_low_rank("AdaLoRA", self.alpha, self.dropout)
        if self.start_rank <= self.rank:
            raise ConfigError(
                f"AdaLoRA: start_rank {self.start_rank} is not above rank {self.rank}",
                remedy="start with more rank than is to be left, such as one and a half times as much",
            )
        if not 0 <= self.begin < self.end <= 1:
            raise ConfigError(
                f"AdaLoRA: begin is {self.begin} and end {self.end}", remedy="give shares with 0 ≤ begin < end ≤ 1"
            )

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body, put the products beside its matrices, and return the model wrapped by `peft`."""
        peft = import_peft()
        targets = find_targets(model, self.targets, "AdaLoRA", self.start_rank)
        config = peft.AdaLoraConfig(
            init_r=self.start_rank,
            target_r=self.rank,
            lora_alpha=self.alpha,
            lora_dropout=self.dropout,
            target_modules=targets,
            fan_in_fan_out=_transposed(model, targets),
            deltaT=self.every,
            total_step=NOT_YET,
        )
        return wrap(model, config, method="AdaLoRA", seed=self.seed)

    def bind(self, model: nn.Module) -> Allocation:
        """What allocates the rank of this model while it is trained."""
        return Allocation(self, model)


def check_low_rank(method: str, alpha: object, dropout: object) -> None:
    """Refuse a scale that is no positive number and a dropout that is no share.

    Raises:
        ConfigError: naming the method and the field.
    """
    if not isinstance(alpha, int | float) or not 0 < alpha < math.inf:
        raise ConfigError(f"{method}: alpha is {alpha!r}", remedy="give a positive number, such as twice the rank")
    if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
        raise ConfigError(f"{method}: dropout is {dropout!r}", remedy="choose a share from 0 up to, not including, 1")


def find_targets(model: nn.Module, targets: str | Sequence[str] | None, method: str, rank: int) -> list[str]:
    """The full names, within the model, of the linear layers that the targets name.

    Raises:
        ConfigError: a name fits no linear layer of the body, or a layer is narrower than the rank.
    """
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as USUAL

    body = body_of(model)
    inside = {id(layer) for layer in linear_layers(body, method=method).values()}
    linear = {name: module for name, module in model.named_modules() if id(module) in inside}
    # The pooler belongs to some heads only; what it computes, the others never read.
    linear = {name: module for name, module in linear.items() if "pooler" not in name.split(".")}
    ends = sorted({name.rsplit(".", 1)[-1] for name in linear})
    if targets is None:
        usual = USUAL.get(getattr(getattr(model, "config", None), "model_type", None))
        # peft knows many architectures by name; DistilBERT, for one, it does not.
        targets = usual or next((pair for pair in QUERY_AND_VALUE if {*pair} <= {*ends}), None)
        if targets is None:
            raise ConfigError(
                f"{method}: the usual targets of this architecture are not known",
                remedy=f'name them: targets="{ALL_LINEAR}", or ends of the names {", ".join(ends)}',
            )
    if targets == ALL_LINEAR:
        return _check_rank(linear, method, rank)
    names = [targets] if isinstance(targets, str) else list(targets)
    found: dict[str, nn.Module] = {}
    for end in names:
        fitting = {name: module for name, module in linear.items() if name == end or name.endswith(f".{end}")}
        if not fitting:
            raise ConfigError(
                f"{method}: no linear layer of {type(body).__name__} is called {end!r}",
                remedy=f'choose among {", ".join(ends)}, longer ends of the names, or "{ALL_LINEAR}"',
            )
        found |= fitting
    return _check_rank({name: module for name, module in linear.items() if name in found}, method, rank)


def _check_rank(found: dict[str, nn.Module], method: str, rank: int) -> list[str]:
    for name, layer in found.items():
        rows, columns = size_of(layer)
        if rank > min(rows, columns):
            raise ConfigError(
                f"{method}: rank {rank}, but {name} is {rows} × {columns}",
                remedy=f"choose a rank of {min(rows, columns)} at most; far smaller ones are the point",
            )
    return list(found)


def _transposed(model: nn.Module, targets: list[str]) -> bool:
    """Whether the targets keep their matrices as (in, out); `peft` warns where it is not told, and then sees itself."""
    return all(is_transposed(model.get_submodule(name)) for name in targets)
