"""Full fine-tuning, the head alone, and the top layers: which of a model's own parameters are trained."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Full:
    """Train every parameter.

    Taught in: book/walkthroughs/train-a-tagger
    """

    name: str = field(default="full", init=False)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Mark every parameter as trainable."""
        return model.requires_grad_(True)


@dataclass(frozen=True, kw_only=True, slots=True)
class HeadOnly:
    """Train the head on a frozen body (feature extraction).

    Taught in: book/walkthroughs/train-a-tagger
    """

    name: str = field(default="head only", init=False)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body (`model.base_model`) and train the rest."""
        model.requires_grad_(True)
        _body(model).requires_grad_(False)
        return model


@dataclass(frozen=True, slots=True)
class TopLayers:
    """Train the head and the last `count` layers of the body; embeddings and lower layers stay as they are.

    Taught in: book/walkthroughs/train-a-tagger
    """

    count: int
    """How many layers, counted from the top; all of them trains everything but the embeddings."""
    name: str = field(default="top layers", init=False)

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 1:
            raise ConfigError(f"TopLayers: count is {self.count!r}", remedy="give a whole number of layers, 1 or more")

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze everything below the last `count` layers.

        Raises:
            ConfigError: the body has fewer layers, or its layers cannot be found.
        """
        layers = _layers(_body(model))
        if self.count > len(layers):
            raise ConfigError(
                f"TopLayers({self.count}) on a body with {len(layers)} layers", remedy=f"choose 1 to {len(layers)}"
            )
        HeadOnly()(model)
        for layer in layers[len(layers) - self.count :]:
            layer.requires_grad_(True)
        return model


def _body(model: nn.Module) -> nn.Module:
    body = getattr(model, "base_model", None)
    if body is None or body is model:
        raise ConfigError(
            f"{type(model).__name__} has no body apart from its head (no base_model)",
            remedy="use a transformers model with a head, or set requires_grad on your parameters yourself",
        )
    return body


def _layers(body: nn.Module) -> list[nn.Module]:
    """The longest list of equal layers in the body, in order."""
    from torch import nn

    lists = [module for module in body.modules() if isinstance(module, nn.ModuleList)]
    lists = [found for found in lists if len({type(layer) for layer in found}) == 1]
    if not lists:
        raise ConfigError(f"no stack of layers found in {type(body).__name__}", remedy="set requires_grad yourself")
    return list(max(lists, key=len))
