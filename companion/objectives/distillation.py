"""Learning from another model's answers: the soft targets of a teacher beside the labels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from companion.encoding.contract import IGNORE_INDEX
from companion.errors import ConfigError, ObjectiveError
from companion.objectives.contract import Batch, Objective
from companion.objectives.supervised import LABELS
from companion.objectives.terms import OneMore

if TYPE_CHECKING:
    from torch import Tensor, nn


class Distillation(OneMore):
    """An objective and, beside it, T² · KL(teacher ‖ student) of the softened answers, a term called "distillation".

    It is averaged over the positions that carry a label (of a text: over texts), like the loss beside it; of a decoder
    those are the positions that predict one. Where a text may have several labels, each is a yes/no answer of its own.
    A teacher that knows fewer classes is compared with the first ones of the student. Where several models share a
    body, `head` names the one that is held to the teacher, by default that of the part. The teacher is frozen and in
    evaluation mode, and no part of what is trained or checkpointed.

    Raises:
        ConfigError: the weight or the temperature is outside its range.
        ObjectiveError: the student has fewer classes than the teacher, or the answer is a number.

    Follows: Hinton, Vinyals and Dean (2015), "Distilling the Knowledge in a Neural Network"; as a guard against
    forgetting, Li and Hoiem (2018), "Learning without Forgetting".
    Taught in: book/hybrid/continual-learning
    """

    def __init__(
        self,
        objective: Objective,
        teacher: nn.Module,
        *,
        weight: float = 1.0,
        temperature: float = 2.0,
        part: str = "labelled",
        head: str | None = None,
        term: str = "distillation",
    ) -> None:
        super().__init__(objective, term=term, weight=weight)
        if not 0 < temperature < math.inf:
            raise ConfigError(f"temperature is {temperature}", remedy="give a positive number; 1 to 5 are usual")
        self.part, self.temperature = part, temperature
        self.head = part if head is None else head
        self.teacher = teacher.eval().requires_grad_(False)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.objective!r}, {type(self.teacher).__name__}, "
            f"weight={self.weights[self.term]}, temperature={self.temperature})"
        )

    def counts(self, batch: Batch) -> dict[str, float]:
        """What the objective counts, and the labelled positions."""
        found = dict(self.objective.counts(batch))
        if self.part in batch:
            found[self.term] = float((self._labels(batch[self.part]) != IGNORE_INDEX).sum())
        return found

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The sums of the objective, and the summed divergence."""
        losses = dict(self.objective(model, batch))
        if self.part in batch:
            losses[self.term] = self.divergence(model, batch[self.part])
        return losses

    def _labels(self, rows: Mapping[str, Tensor]) -> Tensor:
        """The labels where the scores that predict them stand."""
        shifted = getattr(self.objective, "shifted", None)
        return rows[LABELS] if shifted is None else shifted({self.part: rows})[self.part][LABELS]

    def divergence(self, model: nn.Module, rows: Mapping[str, Tensor]) -> Tensor:
        """T² times the sum over labelled positions of KL(teacher ‖ student)."""
        import torch
        from torch.nn import functional

        from companion.models.shared import model_for

        inputs = {name: tensor for name, tensor in rows.items() if name != LABELS}
        labels = self._labels(rows)
        if labels.is_floating_point() and labels.dim() == 1:
            raise ObjectiveError(
                "the teacher answers with a number, which has no probability to soften",
                remedy="train on the numbers that the teacher gives, with SquaredError",
            )
        labelled, ahead = labels != IGNORE_INDEX, labels.shape != rows[LABELS].shape
        with torch.no_grad():
            self.teacher.to(labelled.device)
            wanted = _chosen(self.teacher(**inputs), labelled, ahead)
        given = _chosen(model_for(model, self.head)(**inputs), labelled, ahead)
        if given.shape[-1] < wanted.shape[-1]:
            raise ObjectiveError(
                f"the teacher has {wanted.shape[-1]} classes, the student {given.shape[-1]}",
                remedy="keep the classes of the teacher first among those of the student",
            )
        given = given[..., : wanted.shape[-1]]
        return self.temperature**2 * functional.kl_div(
            (given / self.temperature).log_softmax(-1),
            (wanted / self.temperature).log_softmax(-1),
            reduction="sum",
            log_target=True,
        )


def _chosen(output: object, labelled: Tensor, ahead: bool) -> Tensor:
    """The logits of labelled positions, shape (positions, classes), in at least fp32."""
    import torch

    logits: Tensor = getattr(output, "logits", output)  # type: ignore[assignment]
    if logits.dim() == labelled.dim():
        if logits.shape != labelled.shape:
            raise ObjectiveError(
                f"labels of shape {list(labelled.shape)} for logits of shape {list(logits.shape)}",
                remedy="distil a teacher that knows the very labels of the student",
            )
        # The softmax over these two is the sigmoid of the yes/no answer.
        logits = torch.stack([logits, torch.zeros_like(logits)], -1)
    if labelled.dim() == 2:
        logits = (logits[:, :-1] if ahead else logits)[:, -labelled.shape[1] :]
    logits = logits[labelled]
    return logits.float() if logits.dtype.itemsize < 4 else logits
