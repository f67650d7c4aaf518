"""Is the saved model the one in memory?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR
from companion.doctor.probe import CannotCheck, Outcome, Probe, need
from companion.doctor.weights import own_weights, saved_weights

if TYPE_CHECKING:
    from torch import nn

    from companion.doctor.patient import Patient


def examine(patient: Patient) -> Outcome:
    """Compare every saved tensor with the one of its name in memory, in the precision in which it was saved.

    Raises:
        CannotCheck: model or folder is missing, the weights are no safetensors, or they are a merged model's.
    """
    need(patient.folder, "no folder of a saved model was given (folder=)")
    need(patient.model, "no model was given to compare the folder with")
    saved = saved_weights(patient.folder)
    own = own_weights(patient.model, saved)
    shared = sorted(set(saved) & set(own))
    if len(shared) < 0.5 * len(saved):
        raise CannotCheck(f"only {len(shared)} of {len(saved)} saved tensors have a name that the model has")
    differing, largest, first = 0, 0.0, ""
    for name in shared:
        stored, mine = saved[name], own[name].detach().cpu()
        if stored.shape != mine.shape:
            differing, first = differing + 1, first or name
            continue
        gap = float((stored.float() - mine.to(stored.dtype).float()).abs().max()) if stored.numel() else 0.0
        if gap > 0:
            differing, largest, first = differing + 1, max(largest, gap), first or name
    absent = _absent(patient.model, {own[name].data_ptr() for name in saved if name in own})
    if not differing and not absent:
        return f"all {len(shared)} saved tensors equal those in memory"
    parts = [f"{differing} of {len(shared)} saved tensors differ, by up to {largest:.2g} (first: {first})"]
    parts = parts if differing else []
    parts += [f"{len(absent)} trainable tensors are not in the folder (first: {absent[0]})"] if absent else []
    return [
        PROBE.finding(
            ERROR,
            f"The folder does not hold the model in memory: {'; '.join(parts)}.",
            "Save again after training, from the model that was evaluated; with peft, save the head as well.",
            differ=differing,
            absent=len(absent),
        )
    ]


def _absent(model: nn.Module, there: set[int]) -> list[str]:
    """Trainable tensors that were not saved; tied ones are saved under one name and found by where they lie."""
    return [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.data_ptr() not in there
    ]


PROBE = Probe(
    name="saved model",
    question="Is the saved model the one in memory?",
    needs="model and folder",
    costs="reads the weights once",
    proves="that saved and present weights are equal, or which are not",
    page="book/walkthroughs/the-production-training-loop#holds",
    examine=examine,
)
