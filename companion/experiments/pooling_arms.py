"""What the head reads: [CLS] against the mean of the pieces, with the encoder frozen and with every weight trained.

Newsroom sentiment and Financial PhraseBank. Frozen, logistic regression reads the encoder's output at the first piece
or the mean over all pieces, from 100, 400 and all labels; five draws of labels, the same for both. Fine-tuned, the head
of `TextTask` reads the one or the other with default settings, five seeds, the best epoch chosen on dev. On Financial
PhraseBank the mean is what `public-texts` measured, and is read from there.

Taught in: book/walkthroughs/sentiment
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments import public_texts
from companion.experiments.records import Cell, load_record, run_cells
from companion.experiments.sentiment_learning_curve import stratified_draw
from companion.experiments.text_systems import compact_scores, frozen, tuned

if TYPE_CHECKING:
    from companion.corpora.texts import TextCorpus

NAME = "pooling-arms"
CORPORA = ("newsroom-sentiment", "financial-phrasebank")
POOLINGS = ("cls", "mean")
SIZES = (100, 400)
"""And all labels, of which there is only one draw."""
SEEDS = (0, 1, 2, 3, 4)
STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Of the logistic regression, the best on dev for each arm and draw."""
FEW = 60
"""Texts of each split in the fast profile."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is Newsroom, 60 texts of a split, one draw, two updates."""
    full = profile == "full"
    corpora, seeds = (CORPORA, SEEDS) if full else (CORPORA[:1], SEEDS[:1])
    everything = {corpus: len(_corpus(corpus, full=full).train) for corpus in corpora}
    cells: list[dict[str, str | int]] = [
        {"corpus": corpus, "system": "frozen", "pooling": pooling, "labels": labels, "seed": seed}
        for corpus in corpora
        for labels, draws in (*((size, seeds) for size in (SIZES if full else ())), (everything[corpus], seeds[:1]))
        for seed in draws
        for pooling in POOLINGS
    ]
    cells += [
        {"corpus": corpus, "system": "encoder", "pooling": pooling, "labels": everything[corpus], "seed": seed}
        for seed in seeds
        for corpus in corpora
        for pooling in POOLINGS
        if (corpus, pooling) != (CORPORA[1], "mean")
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, corpus: str, system: str, pooling: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One system with one pooling on one draw of labels."""
    from companion.training.config import TrainConfig

    texts = _corpus(corpus, full=full)
    if system == "frozen":
        train = stratified_draw(texts.train, labels, seed)
        fitted = frozen(train, texts.dev, STRENGTHS, pooling)
    else:
        config = TrainConfig(seed=seed, max_updates=None if full else 2)
        fitted = tuned(texts.train, texts.dev, config, pooling=pooling)
    return {**compact_scores(texts.test, fitted.answer(texts.test), fitted.labels), **fitted.facts}


def tuned_cells(corpus: str, pooling: str, root: Path | None = None) -> list[Cell]:
    """The recorded fine-tuned cells of one corpus and pooling, in order of seed, wherever they were measured.

    Raises:
        RecordError: there is no record.

    Taught in: book/walkthroughs/sentiment
    """
    wanted = {"corpus": corpus, "system": "encoder", "pooling": pooling}
    name = NAME
    if (corpus, pooling) == (CORPORA[1], "mean"):
        name = public_texts.NAME
        del wanted["pooling"]
    cells = [cell for cell in load_record(name, root) if wanted.items() <= cell.factors.items()]
    return sorted(cells, key=lambda cell: cell.factors["seed"])


def _corpus(name: str, *, full: bool) -> TextCorpus:
    from dataclasses import replace

    from companion.corpora.catalog import load_corpus

    texts = load_corpus("newsroom").texts("sentiment") if name == CORPORA[0] else load_corpus(name)
    if full:
        return texts
    parts: dict[str, Sequence[Any]] = {split: part[:FEW] for split, part in texts.splits.items()}
    return replace(texts, **parts)
