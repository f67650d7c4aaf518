"""Supervised cross-entropy over labelled positions, computed outside the model's own head."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from companion.encoding.contract import IGNORE_INDEX
from companion.errors import ConfigError, ObjectiveError
from companion.objectives.contract import Batch
from companion.objectives.terms import one_term

if TYPE_CHECKING:
    from torch import Tensor, nn

LABELS = "labels"


class TokenCrossEntropy:
    """Cross-entropy summed over the labelled positions of one part of the batch.

    Positions with label -100 count for nothing. With `class_weights` the count is the sum of the weights of the
    labelled positions, so that the quotient is a weighted mean. Logits may be longer than the labels (a prompt in
    front): labels belong to the last positions. `label_smoothing` ε gives each class ε/C of the target; `focal_gamma` γ
    weighs each position by (1 − p)^γ, p being the probability of its label (Lin et al. 2017).

    The sum is taken here and divided by the loop, because a head that averages each micro-batch for itself gives the
    gradient of another loss; see torchtune's `scale_grads` for the same arithmetic.

    Raises:
        ConfigError: a weight, the smoothing or the focal exponent is outside its range, or the latter two are both set.
        ObjectiveError: labels outside the model's classes, or not whole numbers.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(
        self,
        *,
        part: str = "labelled",
        term: str = "supervised",
        weight: float = 1.0,
        class_weights: Sequence[float] | None = None,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
    ) -> None:
        if not 0.0 <= label_smoothing < 1.0:
            raise ConfigError(
                f"label_smoothing is {label_smoothing}", remedy="choose a value from 0 up to, not including, 1"
            )
        # Between 0 and 1 the gradient of (1 − p)^γ is infinite where the model is sure and right.
        if focal_gamma != 0.0 and not 1.0 <= focal_gamma < math.inf:
            raise ConfigError(f"focal_gamma is {focal_gamma}", remedy="choose 0 (off) or a number from 1 up")
        if focal_gamma and label_smoothing:
            raise ConfigError(
                "label_smoothing and focal_gamma are both set",
                remedy="choose one: they pull a confident position in opposite directions",
            )
        if class_weights is not None and not all(math.isfinite(value) and value >= 0 for value in class_weights):
            raise ConfigError(f"class_weights are {list(class_weights)}", remedy="give one finite number ≥ 0 per class")
        self.part, self.term, self.label_smoothing, self.focal_gamma = part, term, label_smoothing, focal_gamma
        self.class_weights = None if class_weights is None else tuple(class_weights)
        self.weights = one_term(term, weight)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(part={self.part!r}, weights={dict(self.weights)}, "
            f"class_weights={self.class_weights}, label_smoothing={self.label_smoothing}, "
            f"focal_gamma={self.focal_gamma})"
        )

    def counts(self, batch: Batch) -> dict[str, float]:
        """The number (or weight) of labelled positions; labels have shape (rows, positions) or (rows,)."""
        if self.part not in batch:
            return {}
        labels = batch[self.part][LABELS]
        if labels.is_floating_point():
            raise ObjectiveError(
                f"the labels are {labels.dtype}", remedy="cross-entropy needs whole-number labels (torch.long)"
            )
        labelled = labels[labels != IGNORE_INDEX]
        if self.class_weights is None:
            return {self.term: float(labelled.numel())}
        self._check_range(labelled, len(self.class_weights))
        return {self.term: sum(self.class_weights[label] for label in labelled.tolist())}

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss; the model is called with everything in the part but the labels."""
        if self.part not in batch:
            return {}
        from companion.models.shared import model_for

        inputs = dict(batch[self.part])
        labels = inputs.pop(LABELS)
        return {self.term: self.from_logits(_logits(model_for(model, self.part)(**inputs)), labels)}

    def from_logits(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Sum over labelled positions of -log p(label); `logits` has one dimension more than `labels`, the classes."""
        import torch
        from torch.nn import functional

        if labels.dim() == 2:
            logits = logits[:, -labels.shape[1] :]
        classes = logits.shape[-1]
        self._check_range(labels[labels != IGNORE_INDEX], classes)
        if self.class_weights is not None and len(self.class_weights) != classes:
            raise ObjectiveError(
                f"{len(self.class_weights)} class_weights, but the model has {classes} classes",
                remedy="give one weight per label",
            )
        # The sum runs in at least fp32: under bf16 autocast the logits arrive with 8 bits of precision.
        logits = logits.float() if logits.dtype.itemsize < 4 else logits
        flat_logits, flat_labels = logits.reshape(-1, classes), labels.reshape(-1)
        losses = functional.cross_entropy(
            flat_logits,
            flat_labels,
            weight=None if self.class_weights is None else logits.new_tensor(self.class_weights),
            label_smoothing=self.label_smoothing,
            ignore_index=IGNORE_INDEX,
            reduction="none" if self.focal_gamma else "sum",
        )
        if not self.focal_gamma:
            return losses
        surprise = functional.cross_entropy(flat_logits, flat_labels, ignore_index=IGNORE_INDEX, reduction="none")
        # 1 − p = −expm1(−surprise), which keeps its digits where p is near 1.
        return ((-torch.expm1(-surprise)) ** self.focal_gamma * losses).sum()

    def _check_range(self, labelled: Tensor, classes: int) -> None:
        if labelled.numel() and not 0 <= int(labelled.min()) <= int(labelled.max()) < classes:
            raise ObjectiveError(
                f"labels run from {int(labelled.min())} to {int(labelled.max())}, but there are {classes} classes",
                remedy=f"number the labels 0 to {classes - 1} and mark positions to leave out with {IGNORE_INDEX}",
            )


def _logits(output: object) -> Tensor:
    """The logits of a transformers output, or the output itself when the model returns a tensor."""
    return getattr(output, "logits", output)  # type: ignore[return-value]
