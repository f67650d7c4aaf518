"""Losses for rows that carry several yes/no answers, or a number: the same sums and counts as cross-entropy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from companion.errors import ConfigError, ObjectiveError
from companion.objectives.contract import Batch
from companion.objectives.supervised import LABELS
from companion.objectives.terms import one_term

if TYPE_CHECKING:
    from torch import Tensor, nn


class MultiLabelCrossEntropy:
    """Binary cross-entropy of every label of every row, summed; `labels` are 0 or 1, shape (rows, labels).

    The count is rows times labels, so that the quotient is the mean over all yes/no answers. With `class_weights` each
    answer counts by the weight of its label, in the loss and in the count.

    Raises:
        ConfigError: a weight is outside its range.
        ObjectiveError: labels of another shape than the logits, or neither 0 nor 1.

    Taught in: book/reference/helpdesk
    """

    def __init__(
        self,
        *,
        part: str = "labelled",
        term: str = "supervised",
        weight: float = 1.0,
        class_weights: Sequence[float] | None = None,
    ) -> None:
        if class_weights is not None and not all(math.isfinite(value) and value >= 0 for value in class_weights):
            raise ConfigError(f"class_weights are {list(class_weights)}", remedy="give one finite number ≥ 0 per class")
        self.part, self.term, self.weights = part, term, one_term(term, weight)
        self.class_weights = None if class_weights is None else tuple(class_weights)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(part={self.part!r}, weights={dict(self.weights)}, "
            f"class_weights={self.class_weights})"
        )

    def counts(self, batch: Batch) -> dict[str, float]:
        """The number (or weight) of yes/no answers."""
        if self.part not in batch:
            return {}
        labels = batch[self.part][LABELS]
        each = labels.shape[-1] if self.class_weights is None else sum(self.class_weights)
        return {self.term: float(len(labels) * each)}

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss; the model is called with everything in the part but the labels."""
        from torch.nn import functional

        if self.part not in batch:
            return {}
        logits, labels = _forward(model, batch, self.part)
        if logits.shape != labels.shape or not bool(((labels == 0) | (labels == 1)).all()):
            raise ObjectiveError(
                f"labels of shape {list(labels.shape)} for logits of shape {list(logits.shape)}, or not all 0 or 1",
                remedy="give every row one 0 or 1 per label",
            )
        if self.class_weights is not None and len(self.class_weights) != logits.shape[-1]:
            raise ObjectiveError(
                f"{len(self.class_weights)} class_weights, but the model has {logits.shape[-1]} classes",
                remedy="give one weight per label",
            )
        weight = None if self.class_weights is None else logits.new_tensor(self.class_weights)
        loss = functional.binary_cross_entropy_with_logits(logits, labels.to(logits), weight=weight, reduction="sum")
        return {self.term: loss}


class SquaredError:
    """The squared difference between the model's one number and the row's, summed; `labels` have shape (rows,).

    Raises:
        ConfigError: the weight is outside its range.
        ObjectiveError: the model gives more than one number a row, or the labels have another shape.

    Taught in: book/reference/helpdesk
    """

    def __init__(self, *, part: str = "labelled", term: str = "supervised", weight: float = 1.0) -> None:
        self.part, self.term, self.weights = part, term, one_term(term, weight)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(part={self.part!r}, weights={dict(self.weights)})"

    def counts(self, batch: Batch) -> dict[str, float]:
        """The number of rows."""
        return {self.term: float(len(batch[self.part][LABELS]))} if self.part in batch else {}

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss; the model is called with everything in the part but the labels."""
        if self.part not in batch:
            return {}
        logits, labels = _forward(model, batch, self.part)
        if logits.shape != (len(labels), 1) or labels.dim() != 1:
            raise ObjectiveError(
                f"labels of shape {list(labels.shape)} for logits of shape {list(logits.shape)}",
                remedy="give every row one number, and the model one output",
            )
        return {self.term: (logits[:, 0] - labels.to(logits)).square().sum()}


def _forward(model: nn.Module, batch: Batch, part: str) -> tuple[Tensor, Tensor]:
    """Logits in at least fp32, and the labels."""
    from companion.models.shared import model_for

    inputs = dict(batch[part])
    labels = inputs.pop(LABELS)
    output = model_for(model, part)(**inputs)
    logits = getattr(output, "logits", output)
    return (logits.float() if logits.dtype.itemsize < 4 else logits), labels
