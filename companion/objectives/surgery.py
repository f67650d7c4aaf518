"""Gradients that pull in opposite directions: their angle, and what of them may be kept."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

from companion.objectives.terms import beside

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.objectives.contract import Batch, Objective


def pcgrad(gradients: Mapping[str, Tensor]) -> Tensor:
    """The sum of the terms' gradients after each lost what points against another.

    A term's gradient is projected onto the plane that is normal to every other one with which it has an obtuse angle,
    one after another. The paper draws the order anew in every step; here it is that of the terms, begun one place later
    for each of them, so that the same gradients always give the same step. In the loop these gradients span the heads,
    too: another task's entries are zero there, so a head's own only lengthen what is projected on.

    Follows: Yu et al. (2020), "Gradient Surgery for Multi-Task Learning", algorithm 1.
    Taught in: book/hybrid/multi-task
    """
    names = list(gradients)
    total = None
    for place, name in enumerate(names):
        kept = gradients[name].clone()
        for other in names[place + 1 :] + names[:place]:
            against = gradients[other]
            dot, length = kept @ against, against @ against
            if dot < 0 and length > 0:
                kept -= dot / length * against
        total = kept if total is None else total + kept
    if total is None:
        raise ValueError("there is no gradient to merge")
    return total


def cosines(gradients: Mapping[str, Tensor]) -> dict[tuple[str, str], float]:
    """The cosine of the angle between the gradients of every two terms; 0 where one of them is zero.

    Taught in: book/hybrid/multi-task
    """
    found = {}
    for first, second in combinations(gradients, 2):
        lengths = float(gradients[first].norm()) * float(gradients[second].norm())
        found[first, second] = float(gradients[first] @ gradients[second]) / lengths if lengths else 0.0
    return found


def term_gradients(
    model: nn.Module, objective: Objective, batch: Batch, *, of: nn.Module | None = None
) -> dict[str, Tensor]:
    """The gradient of each term's weighted mean over one batch, flat, with dropout off; nothing is left in `.grad`.

    `of` says whose parameters, by default those of the shared body: a head belongs to one task, and in its entries the
    gradients of all others are zero. A term that counts nothing in this batch has no gradient and is left out.

    Taught in: book/hybrid/multi-task
    """
    import torch

    body = model.base_model if of is None else of
    parameters = [parameter for parameter in body.parameters() if parameter.requires_grad]
    training, counts, found = model.training, objective.counts(batch), {}
    batch = beside(model, batch)
    model.eval()
    try:
        for term, loss in objective(model, batch).items():
            if counts[term] > 0:
                mean = objective.weights[term] * loss / counts[term]
                pieces = torch.autograd.grad(
                    mean, parameters, retain_graph=True, allow_unused=True, materialize_grads=True
                )
                found[term] = torch.cat([piece.reshape(-1) for piece in pieces])
    finally:
        model.train(training)
    return found
