"""Does evaluation change the randomness of training?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import WARNING
from companion.doctor.probe import Outcome, Probe, plural

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.patient import Patient

LOADERS = 16
"""Loaders that an evaluation may walk through without more being told."""
OTHER_SEED = 51_380_225
GENERATORS = ("python", "numpy", "torch", "cuda")


def examine(patient: Patient) -> Outcome:
    """Compare the random states before and after an evaluation; if they moved, run it again from another state.

    A `DataLoader` draws one number whenever it is walked through; that alone is told, but it is no finding.

    Raises:
        CannotCheck: there is no evaluation.
    """
    _, before, after = patient.evaluated
    moved = [name for name in GENERATORS if name in before and not _same(before[name], after[name])]
    if moved == ["torch"] and (draws := _loader_draws(before["torch"], after["torch"])):
        return f"only {plural(draws, 'number')} drawn, as a DataLoader does when it is walked through"
    _, second, end = (None, before, after) if not moved else patient.evaluate_from(OTHER_SEED)
    reset = [name for name in moved if _same(after[name], end[name]) and not _same(second[name], before[name])]
    if reset:
        return [
            PROBE.finding(
                WARNING,
                f"Your evaluation sets the seed ({', '.join(reset)}): whatever came before, training goes on from the "
                "same random numbers after every evaluation, with the same dropout and the same order again.",
                "Keep seeds out of the evaluation, or wrap it in torch.random.fork_rng().",
                generators=len(reset),
            )
        ]
    if moved:
        return [
            PROBE.finding(
                WARNING,
                f"Your evaluation draws random numbers ({', '.join(moved)}): with it, training sees other dropout and "
                "another order than without it.",
                "Evaluate with model.eval(), or wrap the evaluation in torch.random.fork_rng().",
                generators=len(moved),
            )
        ]
    return "the random states are the same before and after an evaluation"


def _loader_draws(start: Tensor, end: Tensor) -> int:
    """How many numbers of the kind a DataLoader draws lead from one state to the other; 0 for none or too many."""
    import torch

    generator = torch.Generator()
    generator.set_state(start)
    for draw in range(1, LOADERS + 1):
        torch.empty((), dtype=torch.int64).random_(generator=generator)
        if torch.equal(generator.get_state(), end):
            return draw
    return 0


def _same(one: object, other: object) -> bool:
    import numpy as np
    import torch

    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, list):
        return all(map(torch.equal, one, other))
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


PROBE = Probe(
    name="evaluation and randomness",
    question="Does evaluation change the randomness of training?",
    needs="evaluate",
    costs="one evaluation, which the dropout probe shares; two where it draws",
    proves="whether the random generators stand where they stood",
    page="book/walkthroughs/the-production-training-loop#undisturbed",
    examine=examine,
)
