"""How many labels sentiment needs: TF-IDF, frozen and fine-tuned encoder on 20 to all 1,329 labels of Newsroom.

A seed draws the sentences so that every size holds the three labels in the shares of the whole and a smaller draw is
the beginning of a larger one; all systems get the same draws and answer the same test sentences. Fine-tuning has the
same number of updates at every size: those of four epochs, the default, on all labels. From few labels it therefore
reads each sentence more often. No dev set is looked at; the strengths of the linear models were chosen on dev before,
once for all sizes.

Taught in: book/walkthroughs/sentiment
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells
from companion.experiments.text_systems import TextSystem, compact_scores, frozen, tfidf, tuned
from companion.randomness import permutation

if TYPE_CHECKING:
    from companion.corpora.texts import Text

NAME = "sentiment-learning-curve"
SYSTEMS = ("tfidf", "frozen", "encoder")
SIZES = (20, 50, 100, 200, 400, 800)
"""And all of them, 1,329."""
SEEDS = (0, 1, 2, 3, 4)
BATCH, UPDATES = 32, 168
TFIDF_STRENGTH, FROZEN_STRENGTH = 10.0, 0.1


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has 20 labels, one seed, two updates, 30 test sentences."""
    full = profile == "full"
    sizes = (*SIZES, len(sentiment("train"))) if full else SIZES[:1]
    cells = [
        {"system": system, "labels": labels, "seed": seed}
        for seed in (SEEDS if full else SEEDS[:1])
        for system in SYSTEMS
        for labels in sizes
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, system: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One system on one draw."""
    train = stratified_draw(sentiment("train"), labels, seed)
    test = sentiment("test") if full else sentiment("test")[:30]
    fitted = fit(system, train, seed=seed, updates=UPDATES if full else 2)
    return {**compact_scores(test, fitted.answer(test), fitted.labels), **fitted.facts}


def sentiment(split: str) -> Sequence[Text]:
    """Newsroom's sentences of a split with their sentiment."""
    from companion.corpora.catalog import load_corpus

    return load_corpus("newsroom").texts("sentiment").splits[split]


def stratified_draw(texts: Sequence[Text], count: int, seed: int) -> list[Text]:
    """`count` texts with every label's share of the whole; a smaller draw is the beginning of a larger one.

    Taught in: book/walkthroughs/sentiment
    """
    places: dict[str, list[int]] = defaultdict(list)
    for place in permutation(len(texts), seed, NAME):
        places[texts[place].label].append(place)
    # The k-th text of a label stands where that label's share has filled up k - 1/2 texts.
    order = sorted(
        ((rank + 0.5) / len(members), label, place)
        for label, members in places.items()
        for rank, place in enumerate(members)
    )
    return [texts[place] for _, _, place in order[:count]]


def fit(system: str, train: Sequence[Text], *, seed: int, updates: int = UPDATES) -> TextSystem:
    """One of `SYSTEMS`, fitted to these texts and nothing else."""
    from companion.training.config import TrainConfig

    if system == "tfidf":
        return tfidf(train, (), (TFIDF_STRENGTH,))
    if system == "frozen":
        return frozen(train, (), (FROZEN_STRENGTH,))
    batch = min(BATCH, len(train))
    per_epoch = -(-len(train) // batch)
    config = TrainConfig(seed=seed, epochs=-(-updates // per_epoch), max_updates=updates)
    return tuned(train, (), config, batch_size=batch)
