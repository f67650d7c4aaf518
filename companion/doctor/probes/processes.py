"""Does the number of processes change the gradient?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.batches import join, view_of
from companion.doctor.calling import add_up
from companion.doctor.findings import ERROR
from companion.doctor.probe import CannotCheck, Outcome, Probe

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.batches import View
    from companion.doctor.patient import Patient

NEAR = 0.2
"""How near the factor has to be to a whole one to be called by it."""


def examine(patient: Patient) -> Outcome:
    """Play the processes one after another in this one, average their gradients as DDP does, and compare.

    Each process gets its share of the same rows and cuts it into as many micro-batches as are accumulated. What is
    named is the factor on the whole gradient; how its direction changes is the question of another probe.

    Raises:
        CannotCheck: one process, nothing to compare with, too few rows, or a factor that none of this explains.
    """
    world, pieces = patient.processes, patient.accumulate
    if world < 2:
        raise CannotCheck("one process (processes=)")
    if patient.window is None and patient.step is None:
        raise CannotCheck("there is no step and no window (step=, window=)")
    view = _rows(patient, world * pieces)
    rows = view.ids.shape[0]
    whole = patient.watch(lambda: patient.mean_loss(view.batch).backward(), quiet=True).gradient
    shares: list[dict[int, Tensor]] = []
    for rank in range(world):
        own = list(range(rank, rows, world))
        parts = [view.rows(own[start::pieces]) for start in range(pieces)]
        seen = patient.watch(lambda parts=parts: add_up(patient, parts), quiet=True)
        if patient.window is None and seen.updates > 1:
            raise CannotCheck(f"the step took {seen.updates} optimiser steps in {pieces} calls: it does not accumulate")
        shares.append(seen.gradient)
    mean = {key: sum(share[key] for share in shares if key in share) / world for key in whole}
    length = sum(float(part.cpu().double().square().sum()) for part in whole.values())
    if not length:
        raise CannotCheck("the gradient of the batch is zero")
    factor = sum(float((whole[key].cpu().double() * mean[key].cpu()).sum()) for key in whole) / length
    return _judge(factor, world, pieces, rows)


def _judge(factor: float, world: int, pieces: int, rows: int) -> Outcome:
    told = (
        f"with {world} processes of {pieces} micro-batch{'es' * (pieces > 1)} each, averaged, the gradient of {rows} "
        f"rows is {factor:.3f} times that of one process"
    )
    causes = {
        1.0: "",
        float(pieces): "accumulation",
        1 / pieces: "accumulation, divided once too often",
        float(world): "the number of processes",
        1 / world: "the number of processes, divided once too often",
        float(world * pieces): "processes times accumulation",
        1 / (world * pieces): "processes times accumulation, divided once too often",
    }
    exact = min(causes, key=lambda value: abs(factor / value - 1))
    if abs(factor / exact - 1) > NEAR:
        raise CannotCheck(f"{told}, which neither accumulation nor the number of processes explains")
    if exact == 1.0:
        return told
    both = world == pieces and exact in (world, 1 / world)
    cause = "accumulation or the number of processes, which are equal here" if both else causes[exact]
    return [
        PROBE.finding(
            ERROR,
            f"{told[0].upper()}{told[1:]}: {exact:.3g}, {cause}.",
            "Sum the labels of all processes and micro-batches, divide the summed loss by that once, and undo the mean "
            "that DDP takes over processes by multiplying with their number; nothing else.",
            factor=factor,
            processes=world,
            pieces=pieces,
        )
    ]


def _rows(patient: Patient, least: int) -> View:
    """The largest batch, or equal ones put together, with rows for every micro-batch of every process."""
    import torch

    views = patient.views
    view = max(views, key=lambda view: view.ids.shape[0])
    if view.ids.shape[0] < least:
        same = [one.batch for one in views if one.ids.shape[1] == view.ids.shape[1]]
        view = view_of(join(same, torch.cat), patient.fields)
    rows = view.ids.shape[0] - view.ids.shape[0] % least
    if rows < least:
        raise CannotCheck(f"{view.ids.shape[0]} rows cannot be dealt to {least} micro-batches")
    return view_of(view.rows(range(rows)), patient.fields)


PROBE = Probe(
    name="processes",
    question="Does the number of processes change the gradient?",
    needs="processes above 1 with step or window; loss, or a model that computes its loss",
    costs="a backward pass over one batch, and one over each process's share",
    proves="by which factor processes and accumulation multiply the gradient",
    page="book/engineering/memory-and-speed#flat-sum",
    examine=examine,
)
