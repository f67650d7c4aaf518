"""Full fine-tuning, the head alone, the top layers, the biases: which of a model's own parameters are trained."""

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
    """Train the head on a frozen body (feature extraction); a head that is the body's own word table is refused.

    Taught in: book/walkthroughs/train-a-tagger
    """

    name: str = field(default="head only", init=False)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body (`model.base_model`) and train the rest."""
        model.requires_grad_(True)
        body_of(model).requires_grad_(False)
        return model


@dataclass(frozen=True, slots=True)
class TopLayers:
    """Train the head and the last `count` layers of the body; embeddings and lower layers stay as they are.

    So does a head that is tied to the embeddings, as that of GPT-2.

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
        layers = layers_of(body_of(model))
        if self.count > len(layers):
            raise ConfigError(
                f"TopLayers({self.count}) on a body with {len(layers)} layers", remedy=f"choose 1 to {len(layers)}"
            )
        HeadOnly()(model)
        for layer in layers[len(layers) - self.count :]:
            layer.requires_grad_(True)
        return model


@dataclass(frozen=True, kw_only=True, slots=True)
class BitFit:
    """Train the head and the biases of the body, those of its normalisations included; every matrix stays as it is.

    Follows: Ben Zaken, Goldberg and Ravfogel (2022), "BitFit".
    Taught in: book/constraints/freezing-and-adapters
    """

    name: str = field(default="BitFit", init=False)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze everything in the body that is not a bias.

        Raises:
            ConfigError: the body has no biases.
        """
        body = body_of(model)
        biases = [parameter for name, parameter in body.named_parameters() if name.endswith("bias")]
        if not biases:
            raise ConfigError(
                f"{type(body).__name__} has no biases to train", remedy="choose another method, such as LoRA"
            )
        HeadOnly()(model)
        for bias in biases:
            bias.requires_grad_(True)
        return model


def body_of(model: nn.Module) -> nn.Module:
    """The pre-trained body under a head.

    Raises:
        ConfigError: the model has none.
    """
    body = getattr(model, "base_model", None)
    if body is None or body is model:
        raise ConfigError(
            f"{type(model).__name__} has no body apart from its head (no base_model)",
            remedy="use a transformers model with a head, or set requires_grad on your parameters yourself",
        )
    return body


def layers_of(body: nn.Module) -> list[nn.Module]:
    """The longest list of equal layers in the body, in order.

    Raises:
        ConfigError: there is none.
    """
    from torch import nn

    lists = [module for module in body.modules() if isinstance(module, nn.ModuleList)]
    lists = [found for found in lists if len({type(layer) for layer in found}) == 1]
    if not lists:
        raise ConfigError(f"no stack of layers found in {type(body).__name__}", remedy="set requires_grad yourself")
    return list(max(lists, key=len))


def head_of(model: nn.Module) -> dict[str, nn.Module]:
    """The parts of a model outside its body that hold parameters, by name: the head.

    Raises:
        ConfigError: the model has no body apart from its head.
    """
    body = body_of(model)
    return {
        name: child
        for name, child in model.named_children()
        if child is not body and any(True for _ in child.parameters())
    }
