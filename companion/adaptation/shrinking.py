"""Less of a model: the smallest weights set to zero and kept there, and whole layers taken out."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.adaptation.linear import linear_layers
from companion.adaptation.methods import body_of, layers_of
from companion.adaptation.wrapping import is_wrapped
from companion.errors import ConfigError
from companion.models.origin import exporter_of, remember_exporter

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Pruning:
    """Set the smallest weights of every matrix of the body to zero, train the rest, and keep the zeros.

    `adapt(model, Pruning(0.7))` prunes at once, so that an untrained result can be looked at; training afterwards
    (with the same call of `train` as ever) lets the other weights make up for what is gone. Embedding tables, biases,
    normalisations and the head stay whole.

    Follows: magnitude pruning as in Han et al. (2015), each matrix by itself; the same entries as `l1_unstructured` of
    `torch.nn.utils.prune`, without its second copy of every weight.
    Taught in: book/engineering/compression
    """

    share: float
    """The share of each matrix that becomes zero, from 0 up to, not including, 1."""
    name: str = field(default="pruning", init=False)

    def __post_init__(self) -> None:
        known = isinstance(self.share, int | float) and not isinstance(self.share, bool)
        if not known or not 0.0 <= self.share < 1.0:
            raise ConfigError(f"Pruning: share is {self.share!r}", remedy="give a share from 0 up to, not including, 1")

    def __call__(self, model: nn.Module) -> nn.Module:
        """Set the zeros, and mark every parameter as trainable.

        Raises:
            ConfigError: the body has no matrices.
        """
        import torch

        with torch.no_grad():
            for weight in matrices_of(model).values():
                weight[smallest(weight, self.share)] = 0.0
        return model.requires_grad_(True)

    def bind(self, model: nn.Module) -> KeptZeros:
        """What keeps the zeros of this model."""
        return KeptZeros(self, {name: weight == 0 for name, weight in matrices_of(model).items()})


class KeptZeros:
    """Pruning as the loop sees it; made by `adapt`, one for each model."""

    name = "pruning"

    def __init__(self, method: Pruning, zeros: dict[str, Tensor]) -> None:
        self.method, self._zeros = method, zeros

    def __repr__(self) -> str:
        return repr(self.method)

    def after_step(self, model: nn.Module, update: int, total: int) -> None:
        """Set to zero again what the optimiser has moved."""
        import torch

        with torch.no_grad():
            for name, weight in matrices_of(model).items():
                weight[self._zeros[name].to(weight.device)] = 0.0

    def state_dict(self) -> dict[str, Tensor]:
        """Which entries are zero: a resumed run may begin from other weights, and must not prune anew."""
        return {name: zeros.to("cpu", copy=True) for name, zeros in self._zeros.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up what `state_dict` gave."""
        self._zeros = {name: zeros.bool() for name, zeros in state.items()}


def smallest(weight: Tensor, share: float) -> Tensor:
    """Which entries have the smallest absolute values: a mask with the weight's shape, of which `share` is true."""
    import torch

    count = round(share * weight.numel())
    places = weight.detach().abs().flatten().topk(count, largest=False).indices
    mask = torch.zeros(weight.numel(), dtype=torch.bool, device=weight.device)
    mask[places] = True
    return mask.view_as(weight)


def sparsity(model: nn.Module) -> float:
    """The share of zeros in the matrices of the body, from 0 to 1.

    Taught in: book/engineering/compression
    """
    matrices = matrices_of(model).values()
    return sum(int((weight == 0).sum()) for weight in matrices) / sum(weight.numel() for weight in matrices)


def matrices_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """The weights of the linear layers in the body, by name, each of shape (out, in), or (in, out) in GPT-2.

    Raises:
        ConfigError: there are none.
    """
    layers = linear_layers(body_of(model), method="pruning")
    return {f"{name}.weight": layer.weight for name, layer in layers.items()}


def drop_layers(model: nn.Module, keep: Sequence[int]) -> nn.Module:
    """A copy of the model with these layers of its body alone, numbered from 0 at the bottom; the rest is unchanged.

    The copy is a model of its own: it is trained, exported and served like any other. Without training it is a worse
    one, since no layer was made to read what now lies below it.

    Raises:
        ConfigError: there are no such layers, one is named twice or out of order, or the model carries an adapter.

    Follows: the first weights of DistilBERT (Sanh et al. 2019) and the order of LayerDrop (Fan et al. 2020).
    Taught in: book/engineering/compression
    """
    from torch import nn

    count = len(layers_of(body_of(model)))
    keep = list(keep)
    if not keep or keep != sorted(set(keep)) or not 0 <= keep[0] <= keep[-1] < count:
        raise ConfigError(
            f"layers {keep} cannot be kept of {count}", remedy=f"name some of 0 to {count - 1}, each once, in order"
        )
    if is_wrapped(model):
        raise ConfigError("this model carries an adapter", remedy="merge it first: companion.merge(model)")
    smaller = copy.deepcopy(model)
    layers = layers_of(body_of(smaller))
    stack = next(
        part for part in body_of(smaller).modules() if isinstance(part, nn.ModuleList) and list(part) == layers
    )
    for number in reversed(range(count)):
        if number not in keep:
            del stack[number]
    for place, layer in enumerate(stack):
        for part in layer.modules():
            # By this number a decoder's layer finds its own keys and values.
            if hasattr(part, "layer_idx"):
                part.layer_idx = place
    kinds = getattr(smaller.config, "layer_types", None)
    if kinds is not None:
        # Which of ModernBERT's layers look at everything: it would be told from their new numbers.
        smaller.config.layer_types = [kinds[number] for number in keep]
    smaller.config.num_hidden_layers = len(keep)
    export = exporter_of(model)
    if export is not None:
        remember_exporter(smaller, export)
    return smaller
