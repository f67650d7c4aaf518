"""The gradient of one update: the same whatever way its rows are split over micro-batches and processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from companion.errors import NonFiniteError, ObjectiveError
from companion.randomness import torch_stream
from companion.training.pieces import Piece, collate, rows_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.encoding.contract import BatchSource
    from companion.objectives.contract import Objective
    from companion.training.optimizer import Named
    from companion.training.parallel import Processes
    from companion.training.resolve import Resolved


@dataclass(frozen=True, kw_only=True, slots=True)
class Gradient:
    """What one update left in the parameters' `.grad`, and the numbers to report."""

    terms: dict[str, float]
    """Each term's mean over everything it counts in the update."""
    loss: float
    """Their weighted sum, which is what the gradient is the gradient of."""
    empty: tuple[str, ...]
    """Terms with nothing to count."""


def accumulate_gradient(
    model: nn.Module,
    objective: Objective,
    source: BatchSource,
    pieces: list[Piece],
    named: Named,
    *,
    settings: Resolved,
    processes: Processes,
    place: tuple[int, int],
    scale: float = 1.0,
) -> Gradient:
    """Run every piece forward and backward and sum the gradients over processes.

    The counts of all pieces and processes are added up first, and each summed loss is divided by its total: a mean of
    means would weight a label by how few neighbours it happened to have. `place` is (epoch, update).

    Raises:
        ObjectiveError: the loss is no sum over rows but the update is split.

    Taught in: book/walkthroughs/train-a-tagger
    """
    device, rank = settings.device, processes.rank
    batches = [collate(source, piece) for piece in pieces]
    if not getattr(objective, "row_additive", True) and (len(pieces) > 1 or processes.world > 1):
        raise ObjectiveError(
            f"{type(objective).__name__} is no sum over rows, but the update is split into {len(pieces)} pieces "
            f"on {processes.world} processes",
            remedy="use one process and a piece_budget that holds the whole update, or a smaller batch_size",
        )
    totals = _sum_by_name([objective.counts(batch) for batch in batches], objective.weights, processes, device)
    shares = {name: objective.weights[name] / total for name, total in totals.items() if total > 0}
    sums: list[Mapping[str, Tensor]] = []
    merge = getattr(objective, "combine", None)
    per_term = {name: _zeros(named) for name in shares} if merge is not None else None
    for index, batch in enumerate(batches):
        batch = {part: {key: value.to(device) for key, value in group.items()} for part, group in batch.items()}
        with torch_stream(device, settings.config.seed, "forward", *place, index, rank):
            with torch.autocast(device.type, settings.autocast, enabled=settings.autocast is not None):
                losses = {name: loss for name, loss in objective(model, batch).items() if name in shares}
            if per_term is not None:
                _add_per_term(per_term, losses, shares, named, scale)
            elif losses:
                (sum(shares[name] * loss for name, loss in losses.items()) * scale).backward()
        sums.append({name: loss.detach() for name, loss in losses.items()})
    if per_term is not None:
        merged = merge({name: processes.sum(flat) for name, flat in per_term.items()})
        _write(named, merged, torch.ones(len(named)))
    else:
        _sum_gradients(named, processes)
    summed = _sum_by_name(sums, shares, processes, device)
    means = {name: summed[name] / totals[name] for name in shares}
    return Gradient(
        terms=means,
        loss=sum(objective.weights[name] * mean for name, mean in means.items()),
        empty=tuple(name for name in objective.weights if name not in shares),
    )


def check_finite(gradient: Gradient, norm: float, window: Mapping[str, list[int]], step: int) -> None:
    """Stop before a step that would spoil the weights.

    Raises:
        NonFiniteError: the loss or the gradient's norm is not a finite number; it names the rows.
    """
    if not torch.isfinite(torch.tensor([gradient.loss, norm])).all():
        raise NonFiniteError(
            f"update {step}: the loss is {gradient.loss:g} and the gradient's norm {norm:g}; no step was taken "
            f"({'; '.join(rows_of(window))})",
            remedy="look at these rows, lower the learning rate, or train in fp32; the last checkpoint is intact",
        )


def _sum_by_name(
    parts: list[Mapping[str, float]] | list[Mapping[str, Tensor]],
    names: Mapping[str, float],
    processes: Processes,
    device: torch.device,
) -> dict[str, float]:
    """Totals of named numbers over pieces and processes, in float64 where the device has it."""
    dtype = torch.float32 if device.type == "mps" else torch.float64
    totals = torch.zeros(len(names), dtype=dtype, device=device)
    for part in parts:
        unknown = set(part) - set(names)
        if unknown:
            raise ObjectiveError(
                f"the objective returns a term {sorted(unknown)[0]!r} without a weight",
                remedy="name every term in the objective's weights",
            )
        for index, name in enumerate(names):
            if name in part:
                totals[index] += part[name]
    return dict(zip(names, processes.sum(totals).tolist(), strict=True))


def _sum_gradients(named: Named, processes: Processes) -> None:
    """One flat sum over processes. A parameter that got no gradient anywhere keeps none."""
    if processes.world == 1:
        return
    present = torch.tensor([parameter.grad is not None for _, parameter in named])
    flat = torch.cat(
        [
            (parameter.grad if parameter.grad is not None else torch.zeros_like(parameter)).reshape(-1)
            for _, parameter in named
        ]
        + [present.to(named[0][1])]
    )
    processes.sum(flat)
    _write(named, flat, flat[-len(named) :])


def _write(named: Named, flat: Tensor, present: Tensor) -> None:
    start = 0
    for (_, parameter), there in zip(named, present.tolist(), strict=True):
        size = parameter.numel()
        parameter.grad = flat[start : start + size].view_as(parameter).clone() if there else None
        start += size


def _zeros(named: Named) -> Tensor:
    return torch.cat([torch.zeros_like(parameter).reshape(-1) for _, parameter in named])


def _add_per_term(
    buffers: dict[str, Tensor], losses: Mapping[str, Tensor], shares: Mapping[str, float], named: Named, scale: float
) -> None:
    """Add each term's own flat gradient to its buffer, for objectives that merge gradients rather than losses."""
    parameters = [parameter for _, parameter in named]
    for name, loss in losses.items():
        pieces = torch.autograd.grad(shares[name] * loss * scale, parameters, retain_graph=True, allow_unused=True)
        start = 0
        for parameter, piece in zip(parameters, pieces, strict=True):
            if piece is not None:
                buffers[name][start : start + parameter.numel()] += piece.reshape(-1)
            start += parameter.numel()
