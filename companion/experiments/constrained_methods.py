"""Ways to fine-tune on equal terms: full, top-2, head, BitFit, adapter, LoRA, prefix from 50, 200, 800 and all labels.

Newsroom and WNUT-17 (entity F1) and BANKING77 (accuracy), five draws of labels, the same rows and the same number of
updates for every method, its learning rate from `constrained-rates`. AdaLoRA and prompt tuning at 200 labels, all
labels for full fine-tuning, LoRA and BitFit. Test is scored once a cell.

Taught in: book/constraints/lora
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.experiments.constrained_rates import RATES, best_rate
from companion.experiments.constrained_systems import (
    CORPORA,
    METHODS,
    MORE_METHODS,
    MOST_TEST,
    draw,
    facts,
    fit,
    held_out,
    score,
)
from companion.experiments.records import Cell, run_cells

NAME = "constrained-methods"
UPDATES = {50: 100, 200: 160, 800: 240}
"""Labels and updates of eight rows."""
MIDDLE, ALL_UPDATES = 200, 400
EVERYTHING = {"newsroom": 1329, "wnut17": 3394, "banking77": 9003}
"""All labels of each corpus, so that the cells can be named without reading them."""
ALL_METHODS = ("full", "lora", "bitfit")
SEEDS = (0, 1, 2, 3, 4)


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is two methods, 20 sentences of Newsroom, two updates."""
    full = profile == "full"
    few = [{"corpus": CORPORA[0], "method": method, "labels": 20, "seed": 0} for method in METHODS[:2]]
    cells = plan() if full else few
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile, seed by seed, so that what is cut off has complete tables of fewer seeds."""
    cells: list[dict[str, str | int]] = []
    for seed in SEEDS:
        for corpus in CORPORA:
            sizes = [(method, labels) for labels in UPDATES for method in METHODS]
            sizes += [(method, MIDDLE) for method in MORE_METHODS]
            sizes += [(method, EVERYTHING[corpus]) for method in ALL_METHODS]
            cells += [{"corpus": corpus, "method": method, "labels": labels, "seed": seed} for method, labels in sizes]
    return cells


def measure(*, corpus: str, method: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One method on one draw, scored on test."""
    updates = UPDATES.get(labels, ALL_UPDATES) if full else 2
    rate = best_rate(corpus, method) if full else RATES[2]
    tried = fit(corpus, method, draw(corpus, labels, seed), rate=rate, updates=updates, seed=seed)
    return {**score(tried.run.model, tried.task, held_out(corpus, "test", MOST_TEST if full else 20)), **facts(tried)}
