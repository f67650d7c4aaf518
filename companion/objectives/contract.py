"""What an objective is: how much there is to average over, and a summed loss, term by term."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor, nn

Batch = Mapping[str, Mapping[str, "Tensor"]]
"""`{part: {name: tensor}}`; the first dimension of every tensor is the row. A plain iterable's `{name: tensor}` is the
part "labelled"."""


class Objective(Protocol):
    """A loss the loop can accumulate exactly.

    The loop sums `counts` over all micro-batches and processes of an update and divides each term's summed loss by its
    total, so that any split of the same rows gives the same gradient. A term whose total is 0 is skipped and counted.

    Optional members, used by the loop when they are there, and nothing else:
    `parameters()` are optimised and checkpointed with the model's, and are those of the best evaluation at the end, as
    the model's are; `state_dict() / load_state_dict(state)` carry tensors through a checkpoint;
    `combine({term: gradient}) -> gradient` merges flat gradients, one per term;
    `row_additive = False` says that the loss is no sum over rows, and the loop then refuses to split an update.
    """

    @property
    def weights(self) -> Mapping[str, float]:
        """The weight of each term in the sum that is minimised."""
        ...

    def counts(self, batch: Batch) -> Mapping[str, float]:
        """What each term is divided by: the number (or the weight) of the labels in this piece."""
        ...

    def __call__(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """The summed loss of each term over the rows of this piece, each a scalar tensor."""
        ...
