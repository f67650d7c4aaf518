"""One run on few labels: what the experiments on regularisers, augmentation, attacks and ensembles compare.

Newsroom (entity F1) and Helpdesk (31 intents, accuracy). A seed draws 50, 200 or 800 labelled rows, a smaller draw
being the beginning of a larger one, and decides the first head, the order of rows and dropout. Every arm has the same
number of updates of eight rows from the same pre-trained encoder, a tenth of them warm-up, at a peak learning rate of
2e-4: the best for full fine-tuning on Newsroom's dev in `constrained-rates`, the default of this encoder, and not tuned
on Helpdesk. Dev is looked at by early stopping alone; test is scored once, with the last weights, or those kept by it.

Taught in: book/constraints/over-fitting
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

from companion.corpora.edits import entity_at
from companion.corpora.schemes import Entity, spell
from companion.experiments import constrained_systems
from companion.experiments.constrained_systems import score, splits_of
from companion.experiments.text_systems import rounded
from companion.randomness import key, permutation

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Sentence
    from companion.objectives.contract import Objective
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask
    from companion.training.outcome import Run

CORPORA = ("newsroom", "helpdesk")
UPDATES = {50: 100, 200: 160, 800: 240}
"""Labels and updates of eight rows."""
SEEDS = (0, 1, 2, 3, 4)
BATCH, RATE, WARMUP, DECAY, LONGEST = 8, 2e-4, 0.1, 0.01, 128
DROPOUT = 0.1
DEV_ROWS, CHECKS, PATIENCE = 100, 10, 3
"""Early stopping: rows of dev, how often in a run they are looked at, and how often in vain before the run ends."""
TRAIN_ROWS = 100
"""So many of the rows of training are scored as well, to see how far they are learned by heart."""
RADII, ATTACKED = (0.1, 0.3), 100
"""Radii of the attacks on the word vectors of a sentence, and how many rows of test are attacked."""
PURPOSE = "few labels"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How one arm trains; the defaults are the plain arm."""

    dropout: float = DROPOUT
    """Dropout of the body and before the head."""
    weight_decay: float = DECAY
    """Decoupled weight decay."""
    smoothing: float = 0.0
    """Label smoothing."""
    early: bool = False
    """Whether dev decides which weights are kept, and may end the run."""
    longer: int = 1
    """The number of updates is that of the others times this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A trained model with its task and run."""

    run: Run
    """The run."""
    task: TokenTask | TextTask
    """The task."""


def fit(
    corpus: str,
    rows: Sequence[Any],
    *,
    updates: int,
    seed: int,
    setting: Setting | None = None,
    wrap: Callable[[Objective], Objective] = lambda objective: objective,
    log: Callable[[nn.Module, int], None] | None = None,
) -> Tried:
    """Train on these rows and keep the last weights, or with early stopping the best on dev.

    `wrap` makes the objective another one; `log` gets the model and the step after every update.
    """
    from companion.adaptation.apply import adapt
    from companion.adaptation.methods import Full
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    setting = Setting() if setting is None else setting
    task = task_of(corpus, setting.smoothing)
    model = adapt(
        task.model(seed=seed, hidden_dropout_prob=setting.dropout, attention_probs_dropout_prob=setting.dropout),
        Full(),
    )
    total = updates * setting.longer
    stopping: dict[str, Any] = {}
    if setting.early:
        stopping = {
            "evaluate_every": max(1, total // CHECKS),
            "patience": PATIENCE,
            "metric": "entity_f1" if task.name == "tokens" else "accuracy",
        }
    config = TrainConfig(
        epochs=total,
        max_updates=total,
        learning_rate=RATE,
        warmup=WARMUP,
        weight_decay=setting.weight_decay,
        seed=seed,
        device="cpu",
        progress=False,
        **stopping,
    )
    run = train(
        model,
        task.batches(rows, batch_size=BATCH, seed=seed),
        wrap(task.objective),
        config,
        evaluate=task.evaluator(held_out(corpus, "dev", DEV_ROWS)) if setting.early else None,
        log=None if log is None else lambda step, values: log(model, step),
        say=lambda line: None,
    )
    return Tried(run=run, task=task)


def harder(model: nn.Module, task: TokenTask | TextTask, rows: Sequence[Any]) -> dict[str, Any]:
    """The clean score with its interval, and those under typing errors, capitals, and attacks of both `RADII`.

    The attacks are made on `ATTACKED` of the rows, the same for every model, "attack_0" being the score of these as
    they are. An uncased encoder reads the same pieces whatever the capitals, so that its score is not taken again.
    """
    from companion.evaluation.robustness import ATTACK, CLEAN, NOISES, measure_robustness

    noises = {
        name: noise for name, noise in NOISES.items() if name == "typos" or not getattr(task.encoder, "uncased", False)
    }
    measured = measure_robustness(model, task, rows, noises=noises, attack=None)
    clean = measured.score(CLEAN)
    found: dict[str, Any] = {"score": clean.mean, "low": clean.low, "high": clean.high}
    found |= {name: measured.score(name if name in noises else CLEAN).mean for name in NOISES}
    some = [rows[place] for place in sorted(permutation(len(rows), 0, f"{PURPOSE} attack")[:ATTACKED])]
    for radius in RADII:
        attacked = measure_robustness(model, task, some, noises={}, attack=radius, bootstrap=0)
        found |= {"attack_0": attacked.score(CLEAN).mean, f"attack_{radius:g}": attacked.score(ATTACK).mean}
    return {**rounded(found), "rows": len(rows), "attacked": len(some)}


def facts(tried: Tried, rows: Sequence[Any]) -> dict[str, Any]:
    """How the model was made, and its score on what it learned from, labels as they were given."""
    run, train = tried.run, score(tried.run.model, tried.task, rows[:TRAIN_ROWS])
    return {
        "train_score": train["score"],
        "train_rows": train["rows"],
        "steps": run.steps,
        "kept_step": run.best_step or run.steps,
        "last_loss": round(run.losses[-1], 6),
        "learning_rate": run.config.learning_rate,
        "precision_of_arithmetic": run.config.precision,
    }


def draw(corpus: str, labels: int, seed: int) -> list[Any]:
    """The labelled rows of a seed; texts keep their label shares."""
    return constrained_systems.draw(corpus, labels, seed, PURPOSE)


def held_out(corpus: str, split: str, most: int | None = None) -> list[Any]:
    """The rows of dev or test that are scored, the same for every cell."""
    return constrained_systems.held_out(corpus, split, most, PURPOSE)


def flip(corpus: str, rows: Sequence[Any], share: float, seed: int) -> list[Any]:
    """The rows with wrong labels: each text, or each entity, with this probability one of the other labels or types.

    Words of entities stay entities: the mistake is one of type, as an annotator's may be.
    """
    from companion.corpora.texts import Text

    kinds = splits_of(corpus).labels if corpus == "helpdesk" else splits_of(corpus).types  # type: ignore[union-attr]
    found: list[Any] = []
    for number, row in enumerate(rows):
        random = Random(key(seed, "flip", number))

        def other(kind: str, random: Random = random) -> str:
            return random.choice([one for one in kinds if one != kind]) if random.random() < share else kind

        found.append(replace(row, label=other(row.label)) if isinstance(row, Text) else _retyped(row, other))
    return found


def _retyped(sentence: Sentence, other: Callable[[str], str]) -> Sentence:
    spans = [Entity(start, end, other(kind)) for (start, end), kind in entity_at(sentence).items()]
    return replace(sentence, tags=tuple(spell(spans, len(sentence.words))))


@cache
def task_of(corpus: str, smoothing: float = 0.0) -> TokenTask | TextTask:
    """The task of a corpus on the offline encoder: tagging, or classification of the mean of the pieces."""
    from companion.models.encoder import load_encoder
    from companion.recipes.supervised import make_task

    return make_task(splits_of(corpus), load_encoder(), {"max_length": LONGEST, "label_smoothing": smoothing})


def planned(arms: Sequence[str], *, seeds: Sequence[int] = SEEDS) -> list[dict[str, str | int]]:
    """Every cell, seed by seed, so that what is cut off has complete tables of fewer seeds."""
    return [
        {"corpus": corpus, "arm": arm, "labels": labels, "seed": seed}
        for seed in seeds
        for corpus in CORPORA
        for labels in UPDATES
        for arm in arms
    ]


def few(arms: Sequence[str]) -> list[dict[str, str | int]]:
    """The cells of a fast profile: eight labels of Newsroom, one seed."""
    return [{"corpus": CORPORA[0], "arm": arm, "labels": 8, "seed": 0} for arm in arms]


def size_of(labels: int, full: bool) -> tuple[int, int | None]:
    """The updates of a cell, and how many rows of test are scored (None: all)."""
    return (UPDATES[labels], None) if full else (2, 8)
