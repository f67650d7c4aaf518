"""Which learning rate each method wants: one grid for all, one seed, 200 labels, judged on dev.

Every method of `constrained-methods` on every corpus with five learning rates; the best on dev is what
`constrained-methods` uses.

Taught in: book/constraints/lora
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from companion.experiments.constrained_systems import (
    CORPORA,
    METHODS,
    MORE_METHODS,
    draw,
    facts,
    fit,
    held_out,
    score,
)
from companion.experiments.records import Cell, load_record, run_cells

NAME = "constrained-rates"
RATES = (2e-4, 5e-4, 2e-3, 5e-3, 2e-2)
LABELS, UPDATES, SEED = 200, 160, 0
MOST_DEV = 300


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one method on Newsroom, two updates, 20 sentences."""
    full = profile == "full"
    cells = [
        {"corpus": corpus, "method": method, "rate": rate}
        for corpus in (CORPORA if full else CORPORA[:1])
        for method in ((*METHODS, *MORE_METHODS) if full else ("lora",))
        for rate in (RATES if full else RATES[2:3])
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, corpus: str, method: str, rate: float, full: bool) -> dict[str, Any]:
    """One method with one rate, scored on dev."""
    labels, updates, most = (LABELS, UPDATES, MOST_DEV) if full else (20, 2, 20)
    tried = fit(corpus, method, draw(corpus, labels, SEED), rate=rate, updates=updates, seed=SEED)
    return {**score(tried.run.model, tried.task, held_out(corpus, "dev", most)), **facts(tried)}


@cache
def best_rate(corpus: str, method: str, root: Path | None = None) -> float:
    """The learning rate of the highest score on dev; the smaller one of two that are equal.

    Raises:
        RecordError: the grid of this method and corpus is not complete.

    Taught in: book/constraints/lora
    """
    from companion.errors import RecordError

    cells = [
        cell
        for cell in load_record(NAME, root)
        if cell.factors["corpus"] == corpus and cell.factors["method"] == method
    ]
    if len(cells) < len(RATES):
        raise RecordError(
            f"{len(cells)} of {len(RATES)} learning rates are measured for {method} on {corpus}",
            remedy=f"companion experiments {NAME} --cell {corpus}-{method}",
        )
    return max(cells, key=lambda cell: (cell.result["score"], -cell.factors["rate"])).factors["rate"]
