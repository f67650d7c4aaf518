"""Bottleneck adapters: two thin layers after each sub-layer of a frozen body."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.adaptation.linear import is_linear, size_of
from companion.adaptation.methods import HeadOnly, body_of, layers_of
from companion.errors import ConfigError
from companion.randomness import torch_stream

PLACES = ("both", "feed-forward")
OUTPUTS = {
    "attention": ("attention.output.dense", "attention.out_lin", "self_attn.o_proj", "attn.c_proj"),
    "feed-forward": ("output.dense", "ffn.lin2", "mlp.down_proj", "mlp.c_proj"),
}
"""Where the layers of BERT, DistilBERT, Llama and GPT-2 project back to the width of the model."""
DEVIATION = 0.01
"""Of the first weights of the layer that narrows (Houlsby et al. 2019)."""


class Bottleneck(nn.Module):
    """`x + up(gelu(down(x)))`, width → size → width; `up` starts at zero, so that at first nothing changes.

    Follows: Houlsby et al. (2019), "Parameter-Efficient Transfer Learning for NLP".
    Taught in: book/constraints/freezing-and-adapters
    """

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(width, size), nn.Linear(size, width)
        nn.init.normal_(self.down.weight, std=DEVIATION)
        for tensor in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(tensor)

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        """The hidden states with what the adapter adds, shape (rows, positions, width)."""
        added_BTD = self.up(functional.gelu(self.down(hidden_BTD.to(self.down.weight.dtype))))
        return hidden_BTD + added_BTD.to(hidden_BTD.dtype)


@dataclass(frozen=True, slots=True)
class BottleneckAdapter:
    """Train the head and a small bottleneck behind each sub-layer; the body stays as it is.

    The bottlenecks stand inside the model, as `adapter` of the linear layer behind which they act, so that the names of
    the body's own weights do not change.

    Follows: Houlsby et al. (2019), without training the normalisations; `after="feed-forward"` keeps one adapter a
    layer as Pfeiffer et al. (2021) do, but before the sum.
    Taught in: book/constraints/freezing-and-adapters
    """

    size: int = 16
    """How narrow the bottleneck is."""
    after: str = "both"
    """Behind which sub-layers: "both", or "feed-forward" alone."""
    seed: int = 0
    """What the first weights depend on."""
    name: str = field(default="bottleneck adapter", init=False)

    def __post_init__(self) -> None:
        check_count("BottleneckAdapter", "size", self.size)
        if self.after not in PLACES:
            raise ConfigError(
                f"BottleneckAdapter: after is {self.after!r}", remedy=f"choose {' or '.join(map(repr, PLACES))}"
            )

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body and put the bottlenecks in.

        Raises:
            ConfigError: the layers of the body are not built like those of BERT, DistilBERT, Llama or GPT-2.
        """
        projections = [
            find_projection(layer, place)
            for layer in layers_of(body_of(model))
            for place in (("attention", "feed-forward") if self.after == "both" else ("feed-forward",))
        ]
        HeadOnly()(model)
        with torch_stream("cpu", self.seed, "adapter"):
            for projection in projections:
                own = projection.weight
                # What is trained has at least fp32, behind a frozen layer of bf16 as well.
                added = Bottleneck(size_of(projection)[0], self.size)
                added.to(own.device, torch.promote_types(own.dtype, torch.float32))
                projection.add_module("adapter", added)
                projection.register_forward_hook(_adapt_output)
        return model


def check_count(method: str, field_name: str, value: object) -> None:
    """Refuse what is not a whole number from 1 up.

    Raises:
        ConfigError: naming the method and the field.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigError(f"{method}: {field_name} is {value!r}", remedy="give a whole number, 1 or more")


def find_projection(layer: nn.Module, place: str) -> nn.Module:
    """The linear layer at the end of a layer's attention or feed-forward part.

    Raises:
        ConfigError: there is none under the names this package knows.
    """
    for path in OUTPUTS[place]:
        try:
            found = layer.get_submodule(path)
        except AttributeError:
            continue
        if is_linear(found):
            return found
    raise ConfigError(
        f"{type(layer).__name__} has no linear layer under the names {', '.join(OUTPUTS[place])}",
        remedy="use LoRA, which finds its places in more architectures",
    )


def _adapt_output(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return module.adapter(output)
