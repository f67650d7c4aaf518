"""Add what low-rank adapters learned into the matrices beside them, and prove that nothing changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from companion.adaptation.wrapping import is_wrapped
from companion.errors import ConfigError, ExportError
from companion.randomness import generator

if TYPE_CHECKING:
    from torch import Tensor, nn

TOLERANCE = 1e-5
"""The largest difference of two logits, as a share of the largest logit."""
ROWS, POSITIONS = 4, 24
MERGEABLE = ("LORA", "ADALORA")


def can_merge(model: nn.Module) -> bool:
    """Whether the adapter of this model can be added into its matrices."""
    return is_wrapped(model) and _kind(model) in MERGEABLE


def merge(model: nn.Module) -> nn.Module:
    """A plain copy of an adapted model, with its adapter added into its matrices; the model itself is not changed.

    Before it is returned, both are compared on made-up rows: the logits agree to 1e-5 of the largest one, and so does
    the winning class wherever two are not as good as tied. Weights in half precision become fp32 first: rounded to the
    8 bits of bf16, a matrix loses most of what a small product adds to it.

    Raises:
        ConfigError: there is nothing to merge (a plain model, or one merged before), or what was added is not linear.
        ExportError: the merged model says something else.

    Taught in: book/constraints/lora
    """
    if not is_wrapped(model):
        raise ConfigError(
            f"this {type(model).__name__} carries no adapter of peft; there is nothing to merge, or it was merged",
            remedy="merge the model that adapt returned, once",
        )
    if _kind(model) not in MERGEABLE:
        raise ConfigError(
            f"{_kind(model).replace('_', ' ').lower()} adds no matrix that could be added into another",
            remedy="export the adapter alone: export(folder, adapter_only=True)",
        )
    wide = copy.deepcopy(model)
    for parameter in wide.parameters():
        parameter.data = parameter.data.float() if parameter.dtype.itemsize < 4 else parameter.data
    before = _logits(wide)
    merged = wide.merge_and_unload(safe_merge=True).requires_grad_(True)
    merged.train(model.training)
    check_same(before, merged)
    return merged


def check_same(first: Tensor, after: nn.Module) -> None:
    """Compare what a model says of the made-up rows with what it said before.

    Raises:
        ExportError: a logit differs by more than 1e-5 of the largest one, or another class wins.
    """
    import torch

    second = _logits(after)
    largest, difference = float(first.abs().max()), float((first - second).abs().max())
    if not difference <= TOLERANCE * largest:
        raise ExportError(
            f"the merged model differs by {difference:.2e} where the largest logit is {largest:.2f}",
            remedy="export the adapter alone: export(folder, adapter_only=True)",
        )
    best = first.topk(2, dim=-1).values
    clear = (best[..., 0] - best[..., 1]) > 2 * TOLERANCE * largest
    if not torch.equal(first.argmax(-1)[clear], second.argmax(-1)[clear]):
        raise ExportError("the merged model prefers another class somewhere", remedy="export the adapter alone")


def _logits(model: nn.Module) -> Tensor:
    import torch

    vocabulary = model.config.vocab_size
    rows = torch.randint(vocabulary, (ROWS, POSITIONS), generator=generator(0, "merge"))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            inputs = {"input_ids": rows.to(device), "attention_mask": torch.ones_like(rows).to(device)}
            return model(**inputs).logits.cpu().double()
    finally:
        model.train(was_training)


def _kind(model: nn.Module) -> str:
    return str(model.peft_config[model.active_adapter].peft_type.value)
