"""One run of one method on one draw of labels: what the experiments on constrained fine-tuning compare.

Every method gets the same encoder with the same first head, the same rows, the same number of updates of eight rows,
a tenth of them warm-up, and the learning rate that was best for it on dev (`constrained-rates`).

Taught in: book/constraints/lora
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from companion.corpora.texts import Text
from companion.experiments.sentiment_learning_curve import stratified_draw
from companion.experiments.text_systems import rounded
from companion.randomness import permutation

if TYPE_CHECKING:
    from torch import nn

    from companion.adaptation.contract import Adaptation
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask
    from companion.training.outcome import Run

CORPORA = ("newsroom", "wnut17", "banking77")
METHODS = ("full", "top-2", "head", "bitfit", "adapter", "lora", "prefix")
MORE_METHODS = ("adalora", "prompt")
"""At one size only: they need more updates than the others to show what they can do."""
BATCH, WARMUP = 8, 0.1
MOST_TEST = 1000
"""Rows of test that are scored: a seeded choice where there are more."""
LONGEST = 128
PURPOSE = "constrained"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A trained model with its task and run."""

    run: Run
    """The run."""
    task: TokenTask | TextTask
    """The task."""
    trainable: int
    """Parameters that were trained, the head's included."""
    head: int
    """Parameters of the head."""


def method_of(name: str) -> Adaptation:
    """The method that a cell's factor names, with its default sizes and the seed 0.

    Taught in: book/constraints/lora
    """
    from companion.adaptation import bottleneck, low_rank, methods, prompts

    return {
        "full": methods.Full,
        "top-2": lambda: methods.TopLayers(2),
        "head": methods.HeadOnly,
        "bitfit": methods.BitFit,
        "adapter": bottleneck.BottleneckAdapter,
        "lora": low_rank.LoRA,
        "prefix": prompts.PrefixTuning,
        "adalora": low_rank.AdaLoRA,
        "prompt": prompts.PromptTuning,
    }[name]()


def fit(corpus: str, method: str, rows: Sequence[Any], *, rate: float, updates: int, seed: int) -> Tried:
    """Train one method on these rows and keep the last weights: dev is not looked at."""
    from companion.adaptation.apply import adapt, count_trainable
    from companion.objectives.penalty import Orthogonality
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    task = task_of(corpus)
    model = adapt(task.model(seed=seed), method_of(method))
    run = train(
        model,
        task.batches(rows, batch_size=BATCH, seed=seed),
        Orthogonality(task.objective) if method == "adalora" else task.objective,
        TrainConfig(
            epochs=updates,
            max_updates=updates,
            learning_rate=rate,
            warmup=WARMUP,
            seed=seed,
            device="cpu",
            progress=False,
        ),
        say=lambda line: None,
    )
    trainable = sum(some for some, _ in count_trainable(run.model).values())
    return Tried(run=run, task=task, trainable=trainable, head=head_size(run.model))


def score(model: nn.Module, task: TokenTask | TextTask, rows: Sequence[Any]) -> dict[str, Any]:
    """Entity F1 of a tagger, accuracy of a classifier, each with its 95 % interval over these rows."""
    from companion.tasks.scoring import evaluate

    report: Any = evaluate(model, task, rows)
    found = report.f1 if task.name == "tokens" else report.accuracy
    return {**rounded({"score": found.mean, "low": found.low, "high": found.high}), "rows": len(rows)}


def facts(tried: Tried) -> dict[str, Any]:
    """How the model was made: what was trained, how, and what its optimiser kept."""
    config = tried.run.config
    return {
        "trainable": tried.trainable,
        "head": tried.head,
        "optimizer_bytes": 8 * tried.trainable,
        "learning_rate": config.learning_rate,
        "steps": tried.run.steps,
        "last_loss": round(tried.run.losses[-1], 6),
        "precision_of_arithmetic": config.precision,
    }


def draw(corpus: str, labels: int, seed: int, purpose: str = PURPOSE) -> list[Any]:
    """The labelled rows of a seed; a smaller draw is the beginning of a larger one, texts keep their label shares."""
    train = splits_of(corpus).train
    if isinstance(train[0], Text):
        return stratified_draw(train, labels, seed)
    return [train[place] for place in permutation(len(train), seed, purpose)[:labels]]


def held_out(corpus: str, split: str, most: int | None, purpose: str = PURPOSE) -> list[Any]:
    """The rows of dev or test that are scored, the same for every cell; None takes all."""
    rows = splits_of(corpus).splits[split]
    if most is None or len(rows) <= most:
        return list(rows)
    return [rows[place] for place in sorted(permutation(len(rows), 0, f"{purpose} {split}")[:most])]


@cache
def splits_of(corpus: str) -> Corpus | TextCorpus:
    """The corpus, read once a process."""
    from companion.corpora.catalog import load_corpus

    return load_corpus(corpus)


@cache
def task_of(corpus: str) -> TokenTask | TextTask:
    """The task of a corpus on the offline encoder: tagging, or classification of the mean of the pieces."""
    from companion.models.encoder import load_encoder
    from companion.recipes.supervised import make_task

    return make_task(splits_of(corpus), load_encoder(), {"max_length": LONGEST})


def head_size(model: nn.Module) -> int:
    """How many parameters the trained head has."""
    from companion.adaptation.apply import count_trainable

    return sum(total for part, (_, total) in count_trainable(model).items() if part == "classifier")
