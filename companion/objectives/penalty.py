"""Penalties: terms that look at the weights and not at the rows, added to any objective."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from companion.errors import ObjectiveError
from companion.objectives.contract import Batch, Objective
from companion.objectives.terms import OneMore

if TYPE_CHECKING:
    from torch import Tensor, nn


class Penalised(OneMore):
    """An objective with one term more, which depends on the weights alone.

    The loop divides every term by what it counts over the update, so the penalty of a piece is taken as often as the
    piece has rows, and counted by them: however the rows are split, the quotient is the penalty itself.

    Raises:
        ConfigError: the weight is no number from 0 up, or the objective has a term of this name.
    """

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.objective!r}, weight={self.weights[self.term]})"

    def counts(self, batch: Batch) -> dict[str, float]:
        """What the objective counts, and the rows."""
        return {**self.objective.counts(batch), self.term: float(_rows(batch))}

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The sums of the objective, and the penalty once a row."""
        return {**self.objective(model, batch), self.term: self.penalty(model) * _rows(batch)}

    def penalty(self, model: nn.Module) -> Tensor:
        """The penalty, a scalar that gradients flow through."""
        raise NotImplementedError


class Orthogonality(Penalised):
    """AdaLoRA's regulariser: how far, on average, P and Q are from having orthonormal columns and rows.

    It is the mean over all P and Q of the Frobenius norm of PᵀP − I and QQᵀ − I: only where these are small are the
    entries of Λ something like singular values. (`peft` adds it only to a loss that the model itself computes.)

    Raises:
        ConfigError: the weight is no number from 0 up.
        ObjectiveError: the model carries no AdaLoRA.

    Follows: Zhang et al. (2023), equation 4; `peft` for the mean, and for the norm without the square.
    Taught in: book/constraints/lora
    """

    def __init__(self, objective: Objective, *, weight: float = 0.5) -> None:
        super().__init__(objective, term="orthogonality", weight=weight)

    def penalty(self, model: nn.Module) -> Tensor:
        """The mean norm, shape ()."""
        import torch

        found = [
            torch.linalg.matrix_norm(product - torch.eye(len(product), device=product.device, dtype=product.dtype))
            for product in _products(model)
        ]
        if not found:
            raise ObjectiveError(
                f"{type(model).__name__} carries no AdaLoRA, so nothing can be orthogonal",
                remedy="adapt the model with AdaLoRA first, or leave the term out",
            )
        return torch.stack(found).mean()


def _products(model: nn.Module) -> Iterator[Tensor]:
    names = {name for name, _ in model.named_parameters()}
    for name, matrix in model.named_parameters():
        if ".lora_E." not in name and name.replace(".lora_A.", ".lora_E.").replace(".lora_B.", ".lora_E.") in names:
            if ".lora_A." in name:
                yield matrix @ matrix.T
            elif ".lora_B." in name:
                yield matrix.T @ matrix


def _rows(batch: Batch) -> int:
    return sum(len(next(iter(part.values()))) for part in batch.values() if part)
