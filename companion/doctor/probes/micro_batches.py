"""Is the gradient of one batch that of its micro-batches?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.batches import view_of
from companion.doctor.calling import add_up
from companion.doctor.findings import ERROR, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe
from companion.doctor.watch import Watched

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.batches import View
    from companion.doctor.patient import Patient

TOLERANCE = 0.01


def examine(patient: Patient) -> Outcome:
    """Cut one batch into micro-batches, let the step add them up, and compare with the gradient of the whole.

    Dropout is switched off for it, the rows are dealt by their number of labels, and clipping comes too late to hide
    anything: the gradient is read after the last backward pass.

    Raises:
        CannotCheck: nothing accumulates, nothing is there to compare with, or the batch is too small.
    """
    pieces = patient.accumulate
    if pieces < 2:
        raise CannotCheck("no accumulation was named (accumulate=)")
    if patient.window is None and patient.step is None:
        raise CannotCheck("there is no step and no window that accumulates (step=, window=)")
    view = max(patient.views, key=lambda view: view.ids.shape[0])
    rows = view.ids.shape[0]
    if rows < 2 * pieces:
        view = view_of(_joined(patient, pieces), patient.fields)
        rows = view.ids.shape[0]
    if rows < pieces:
        raise CannotCheck(f"a batch of {rows} rows cannot be cut into {pieces} pieces")
    whole = patient.watch(lambda: patient.mean_loss(view.batch).backward(), quiet=True)
    again = patient.watch(lambda: patient.mean_loss(view.batch).backward(), quiet=True)
    if _length(_difference(whole, again)) > 1e-4 * _length(whole.gradient):
        raise CannotCheck("the gradient of a batch is random even with dropout off")
    parts = [view.rows(part) for part in _dealt(view, pieces)]
    split = patient.watch(lambda: add_up(patient, parts), quiet=True)
    early = patient.window is None and split.updates > 1
    if early:
        raise CannotCheck(f"the step took {split.updates} optimiser steps in {pieces} calls: it does not accumulate")
    return _judge(whole, split, pieces, rows)


def _judge(whole: Watched, split: Watched, pieces: int, rows: int) -> Outcome:
    pairs = ((whole.gradient[key].cpu().double(), part.cpu().double()) for key, part in _shared(whole, split))
    dot = sum(float((one * other).sum()) for one, other in pairs)
    length = _length(whole.gradient)
    if not length:
        raise CannotCheck("the gradient of the batch is zero")
    factor = dot / length**2
    off = _length(_difference(whole, split)) / length
    turned = (max(_length(split.gradient) ** 2 - factor**2 * length**2, 0.0) ** 0.5) / length / max(abs(factor), 1e-12)
    told = f"over {pieces} micro-batches of {rows} rows the gradient is {factor:.3f} times that of one batch"
    if off <= TOLERANCE:
        return f"{told}; they differ by {off:.1e} of its length"
    if abs(factor - pieces) < 0.3 * pieces or abs(factor - 1 / pieces) < 0.3 / pieces:
        cause = f"{factor:.2f} times ({pieces} = accumulation)" if factor > 1 else f"{factor:.2f} times (1 / {pieces})"
        advice = (
            "Divide by the labels of the whole window. A Trainer that trusts the model's loss does not divide: set "
            "model.accepts_loss_kwargs = False, or compute a summed loss yourself."
            if factor > 1
            else "The loss is divided once too often: divide by the labels of the whole window, and by nothing else."
        )
        severity = ERROR
    else:
        cause, severity = f"{factor:.2f} times", ERROR if off > 0.5 else WARNING
        advice = "Do not average means: sum the losses of all pieces and divide once, by the labels of the window."
    return [
        PROBE.finding(
            severity,
            f"Over {pieces} micro-batches of {rows} rows the gradient is {cause} that of the same rows in one batch, "
            f"and its direction is {turned:.1%} off.",
            advice,
            factor=factor,
            pieces=pieces,
            off=off,
            turned=turned,
        )
    ]


def _dealt(view: View, pieces: int) -> list[list[int]]:
    """Rows by their number of labels, cut into equal runs, so that the pieces weigh differently."""
    labels = view.labels
    weights = view.scored().sum(1).tolist() if labels is not None and view.kind == "tokens" else [1] * len(view.ids)
    order = sorted(range(len(weights)), key=lambda row: (-weights[row], row))
    size, rest = divmod(len(order), pieces)
    ends = [size * (place + 1) + min(place + 1, rest) for place in range(pieces)]
    return [order[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _joined(patient: Patient, pieces: int) -> object:
    """Batches of equal form put together until every piece has two rows; the biggest alone where none fit."""
    import torch

    from companion.doctor.batches import join

    views = patient.views
    batches = [view.batch for view in views if view.ids.shape[1] == views[0].ids.shape[1]]
    enough = 0
    for place, batch in enumerate(batches):
        enough += view_of(batch, patient.fields).ids.shape[0]
        if enough >= 2 * pieces:
            return join(batches[: place + 1], torch.cat)
    return max(views, key=lambda view: view.ids.shape[0]).batch


def _shared(one: Watched, other: Watched) -> list[tuple[int, Tensor]]:
    return [(key, part) for key, part in other.gradient.items() if key in one.gradient]


def _difference(one: Watched, other: Watched) -> dict[int, Tensor]:
    return {key: part - one.gradient[key] for key, part in _shared(one, other)}


def _length(gradient: dict[int, Tensor]) -> float:
    return sum(float(part.cpu().double().square().sum()) for part in gradient.values()) ** 0.5


PROBE = Probe(
    name="micro-batches",
    question="Is the gradient of one batch that of its micro-batches?",
    needs="accumulate above 1 with step or window; loss, or a model that computes its loss",
    costs="three backward passes over one batch",
    proves="by which factor, and how far in direction, accumulation changes the gradient",
    page="book/walkthroughs/the-production-training-loop#trainer-read",
    examine=examine,
)
