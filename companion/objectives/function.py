"""A plain function as an objective: it gives the summed loss, and the rows of the batch are what it is divided by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from companion.objectives.terms import one_term

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.objectives.contract import Batch


class SummedLoss:
    """The objective of a function `(model, batch) -> loss`, where the loss is a scalar summed over the rows.

    A batch of a single part is handed to the function as the `{name: tensor}` that it is; one of several parts as
    `{part: {name: tensor}}`. The loop divides by the number of rows. A loss that counts anything else, such as labels,
    needs an object with `counts` (`companion.objectives.contract.Objective`).

    Taught in: book/walkthroughs/the-production-training-loop
    """

    def __init__(self, function: Callable[[nn.Module, Mapping[str, Any]], Tensor], term: str = "supervised") -> None:
        self.function, self.term = function, term
        self.weights = one_term(term, 1.0)

    def __repr__(self) -> str:
        return f"SummedLoss({getattr(self.function, '__qualname__', type(self.function).__name__)})"

    def counts(self, batch: Batch) -> dict[str, float]:
        """The rows of all parts: the first dimension of each part's first tensor (1 where it has none)."""
        shapes = [next(iter(group.values())).shape for group in batch.values() if group]
        return {self.term: float(sum(shape[0] if len(shape) else 1 for shape in shapes))}

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """What the function gives."""
        own = next(iter(batch.values())) if len(batch) == 1 else batch
        return {self.term: self.function(model, own)}
