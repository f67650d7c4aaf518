"""What the default recipe gives on public text: five seeds, the test set opened once each.

Taught in: book/walkthroughs/train-a-tagger
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.experiments.records import Cell, run_cells

NAME = "default-recipe"
CORPUS = "wnut17"
SEEDS = (0, 1, 2, 3, 4)


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: the full profile on WNUT-17, the fast one 20 updates on Newsroom."""
    full = profile == "full"
    corpus, seeds = (CORPUS, SEEDS) if full else ("newsroom", SEEDS[:1])
    cells = [{"corpus": corpus, "seed": seed} for seed in seeds]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, corpus: str, seed: int, full: bool) -> dict[str, Any]:
    """Train with default settings and score the best weights on the test split, strictly."""
    from companion.recipes.supervised import fine_tune
    from companion.training.config import TrainConfig

    tuned = fine_tune(corpus, TrainConfig(seed=seed, max_updates=None if full else 20), say=lambda line: None)
    report = tuned.evaluate("test")
    return {
        **report.to_dict(),
        "dev_entity_f1": tuned.run.best_value,
        "dev_by_step": {str(row["step"]): row["entity_f1"] for row in tuned.run.evaluations},
        "steps": tuned.run.steps,
        "best_step": tuned.run.best_step,
        "precision_of_arithmetic": tuned.run.config.precision,
        "learning_rate": tuned.run.config.learning_rate,
    }
