"""One long run's dev curve, evaluated every quarter of an epoch: what early stopping sees when dev is small.

Newsroom sentiment from few labels: the offline encoder, every weight trained at a constant rate, long after it could
have stopped. Which dev sentences were right is kept bit by bit, and how many test sentences were.

Taught in: book/walkthroughs/honest-experiments
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from companion.experiments.records import Cell, run_cells
from companion.experiments.search_table import from_hex, to_hex, trained

NAME = "stopping-noise"
SEEDS = (0, 1, 2, 3)
LABELS, EPOCHS, BATCH, PARTS = 192, 8, 16, 4
RATE = 1e-4


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every seed without a record; the fast profile has 32 labels, one epoch and 20 sentences a split."""
    full = profile == "full"
    command = f"companion experiments {NAME} --profile {profile}"
    cells = [{"seed": seed} for seed in (SEEDS if full else SEEDS[:1])]
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, seed: int, full: bool) -> dict[str, Any]:
    """One run: at each evaluation, the update, which dev sentences were right, and how many test sentences."""
    from companion.training.config import TrainConfig

    labels = LABELS if full else 2 * BATCH
    every = max(1, labels // BATCH // PARTS)
    config = TrainConfig(
        epochs=EPOCHS if full else 1,
        learning_rate=RATE,
        schedule="constant",
        evaluate_every=every,
        seed=seed,
        precision="fp32",
        device="cpu",
        progress=False,
    )
    answers, updates = trained(config, BATCH, labels=labels, rows=None if full else 20)
    return {
        "update": [min(every * (place + 1), updates) for place in range(len(answers))],
        "dev": [to_hex(dev) for dev, _ in answers],
        "test_right": [sum(test) for _, test in answers],
        "dev_rows": len(answers[0][0]),
        "test_rows": len(answers[0][1]),
    }


def curves(cell: Cell, dev_rows: Sequence[int] | None = None) -> tuple[list[float], list[float]]:
    """Dev and test accuracy at each evaluation; with `dev_rows`, dev accuracy on these sentences alone.

    Taught in: book/walkthroughs/honest-experiments
    """
    rows = range(cell.result["dev_rows"]) if dev_rows is None else dev_rows
    dev = [from_hex(text, cell.result["dev_rows"]) for text in cell.result["dev"]]
    seen = [sum(right[row] for row in rows) / len(rows) for right in dev]
    return seen, [right / cell.result["test_rows"] for right in cell.result["test_right"]]
