"""What an adaptation is: it selects the parameters that are trained, and may act after each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import nn


class Adaptation(Protocol):
    """A choice of what is trainable.

    Optional members, used by the loop when they are there:
    `after_step(model, update, total)`, called between the optimiser's step and the clearing of gradients, and
    `state_dict() / load_state_dict(state)` with tensors, stored in checkpoints. A method that has to keep something for
    each model it adapts has `bind(model)`, which `adapt` calls: what it returns stands for the method from then on.
    """

    @property
    def name(self) -> str:
        """What it is called in tables and notes."""
        ...

    def __call__(self, model: nn.Module) -> nn.Module:
        """Select (or wrap) and return the model to train."""
        ...
