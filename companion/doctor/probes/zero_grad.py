"""Does the gradient grow over identical steps?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR
from companion.doctor.probe import CannotCheck, Outcome, Probe, need

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

UPDATES = 4
LEFT = 0.01


def examine(patient: Patient) -> Outcome:
    """Take the same step four times, weights put back in between, and look what lies in the gradients beforehand.

    Raises:
        CannotCheck: there is no step, or it takes no update.
    """
    need(patient.step, "no step was given (step=)")
    batch = patient.small.batch
    left, fresh, calls, updates = [], [], 0, 0
    begins, started = True, False
    try:
        while updates < UPDATES:
            seen = patient.run(batch, keep_gradients=True)
            calls += 1
            if not seen.before:
                raise CannotCheck("the step does not go backward")
            if begins and started:
                left.append(seen.before[0])
                fresh.append(seen.fresh[0])
            begins = seen.updates > 0
            started = started or begins
            updates += seen.updates
            if calls >= UPDATES * max(patient.accumulate, 2) and not updates:
                raise CannotCheck(
                    f"the step took no optimiser step in {calls} calls: somebody else takes it, as in a Trainer, "
                    "or more rarely (accumulate=)"
                )
    finally:
        patient.keeper.restore()
    if not any(fresh):
        raise CannotCheck("no gradient reaches a parameter that was given or found")
    # What lies there is compared with one step's own gradient, which is the same every time.
    own = max(fresh)
    sizes = [old / own for old in left]
    shown = ", ".join(f"{size:.2f}" for size in sizes)
    if max(sizes) <= LEFT:
        return f"before each of {updates} identical steps the gradient was empty"
    return [
        PROBE.finding(
            ERROR,
            f"Gradients are not cleared: before identical steps 2 to {len(sizes) + 1} the parameters still held "
            f"{shown} times the gradient that one step adds.",
            "Call optimizer.zero_grad(set_to_none=True) once for every update.",
            left=max(sizes),
            steps=updates,
        )
    ]


PROBE = Probe(
    name="gradient cleared",
    question="Does the gradient grow over identical steps?",
    needs="step (with its optimiser in reach) and loader",
    costs="four updates, undone",
    proves="that a step starts, or does not, from what the step before it left",
    page="book/walkthroughs/the-production-training-loop#invariants",
    examine=examine,
)
