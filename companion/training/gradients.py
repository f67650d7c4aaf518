"""The gradient of one update: the same whatever way its rows are split over micro-batches and processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from companion.errors import NonFiniteError, ObjectiveError
from companion.randomness import torch_stream
from companion.training.agreement import PieceTooLarge, StopAsked, agree
from companion.training.memory import is_memory_shortage
from companion.training.pieces import rows_of
from companion.training.sharding import Padding, check_whole, explain, is_sharded

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.objectives.contract import Batch, Objective
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
    batches: list[Batch],
    named: Named,
    *,
    settings: Resolved,
    processes: Processes,
    place: tuple[int, int],
    scale: float = 1.0,
    stopping: Callable[[bool], bool] = lambda begun: False,
) -> Gradient:
    """Run every piece of this process forward and backward and sum the gradients over processes.

    The counts of all pieces and processes are added up first, and each summed loss is divided by its total: a mean of
    means would weight a label by how few neighbours it happened to have. `place` is (epoch, update). `stopping` is
    asked before each piece and after the last one whether to leave it at that, given whether a piece was run already.

    Raises:
        ObjectiveError: the loss is no sum over rows but the update is split, or the objective breaks its contract.
        PieceTooLarge, StopAsked: on every process, where one of them ran out of memory or is to stop.

    Taught in: book/walkthroughs/train-a-tagger
    """
    device, rank = settings.device, processes.rank
    if not getattr(objective, "row_additive", True) and (len(batches) > 1 or processes.world > 1):
        raise ObjectiveError(
            f"{type(objective).__name__} is no sum over rows, but the update is split into {len(batches)} pieces "
            f"on {processes.world} processes",
            remedy="use one process and a piece_budget that holds the whole update, or a smaller batch_size",
        )
    # Each pass of a sharded model is a meeting of all processes: nobody may leave one out, or break off alone.
    sharded = is_sharded(named)
    counts = [
        {} if isinstance(batch, Padding) else _terms(_counts(objective, batch), objective.weights, "counts")
        for batch in batches
    ]
    totals = _sum_by_name(counts, objective.weights, processes, device)
    for name, total in totals.items():
        if not 0 <= total < float("inf"):
            raise ObjectiveError(f"the count of {name!r} is {total}", remedy="count labels, or add up weights ≥ 0")
    shares = {name: objective.weights[name] / total for name, total in totals.items() if total > 0}
    sums: list[Mapping[str, Tensor]] = []
    merge = getattr(objective, "combine", None)
    per_term = {name: _zeros(named) for name in shares} if merge is not None else None
    touched = torch.zeros(len(named))
    met: BaseException | None = None
    for index, (batch, counted) in enumerate(zip(batches, counts, strict=True)):
        if not sharded and stopping(index > 0):
            break
        try:
            idle = isinstance(batch, Padding)
            batch = {part: {key: value.to(device) for key, value in group.items()} for part, group in batch.items()}
            with torch_stream(device, settings.config.seed, "forward", *place, index, rank):
                with torch.autocast(device.type, settings.autocast, enabled=settings.autocast is not None):
                    losses = _terms(objective(model, batch), objective.weights, "the objective")
                given = _check_losses(losses, counted)
                losses = {name: loss for name, loss in given.items() if name in shares and not idle}
                trained = {name: loss for name, loss in losses.items() if loss.requires_grad}
                if per_term is not None:
                    touched += _add_per_term(per_term, trained, shares, named, scale)
                elif sharded:
                    check_whole(given)
                    _backward(given, {} if idle else shares, scale)
                elif trained:
                    _backward(trained, shares, scale)
        except Exception as error:
            if sharded:
                explain(error)
                raise
            # Of a lack of memory only the place is kept: the error itself holds on to all the tensors of the piece.
            met = PieceTooLarge(index) if is_memory_shortage(error) else error
            break
        sums.append({name: loss.detach() for name, loss in losses.items()})
    if met is None and stopping(len(sums) > 0):
        met = StopAsked()
    agree(met, processes, device)
    if per_term is not None:
        _write(named, _merge(merge, per_term, named, processes), processes.sum(touched.to(device)))
    elif not sharded:
        _sum_gradients(named, processes)
    if shares and all(parameter.grad is None for _, parameter in named):
        raise ObjectiveError(
            "the loss depends on no trainable parameter", remedy="compute it from the model's output, without detach()"
        )
    summed = _sum_by_name(sums, shares, processes, device)
    means = {name: summed[name] / totals[name] for name in shares}
    return Gradient(
        terms=means,
        loss=sum((objective.weights[name] * mean for name, mean in means.items()), 0.0),
        empty=tuple(name for name in objective.weights if name not in shares),
    )


def check_finite(gradient: Gradient, norm: float, window: Mapping[str, list[int]], step: int) -> None:
    """Stop before a step that would spoil the weights.

    Raises:
        NonFiniteError: the loss or the gradient's norm is not a finite number; it names the rows.
    """
    if not (math.isfinite(gradient.loss) and math.isfinite(norm)):
        raise NonFiniteError(
            f"update {step}: the loss is {gradient.loss:g} and the gradient's norm {norm:g}; no step was taken "
            f"({'; '.join(rows_of(window))})",
            remedy="look at these rows; the same call would stop here again. Corrected rows, a lower learning rate or "
            "fp32 make another run, in another folder, which may begin with the weights of the last checkpoint",
        )


def _counts(objective: Objective, batch: Batch) -> Mapping[str, float]:
    """What the objective counts; one that looks for its tensors where the parts are is told where they are."""
    try:
        return objective.counts(batch)
    except KeyError as error:
        there = "; ".join(f"{part!r}: {', '.join(map(repr, group))}" for part, group in batch.items())
        error.add_note(f"(a batch is {{part: {{name: tensor}}}}, and this one holds {there})")
        raise


def _terms(values: Mapping[str, Any], weights: Mapping[str, float], giver: str) -> Mapping[str, Any]:
    """What the objective gave, if it names the terms as the contract says."""
    if not isinstance(values, Mapping):
        raise ObjectiveError(
            f"{giver} returned a {type(values).__name__}, not one value per term",
            remedy=f"return a dictionary with {' and '.join(map(repr, weights))}",
        )
    for name in values:
        if name not in weights:
            raise ObjectiveError(
                f"{giver} returned a term {name!r} without a weight",
                remedy=f"name every term in the objective's weights ({', '.join(weights)})",
            )
    return values


def _check_losses(losses: Mapping[str, Tensor], counted: Mapping[str, float]) -> Mapping[str, Tensor]:
    """The losses, if there is a scalar for each term that counts something."""
    for name, loss in losses.items():
        if not isinstance(loss, torch.Tensor) or loss.dim() > 0:
            raise ObjectiveError(
                f"the loss of {name!r} is no scalar tensor", remedy="return the sum over the rows, not one loss per row"
            )
    for name, count in counted.items():
        if count > 0 and name not in losses:
            raise ObjectiveError(
                f"the objective counts {count:g} for {name!r} but returns no loss for it (only: {', '.join(losses)})",
                remedy="return a loss for every term that is counted",
            )
    return losses


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
        parameter.grad = flat[start : start + size].view_as(parameter).to(parameter.dtype, copy=True) if there else None
        start += size


def _zeros(named: Named) -> Tensor:
    return torch.cat([torch.zeros_like(parameter).reshape(-1) for _, parameter in named])


def _backward(losses: Mapping[str, Tensor], shares: Mapping[str, float], scale: float) -> None:
    """The gradient of all losses together; one without a share takes part and weighs nothing."""
    (sum(shares.get(name, 0.0) * loss for name, loss in losses.items()) * scale).backward()


def _add_per_term(
    buffers: dict[str, Tensor], losses: Mapping[str, Tensor], shares: Mapping[str, float], named: Named, scale: float
) -> Tensor:
    """Add each term's own flat gradient to its buffer, and return which parameters have one at all."""
    touched = torch.zeros(len(named))
    parameters = [parameter for _, parameter in named]
    for name, loss in losses.items():
        pieces = torch.autograd.grad(shares[name] * loss * scale, parameters, retain_graph=True, allow_unused=True)
        start = 0
        for index, (parameter, piece) in enumerate(zip(parameters, pieces, strict=True)):
            if piece is not None:
                buffers[name][start : start + parameter.numel()] += piece.reshape(-1)
                touched[index] = 1
            start += parameter.numel()
    return touched


def _merge(
    combine: Callable[[dict[str, Tensor]], Tensor], per_term: dict[str, Tensor], named: Named, processes: Processes
) -> Tensor:
    """The one gradient that the objective makes of its terms' gradients."""
    merged = combine({name: processes.sum(flat) for name, flat in per_term.items()}) if per_term else _zeros(named)
    size = sum(parameter.numel() for _, parameter in named)
    if merged.shape != (size,):
        raise ObjectiveError(
            f"combine returned a gradient of shape {tuple(merged.shape)}", remedy=f"return one of shape ({size},)"
        )
    return merged
