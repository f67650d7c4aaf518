"""Is the mean loss of an epoch the mean over labels?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from companion.doctor.batches import view_of
from companion.doctor.findings import WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe, need

if TYPE_CHECKING:
    from companion.doctor.batches import View
    from companion.doctor.patient import Patient

APART = 1e-3
"""By how much two means have to differ, of their size, to be told apart."""


def examine(patient: Patient) -> Outcome:
    """Hand the user's own epoch a full batch and a batch of one row, and compare what it gives back with both means.

    The loss of each batch is the one that the epoch itself sends backward; where it sends none, as in an evaluation, it
    is computed with dropout off.

    Raises:
        CannotCheck: there is no epoch, it gives no number back, or the two means are too alike to tell.
    """
    need(patient.epoch, "no function that goes over a loader was given (epoch=)")
    views = _uneven(patient)
    weights = [int(view.scored().sum()) if view.kind != "none" else view.ids.shape[0] for view in views]
    seen = patient.watch(lambda: patient.epoch([view.batch for view in views]), quiet=True)
    losses = seen.losses
    if len(losses) != len(views):
        losses = [patient.loss_value(view.batch) for view in views]
    told = _number(seen.returned)
    over_labels = sum(loss * weight for loss, weight in zip(losses, weights, strict=True)) / sum(weights)
    over_batches = sum(losses) / len(losses)
    sizes = [view.ids.shape[0] for view in views]
    over_rows = sum(loss * size for loss, size in zip(losses, sizes, strict=True)) / sum(sizes)
    close = {
        name: abs(told - mean) <= APART * abs(over_labels)
        for name, mean in (("labels", over_labels), ("batches", over_batches), ("rows", over_rows))
    }
    if abs(over_batches - over_labels) <= 4 * APART * abs(over_labels):
        raise CannotCheck("the mean over batches and the mean over labels are too alike here to be told apart")
    if close["labels"]:
        return f"the epoch says {told:.4f}, the mean over {sum(weights):,} labels"
    if close["rows"]:
        return f"the epoch says {told:.4f}, the mean over {sum(sizes):,} rows; that over labels is {over_labels:.4f}"
    if not close["batches"]:
        raise CannotCheck(f"the epoch says {told:.4f}, which is no mean of {', '.join(f'{x:.4f}' for x in losses)}")
    return [
        PROBE.finding(
            WARNING,
            f"The epoch says {told:.4f}: the mean of its batch means, in which {weights[-1]} labels of the last batch "
            f"weigh as much as {weights[0]} of the first. Over labels it is {over_labels:.4f}.",
            "Add up summed losses and labels, and divide once.",
            said=told,
            labels=over_labels,
            batches=over_batches,
        )
    ]


def _uneven(patient: Patient) -> list[View]:
    """A full batch, and one of a single row: of the row whose loss is farthest from the batch's."""
    view = patient.views[0]
    rows = view.ids.shape[0]
    if rows < 3 or not view.is_all_tensors:
        raise CannotCheck("a batch is too small to be cut into uneven ones")
    whole = patient.loss_value(view.batch)
    single = [view_of(view.rows([row]), patient.fields) for row in range(min(rows, 6))]
    far = max(single, key=lambda one: abs(patient.loss_value(one.batch) - whole))
    return [view, far]


def _number(value: object) -> float:
    value = value.get("loss") if isinstance(value, dict) else value
    value = value[0] if isinstance(value, tuple) and value else value
    if isinstance(value, torch.Tensor) and value.numel() == 1:
        return float(value.detach())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise CannotCheck(f"the epoch gives back a {type(value).__name__}, not its mean loss")


PROBE = Probe(
    name="mean of means",
    question="Is the mean loss of an epoch the mean over labels?",
    needs="epoch, a function of batches that gives their mean loss, and loader",
    costs="one epoch over two batches, undone, and six forward passes",
    proves="which of the two means the epoch gives back",
    page="book/walkthroughs/the-production-training-loop#split-gap",
    examine=examine,
)
