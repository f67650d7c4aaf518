"""Does a regulariser help on few labels? Dropout, weight decay, early stopping, label smoothing; and labels gone wrong.

Each arm changes one thing of the plain one (dropout 0.1, weight decay 0.01, the last weights, labels as they are), on
the same rows in the same order: differences are paired by seed. "flipped-20" and "flipped-40" learn from labels of
which that share is wrong, plain and with what is said to help against it. Early stopping looks at a hundred rows of dev
ten times a run: it has labels that the other arms have not.

Taught in: book/constraints/over-fitting
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from companion.experiments.few_labels import (
    Setting,
    draw,
    facts,
    few,
    fit,
    flip,
    harder,
    held_out,
    planned,
    score,
    size_of,
)
from companion.experiments.records import Cell, run_cells

NAME = "few-labels-regularisers"
ARMS: Mapping[str, Setting] = {
    "plain": Setting(),
    "dropout-0": Setting(dropout=0.0),
    "dropout-0.3": Setting(dropout=0.3),
    "decay-0": Setting(weight_decay=0.0),
    "decay-0.1": Setting(weight_decay=0.1),
    "early-stopping": Setting(early=True),
    "smoothing-0.1": Setting(smoothing=0.1),
    "flipped-20": Setting(),
    "flipped-40": Setting(),
    "flipped-40-early-stopping": Setting(early=True),
    "flipped-40-smoothing-0.1": Setting(smoothing=0.1),
}


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one arm, 8 sentences of Newsroom, two updates."""
    full = profile == "full"
    cells = plan() if full else few(("flipped-40-early-stopping",))
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile, seed by seed."""
    return planned(tuple(ARMS))


def measure(*, corpus: str, arm: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One arm on one draw, scored on test; the plain arm made harder as well, for the experiments that need it."""
    updates, most = size_of(labels, full)
    rows = flip(corpus, draw(corpus, labels, seed), flipped(arm), seed)
    tried = fit(corpus, rows, updates=updates, seed=seed, setting=ARMS[arm])
    judge = harder if arm == "plain" else score
    return {**judge(tried.run.model, tried.task, held_out(corpus, "test", most)), **facts(tried, rows)}


def flipped(arm: str) -> float:
    """The share of wrong labels that an arm's name tells."""
    return int(arm.split("-")[1]) / 100 if arm.startswith("flipped") else 0.0
