"""Does adversarial training help, and against what? FGM and PGD on the word vectors, against plain and longer training.

All arms have the same number of updates but "longer", which has twice as many: FGM costs a little more than two plain
updates, PGD with three steps about twice as much as FGM, and "longer" says what that time buys without an attack. Test
is scored as it is and under typing errors, small letters, capitals, and attacks on the word vectors of two radii; the
offline encoder reads no capitals. The plain arm is that of `few-labels-regularisers`.

Taught in: book/constraints/augmentation-and-ensembles
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from companion.experiments.few_labels import RADII, Setting, draw, facts, few, fit, harder, held_out, planned, size_of
from companion.experiments.records import Cell, run_cells
from companion.objectives.adversarial import FGM, PGD

NAME = "adversarial-arms"
EPSILON = max(RADII)
"""How far training moves the word vectors of a sentence, and the larger of the two attacks on test."""
ARMS: Mapping[str, Callable[..., Any] | None] = {
    "fgm": partial(FGM, epsilon=EPSILON),
    "pgd": partial(PGD, epsilon=EPSILON),
    "longer": None,
}


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one arm, 8 sentences of Newsroom, two updates."""
    full = profile == "full"
    cells = plan() if full else few(("fgm",))
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile, seed by seed."""
    return planned(tuple(ARMS))


def measure(*, corpus: str, arm: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One arm on one draw, scored on test as it is and made harder."""
    updates, most = size_of(labels, full)
    rows, wrap = draw(corpus, labels, seed), ARMS[arm]
    setting = Setting(longer=2 if wrap is None else 1)
    options = {} if wrap is None else {"wrap": wrap}
    tried = fit(corpus, rows, updates=updates, seed=seed, setting=setting, **options)
    return {**harder(tried.run.model, tried.task, held_out(corpus, "test", most)), **facts(tried, rows)}
