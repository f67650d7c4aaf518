"""Is dropout on in training and off in evaluation?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR, WARNING, Finding
from companion.doctor.probe import CannotCheck, Outcome, Probe

if TYPE_CHECKING:
    from companion.doctor.patient import Patient
    from companion.doctor.watch import Watched


def examine(patient: Patient) -> Outcome:
    """Run one step and one evaluation, and ask every dropout layer that works whether it is switched on.

    Raises:
        CannotCheck: there is neither a step nor an evaluation, or the model has no dropout.
    """
    if patient.step is None and patient.evaluate is None:
        raise CannotCheck("neither a step nor an evaluation was given (step=, evaluate=)")
    findings: list[Finding] = []
    told = []
    if patient.step is not None:
        seen = patient.run(patient.small.batch, forward_only=True)
        layers = seen.dropout_on + seen.dropout_off
        if layers and not seen.dropout_on:
            findings.append(
                PROBE.finding(
                    WARNING,
                    f"All {layers} passes through dropout layers in your training step were switched off: the model "
                    "is in evaluation mode.",
                    "Call model.train() before training; from_pretrained returns a model in evaluation mode. If your "
                    "loop calls it before the step, call it before the doctor as well.",
                    off=layers,
                )
            )
        elif off := _asleep(patient, seen):
            findings.append(
                PROBE.finding(
                    WARNING,
                    f"{off} of {off + len(seen.awake)} dropout layers were switched off in your training step, the "
                    "others on: a part of the model that trains is in evaluation mode.",
                    "Call model.train() on the whole model before training; from_pretrained returns its part in "
                    "evaluation mode. If your loop calls it before the step, call it before the doctor as well.",
                    off=off,
                )
            )
        elif layers:
            told.append(f"on in {seen.dropout_on} of {layers} passes of a training step")
    if patient.evaluate is not None:
        seen, _, _ = patient.evaluated
        if seen.dropout_on:
            findings.append(
                PROBE.finding(
                    ERROR,
                    f"{seen.dropout_on:,} of {seen.dropout_on + seen.dropout_off:,} passes through dropout layers in "
                    "your evaluation were switched on: the score is that of a damaged model, and another every time.",
                    "Call model.eval() before evaluating, and model.train() afterwards.",
                    on=seen.dropout_on,
                )
            )
        elif seen.dropout_off:
            told.append(f"off in {seen.dropout_off:,} passes of an evaluation")
    if not findings and not told:
        raise CannotCheck("no dropout layer with a rate above 0 was passed")
    return findings or "dropout " + ", ".join(told)


def _asleep(patient: Patient, seen: Watched) -> int:
    """How many of the model's own dropout layers slept through the step, where most of both slept and most trains.

    Another model that the step asks, a teacher say, sleeps rightly, and so does a body that is frozen.
    """
    if patient.model is None:
        return 0
    own = {id(module) for module in patient.model.modules()}
    asleep, awake = (seen.asleep - seen.awake) & own, seen.awake & own
    size = sum(p.numel() for p in patient.model.parameters())
    trained = sum(p.numel() for p in patient.model.parameters() if p.requires_grad)
    return len(asleep) if len(asleep) > len(awake) and trained > 0.5 * size else 0


PROBE = Probe(
    name="dropout",
    question="Is dropout on in training and off in evaluation?",
    needs="step or evaluate, and a model with dropout",
    costs="one forward pass and one evaluation",
    proves="in which mode the layers ran",
    page="book/walkthroughs/the-production-training-loop#alarms-read",
    examine=examine,
)
