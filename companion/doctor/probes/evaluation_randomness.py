"""Does evaluation change the randomness of training?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import WARNING
from companion.doctor.keeping import random_state, seed_everything
from companion.doctor.probe import Outcome, Probe, need

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

LOADERS = 16
"""Loaders that an evaluation may walk through without more being told."""
SEEDS = (7_340_033, 51_380_225)
GENERATORS = ("python", "numpy", "torch", "cuda")


def examine(patient: Patient) -> Outcome:
    """Run the evaluation from two different random states and compare the states before and after.

    A `DataLoader` draws one number whenever it is walked through; that alone is told, but it is no finding.

    Raises:
        CannotCheck: there is no evaluation.
    """
    need(patient.evaluate, "no evaluation was given (evaluate=)")
    ends = []
    for seed in SEEDS:
        try:
            seed_everything(seed)
            before = random_state()
            patient.evaluate(patient.model)
            ends.append((before, random_state()))
        finally:
            patient.keeper.restore()
    there = [name for name in GENERATORS if name in ends[0][0]]
    moved = [name for name in there if any(not _same(before[name], after[name]) for before, after in ends)]
    reset = [name for name in moved if _same(ends[0][1][name], ends[1][1][name])]
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
    if moved == ["torch"] and (draws := _loader_draws(ends[0])):
        return f"only {draws} number(s) were drawn, as a DataLoader does when it is walked through"
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


def _loader_draws(states: tuple[dict[str, object], dict[str, object]]) -> int:
    """How many numbers of the kind a DataLoader draws lead from one state to the other; 0 for none or too many."""
    import torch

    generator = torch.Generator()
    generator.set_state(states[0]["torch"])
    for draw in range(1, LOADERS + 1):
        torch.empty((), dtype=torch.int64).random_(generator=generator)
        if torch.equal(generator.get_state(), states[1]["torch"]):
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
    costs="two evaluations, undone",
    proves="whether the random generators stand where they stood",
    page="book/walkthroughs/the-production-training-loop#undisturbed",
    examine=examine,
)
