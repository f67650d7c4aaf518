"""Task-adaptive training: a tagger's own few sentences read as text first, against as much work on their labels.

Two domains of CrossNER, artificial intelligence (100 labelled sentences) and politics (200), five seeds. "adapted"
reads the sentences of train, masked, then learns from their labels; "plain-equal" only learns from the labels, for as
many word pieces; "plain" is the labelled half of "adapted" alone. No text comes from anywhere else, and none from dev
or test; a hundred sentences of dev judge how well the language is known. Test is scored once a cell.

Follows: Gururangan et al. (2020), section 4, there with RoBERTa and a hundred epochs of text.

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from companion.experiments.adaptive_arms import ADAPTED, EQUAL, PLAIN, measure_arm
from companion.experiments.records import Cell, run_cells

NAME = "task-adaptive"
CORPORA = ("crossner-ai", "crossner-politics")
UPDATES = 240
"""Labelled updates of four sentences."""
TEXT_EPOCHS = {"crossner-ai": 7, "crossner-politics": 3}
"""How often the sentences are read as text, three an update: 720 sentences in either domain."""
JUDGED = 100
SEEDS = (0, 1, 2, 3, 4)


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has Newsroom's first twelve sentences and two updates."""
    full = profile == "full"
    few = [{"corpus": "newsroom", "arm": arm, "seed": 0} for arm in (ADAPTED, EQUAL, PLAIN)]
    command = f"companion experiments {NAME} --profile {profile}"
    cells = plan() if full else few
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile: the comparison seed by seed, then the arm that has less work."""
    pairs = [(seed, corpus, arm) for seed in SEEDS for corpus in CORPORA for arm in (ADAPTED, EQUAL)]
    pairs += [(seed, corpus, PLAIN) for seed in SEEDS for corpus in CORPORA]
    return [{"corpus": corpus, "arm": arm, "seed": seed} for seed, corpus, arm in pairs]


def measure(*, corpus: str, arm: str, seed: int, full: bool) -> dict[str, Any]:
    """One arm on one domain, scored on test."""
    from companion.corpora.catalog import load_corpus
    from companion.models.encoder import load_encoder

    read = load_corpus(corpus)
    train, dev, test = (part if full else part[:12] for part in (read.train, read.dev, read.test))
    return measure_arm(
        arm,
        read,
        load_encoder(),
        rows=train,
        texts=train,
        judged=dev[:JUDGED],
        test=test,
        updates=UPDATES if full else 2,
        text_epochs=TEXT_EPOCHS[corpus] if full else 2,
        seed=seed,
    )
