"""Prefix and prompt tuning: trained vectors that stand before the text, through `peft`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from companion.adaptation.bottleneck import check_count
from companion.adaptation.methods import body_of
from companion.adaptation.wrapping import import_peft, wrap
from companion.errors import ConfigError, ObjectiveError
from companion.models.positions import positions_of
from companion.models.text_head import finds_padding_by_piece

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class PrefixTuning:
    """Train the head and, for every layer, the keys and values of `length` positions that stand before the text.

    Real positions attend to them; they are no positions of their own and give no output.

    Raises:
        ConfigError: the length is no whole number, or (when applied) leaves the model no room for text.

    Follows: Li and Liang (2021), "Prefix-Tuning: Optimizing Continuous Prompts for Generation", in the form for
    encoders of Liu et al. (2022), "P-Tuning v2".
    Taught in: book/constraints/lora
    """

    length: int = 16
    """How many positions."""
    seed: int = 0
    """What the first values depend on."""
    name: str = field(default="prefix tuning", init=False)

    def __post_init__(self) -> None:
        check_count("PrefixTuning", "length", self.length)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body and return the model wrapped by `peft`."""
        check_room(model, "PrefixTuning", self.length)
        body, sizes = body_of(model), _sizes(model)
        if sizes and "past_key_values" not in inspect.signature(body.forward).parameters:
            raise ConfigError(
                f"PrefixTuning cannot be put on {type(body).__name__}: its layers take no keys and values from outside",
                remedy="choose PromptTuning or LoRA",
            )
        config = import_peft().PrefixTuningConfig(num_virtual_tokens=self.length, **sizes)
        return with_room(wrap(model, config, method="PrefixTuning", seed=self.seed), self.length)


@dataclass(frozen=True, slots=True)
class PromptTuning:
    """Train the head and the embeddings of `length` positions that are put before the text.

    They are positions like any other: a tagger gives them logits too, before those of the text.

    Raises:
        ConfigError: the length is no whole number, or (when applied) leaves the model no room for text; or the model is
            a decoder whose head reads the last piece that is no padding.

    Follows: Lester, Al-Rfou and Constant (2021), "The Power of Scale for Parameter-Efficient Prompt Tuning".
    Taught in: book/constraints/lora
    """

    length: int = 16
    """How many positions."""
    seed: int = 0
    """What the first values depend on."""
    name: str = field(default="prompt tuning", init=False)

    def __post_init__(self) -> None:
        check_count("PromptTuning", "length", self.length)

    def __call__(self, model: nn.Module) -> nn.Module:
        """Freeze the body and return the model wrapped by `peft`."""
        check_room(model, "PromptTuning", self.length)
        if finds_padding_by_piece(model):
            raise ConfigError(
                f"PromptTuning gives vectors and no pieces, by which {type(model).__name__} tells padding from text",
                remedy='use TextTask(…, pooling="mean"), or another method, such as PrefixTuning or LoRA',
            )
        sizes = _sizes(model)
        table = body_of(model).get_input_embeddings() if sizes else None
        if table is not None:
            # ELECTRA and ALBERT have narrower word vectors than layers.
            sizes["token_dim"] = table.weight.shape[1]
        config = import_peft().PromptTuningConfig(num_virtual_tokens=self.length, **sizes)
        return with_room(wrap(model, config, method="PromptTuning", seed=self.seed), self.length)


def _sizes(model: nn.Module) -> dict[str, int]:
    """What `peft` would look for in the configuration under names that not every architecture uses (DistilBERT's)."""
    from transformers import PreTrainedModel

    body = body_of(model)
    if not isinstance(body, PreTrainedModel):
        return {}
    config = body.config
    return {
        "token_dim": config.hidden_size,
        "num_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
    }


def check_room(model: nn.Module, method: str, length: int) -> None:
    """Refuse a prefix that takes more than half of the positions a model knows.

    Raises:
        ConfigError: there is less room.
    """
    positions = positions_of(getattr(body_of(model), "config", None))
    if positions is not None and length > positions // 2:
        raise ConfigError(
            f"{method}: length {length}, but the model knows {positions} positions in all",
            remedy=f"choose {positions // 2} at most; ten to a hundred are usual",
        )


def with_room(model: nn.Module, length: int) -> nn.Module:
    """The model, which from now on says so where a text and what stands before it need more positions than it knows."""
    model.register_forward_pre_hook(partial(_check_length, length), with_kwargs=True)
    return model


def _check_length(length: int, model: nn.Module, args: tuple[Any, ...], named: dict[str, Any]) -> None:
    rows = args[0] if args else named.get("input_ids")
    known = positions_of(model.config)
    if rows is not None and known is not None and rows.shape[1] + length > known:
        raise ObjectiveError(
            f"a text of {rows.shape[1]} word pieces and {length} positions before it, but the model knows {known}",
            remedy=f"make the task with max_length={known - length} or less",
        )
