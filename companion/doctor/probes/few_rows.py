"""Can eight rows be learnt by heart?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from companion.doctor.batches import view_of
from companion.doctor.findings import ERROR
from companion.doctor.keeping import seed_everything
from companion.doctor.patient import SEED
from companion.doctor.probe import CannotCheck, Outcome, Probe
from companion.doctor.watch import silence, watching
from companion.errors import ConfigError
from companion.training.resolve import suggest_learning_rate

if TYPE_CHECKING:
    from companion.doctor.batches import View
    from companion.doctor.patient import Patient
    from companion.doctor.watch import Watched

ROWS = 8
PASSES, STRETCH = 200, 20
LARGE = 1_000_000
"""The most passes, and after how many it is asked whether the loss still falls."""
FALLS = 0.97
LEARNT, STUCK = 0.5, 0.8
"""To which share of what label frequencies alone give the loss has to fall, and above which nothing was learnt."""
ALREADY = 0.05
TIMES = 4
"""Eight rows stand a higher learning rate than a training set."""
HIGHEST = 1e-2


class OwnAdamW(torch.optim.AdamW):
    """The probe's own optimiser, which is no part of the patient: other probes must not take its rate for theirs."""


def examine(patient: Patient) -> Outcome:
    """Take the user's own step on the same rows again and again, dropout off, and put everything back.

    Who only learns how frequent each label is gets to the entropy of the labels; by heart is half of that. It goes on
    as long as the loss falls. The rate of every optimiser that steps is set for it, so that neither a warm-up nor a
    careful rate makes the answer; where the step leaves the update to somebody else, an AdamW of the probe's own takes
    it.

    Raises:
        CannotCheck: nothing computes a loss, it is no number or negative, or it fell by half-measures.
    """
    patient.needs_loss()
    view = _few(patient)
    guess = _entropy(view)
    try:
        seed_everything(SEED)
        silence(patient.modules)
        rate = _rate(patient)

        def prepare(optimizer: torch.optim.Optimizer) -> None:
            if isinstance(optimizer, OwnAdamW):
                return
            patient.meet(optimizer)
            for group in optimizer.param_groups:
                group["lr"] = torch.full_like(group["lr"], rate) if isinstance(group["lr"], torch.Tensor) else rate

        with watching(patient.modules, before_update=prepare) as seen:
            _learn(patient, view.batch, rate, guess, seen)
    finally:
        patient.keeper.restore()
    return _judge(seen.losses, guess, view.ids.shape[0], _limits(patient)[1])


def _learn(patient: Patient, batch: object, rate: float, guess: float, seen: Watched) -> None:
    """Updates until the rows are learnt, or all are used up."""
    own: torch.optim.Optimizer | None = None
    pieces, taken = patient.accumulate if patient.step is not None else 1, 0
    most, stretch = _limits(patient)
    for call in range(1, most + 1):
        if (
            seen.updates > taken or own is not None or call == 1
        ):  # whether a loop clears them is another probe's question
            taken = seen.updates
            for parameter in patient.parameters:
                parameter.grad = None
        before = len(seen.losses)
        value = patient.step(batch) if patient.step is not None else patient.mean_loss(batch)
        value = value.get("loss") if isinstance(value, dict) else value
        if len(seen.losses) == before and isinstance(value, torch.Tensor) and value.requires_grad:
            value.backward()
        if not seen.losses:
            raise CannotCheck("the step neither went backward nor gave a loss back")
        if seen.losses[-1] <= LEARNT * min(seen.losses[0], guess) or _stands(seen.losses, stretch):
            return
        if call >= pieces and (own is not None or not seen.updates):
            trained = [parameter for parameter in patient.parameters if parameter.requires_grad]
            own = own or OwnAdamW(trained, lr=rate, weight_decay=0.0)
            own.step()


def _limits(patient: Patient) -> tuple[int, int]:
    """The most passes and the stretch: few for a model with many numbers, where each pass takes long."""
    large = sum(parameter.numel() for parameter in patient.parameters) > LARGE
    return (PASSES // 5, STRETCH // 2) if large else (PASSES, STRETCH)


def _stands(losses: list[float], stretch: int) -> bool:
    """Whether the last stretch brought the loss no further down than the one before it."""
    done = len(losses)
    return done >= 2 * stretch and done % stretch == 0 and min(losses[-stretch:]) > FALLS * min(losses[:-stretch])


def _judge(losses: list[float], guess: float, rows: int, stretch: int) -> Outcome:
    first, lowest = losses[0], min(losses)
    bar = min(first, guess)
    if not all(map(math.isfinite, losses)):
        raise CannotCheck("the loss became no number on the way")
    if first < 0:
        raise CannotCheck(f"the loss is negative ({first:.3f}), and what it can reach is not known")
    told = f"on the same {rows} rows the loss went from {first:.3f} to {lowest:.3f} in {len(losses)} passes"
    told += f" (label frequencies alone give {guess:.3f})" if math.isfinite(guess) else ""
    if first <= ALREADY:
        return f"the loss of {rows} rows is {first:.3f} as it is"
    if lowest <= LEARNT * bar:
        return told
    if lowest < STUCK * bar or not _stands(losses, stretch):
        raise CannotCheck(f"{told}: too slow to say")
    return [
        PROBE.finding(
            ERROR,
            f"{rows} rows cannot be learnt by heart: {told}, dropout off, at a learning rate that suits so few.",
            "Something stands between labels and weights: a wrong pairing, labels that change from pass to pass, a "
            "detached loss, frozen parts, or an optimiser of other weights.",
            first=first,
            lowest=lowest,
            passes=len(losses),
        )
    ]


def _entropy(view: View) -> float:
    """What the loss is for one who knows how frequent each label is, and nothing else; infinite where it is 0."""
    if view.kind == "none" or view.labels.is_floating_point():
        return math.inf
    _, counts = view.labels[view.scored()].unique(return_counts=True)
    shares = counts.cpu().double() / counts.sum().cpu()
    entropy = float(-(shares * shares.log()).sum()) if len(counts) else 0.0
    return entropy if entropy > ALREADY else math.inf


def _few(patient: Patient) -> View:
    view = patient.views[0]
    whole = view.ids.shape[0] <= ROWS or not view.is_all_tensors
    return view if whole else view_of(view.rows(range(ROWS)), patient.fields)


def _rate(patient: Patient) -> float:
    """A rate for a few rows: some times what is usual for the largest module."""
    if not patient.modules:
        return HIGHEST / 10
    largest = max(patient.modules, key=lambda module: sum(p.numel() for p in module.parameters()))
    try:
        return min(TIMES * suggest_learning_rate(largest)[0], HIGHEST)
    except ConfigError:  # nothing of it is trainable; the probe of what trains says so
        return HIGHEST / 10


PROBE = Probe(
    name="a few rows by heart",
    question="Can eight rows be learnt by heart?",
    needs="step or loss, and loader",
    costs=f"mostly about twenty updates on {ROWS} rows, {PASSES} at most, undone",
    proves="that labels, loss, gradient and update hang together",
    page="book/walkthroughs/the-production-training-loop#mystery",
    examine=examine,
)
