"""Are losses that are no numbers hidden?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from companion.doctor.findings import ERROR, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe

if TYPE_CHECKING:
    from companion.doctor.patient import Patient
    from companion.doctor.watch import Watched

MOST_BATCHES = 8


def examine(patient: Patient) -> Outcome:
    """Compute the loss of some batches, then spoil every weight and see whether the step says anything.

    It says something when it raises, or when what it sends backward or gives back is no number either. A step that
    skips such a batch, or puts a number in its place, hides it.

    Raises:
        CannotCheck: nothing computes a loss, or spoilt weights do not spoil what the model gives out.
    """
    patient.needs_loss()
    bad = [place for place, batch in enumerate(patient.batches[:MOST_BATCHES]) if _is_spoilt(patient, batch)]
    looked = min(len(patient.batches), MOST_BATCHES)
    hidden = _hidden(patient)
    numbers = {"batches": looked, "not_finite": len(bad)}
    if bad:
        after = f" {hidden}" if hidden else ""
        return [
            PROBE.finding(
                ERROR,
                f"{len(bad)} of {looked} batches give a loss or logits that are no numbers (the first is batch "
                f"{bad[0]}).{after}",
                "Look at that batch: rows without a single label divide by zero. Stop where a loss is no number, and "
                "name the rows.",
                **numbers,
            )
        ]
    if hidden:
        return [
            PROBE.finding(
                WARNING,
                f"{hidden} All {looked} batches looked at give numbers today; the day one does not, nobody will know.",
                "Stop where a loss is no number, and name the rows; or at least count what is left out, and report it.",
                **numbers,
            )
        ]
    return f"the losses of {looked} batches are numbers, and one that is none does not pass unseen"


def _hidden(patient: Patient) -> str:
    """How a loss that is no number is hidden, in a sentence; nothing where it is not."""
    batch = patient.small.batch

    def spoilt() -> object:
        with torch.no_grad():
            for parameter in patient.parameters:
                if parameter.is_floating_point():
                    parameter.fill_(math.nan)
        return patient.step(batch) if patient.step is not None else patient.mean_loss(batch)

    try:
        seen = patient.watch(spoilt)
    except CannotCheck:
        raise
    except Exception:  # whatever a loop raises is said, and not hidden
        return ""
    if seen.logits and all(bool(logits.isfinite().all()) for logits in seen.logits):
        raise CannotCheck("weights that are no numbers do not reach the logits")
    values = seen.losses or [value for value in (_number(seen.returned),) if value is not None]
    if any(not math.isfinite(value) for value in values):
        return ""
    if seen.losses or isinstance(seen.returned, Tensor):
        return f"With every weight spoilt, the loss is said to be {values[0]:.3g}: what is no number is replaced."
    return "With every weight spoilt, the step leaves the batch out and says nothing: it goes on to the next."


def _is_spoilt(patient: Patient, batch: object) -> bool:
    seen: Watched = patient.run(batch, quiet=True, forward_only=True)
    returned = _number(seen.returned)
    values = [*seen.losses, *([] if returned is None else [returned])]
    return any(not math.isfinite(value) for value in values) or any(
        bool(logits.isnan().any()) for logits in seen.logits if logits.is_floating_point()
    )


def _number(value: object) -> float | None:
    """The loss in what a step gives back, if it is one."""
    value = value.get("loss") if isinstance(value, dict) else value
    if isinstance(value, Tensor):
        return float(value.detach()) if value.numel() == 1 else None
    return float(value) if isinstance(value, int | float) else None


PROBE = Probe(
    name="losses that are no numbers",
    question="Is a loss that is no number hidden?",
    needs="step or loss, and loader",
    costs="a forward pass over up to eight batches, and one step with spoilt weights, undone",
    proves="that batches give numbers, and that the step says so when one does not",
    page="book/walkthroughs/the-production-training-loop#nan",
    examine=examine,
)
