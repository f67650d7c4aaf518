"""Several models on one body: each part of a batch goes to the head that it belongs to, the body is the same object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from companion.errors import ModelError


class SharedBody(nn.Module):
    """Models whose bodies are one and the same: `SharedBody({"labelled": tagger, "unlabelled": masked_lm})`.

    The body is that of the first model. Each model stays what it is, so that any of them can be evaluated and exported
    alone: `shared.part("labelled")`.

    Raises:
        ModelError: there is no model, or the bodies are not built alike.

    Taught in: book/hybrid/hybrid-fine-tuning
    """

    def __init__(self, models: Mapping[str, nn.Module]) -> None:
        super().__init__()
        if not models:
            raise ModelError("there is no model to share a body", remedy="give one model a part of the batch")
        self.parts = nn.ModuleDict(models)
        first, *others = self.parts.values()
        for model in others:
            _take_body(model, first.base_model)

    @property
    def base_model(self) -> nn.Module:
        """The one body."""
        return next(iter(self.parts.values())).base_model

    @property
    def config(self) -> Any:
        """The configuration of the first model."""
        return next(iter(self.parts.values())).config

    def part(self, name: str) -> nn.Module:
        """The whole model of one part of the batch: the shared body under its own head.

        Raises:
            ModelError: there is no such part.
        """
        if name not in self.parts:
            raise ModelError(f"no model for the part {name!r}", remedy=f"there are {', '.join(self.parts)}")
        return self.parts[name]

    def forward(self, *, part: str | None = None, **inputs: Any) -> Any:
        """What the model of a part says, by default that of the first."""
        return self.part(next(iter(self.parts)) if part is None else part)(**inputs)


def model_for(model: nn.Module, part: str) -> nn.Module:
    """The model that answers for a part of the batch: one of several on a shared body, or the model itself."""
    return model.part(part) if isinstance(model, SharedBody) else model


def _take_body(model: nn.Module, body: nn.Module) -> None:
    """Put a body in the place of the model's own."""
    own = model.base_model
    shapes, wanted = ({name: tensor.shape for name, tensor in one.state_dict().items()} for one in (own, body))
    # A pooler is part of some bodies only, and the heads here read none.
    unlike = {name for name in shapes.keys() ^ wanted.keys() if "pooler" not in name}
    unlike |= {name for name in shapes.keys() & wanted.keys() if shapes[name] != wanted[name]}
    if unlike:
        raise ModelError(
            f"the bodies of {type(model).__name__} and the first model differ (first: {min(unlike)})",
            remedy="make all models from the same encoder",
        )
    name = next(name for name, child in model.named_children() if child is own)
    setattr(model, name, body)
    tie = getattr(model, "tie_weights", None)
    if tie is not None:
        # The head of a masked-language model reads the body's word vectors.
        tie()
