"""Should the prompt be learned too, and does a larger model generalise better? Four sizes of one small decoder.

Each Helpdesk message is a prompt, and its intent, in words, the answer that the model has to write: a held-out message
has one right answer, so an exact match means what it says. Every model is trained from scratch on the same messages
with the same number of updates: on the answer alone, or (two of the sizes) on prompt and answer.

A search on a seed of its own comes first: each size is trained on the answer with every learning rate, and the rate
with the lowest loss on dev is used for its five seeds, and for learning everything too. Each cell reports the weights
of the best evaluation on dev and the last ones, so that what a size does to over-fitting can be told from its best.

Taught in: book/outlook/from-encoders-to-generation
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.corpora.catalog import load_corpus
from companion.corpora.pairs import Pair, labels_as_answers
from companion.experiments.records import Cell, run_cells
from companion.models.decoder import mini_decoder
from companion.tasks.answering import AnswerEvaluator
from companion.tasks.causal_lm import CausalLMTask
from companion.tasks.prompting import draw_evenly
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from torch import nn

NAME = "answer-loss"
WIDTHS = (16, 32, 64, 128)
EVERYTHING = (("everything", 32), ("everything", 128))
RATES = (2e-3, 6e-3, 1.5e-2)
SEEDS = range(5)
SEARCH_SEED = 100
LAYERS, PIECES, BATCH = 2, 700, 16


class Sizes(NamedTuple):
    """How much of everything; the defaults are the record's."""

    train: int = 450
    """Messages to learn from, the same number of each intent."""
    epochs: int = 10
    """How often each is seen."""
    dev: int = 180
    """Messages that choose the best weights and the rate, the same number of each intent."""
    test: int | None = None
    """Messages that are judged; None takes all."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is one seed, one rate, two sizes and an epoch."""
    full = profile == "full"
    command = f"companion experiments {NAME} --profile {profile}"

    def measured(cells: list[dict[str, Any]]) -> list[Cell]:
        return run_cells(
            NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say
        )

    widths, rates = (WIDTHS, RATES) if full else (WIDTHS[:2], RATES[:1])
    searched = measured(
        [{"learn": "answer", "width": width, "rate": rate, "seed": SEARCH_SEED} for width in widths for rate in rates]
    )
    return searched + measured(
        [
            {"learn": learn, "width": width, "rate": best_rate(searched, width), "seed": seed}
            for seed in (SEEDS if full else SEEDS[:1])
            for learn, width in (*(("answer", width) for width in widths), *EVERYTHING)
            if width in widths
        ]
    )


def best_rate(searched: list[Cell], width: int) -> float:
    """The rate of the search with the lowest dev loss for this size."""
    own = [cell for cell in searched if cell.factors["width"] == width]
    return min(own, key=lambda cell: cell.result["dev_loss"]).factors["rate"] if own else RATES[0]


def measure(*, learn: str, width: int, rate: float, seed: int, full: bool) -> dict[str, Any]:
    """Loss and exact matches on held-out answers, of the best weights on dev and of the last ones."""
    size = Sizes() if full else Sizes(train=30, epochs=1, dev=30, test=30)
    rows, dev, test = pairs(size)
    decoder = mini_decoder(
        [text for pair in rows for text in (pair.prompt, pair.answer)], width=width, layers=LAYERS, pieces=PIECES
    )
    task = CausalLMTask(decoder, learn=learn)
    batches, final = task.batches(rows, batch_size=BATCH), task.evaluator(test)
    outcome = train(
        task.model(seed=seed),
        batches,
        task.objective,
        TrainConfig(epochs=size.epochs, learning_rate=rate, seed=seed, precision="fp32", device="cpu", progress=False),
        evaluate=(watch := Watched(task.evaluator(dev), final, size.epochs)),
        say=lambda line: None,
    )
    best = final(outcome.model)
    return {
        "parameters": decoder.parameter_count,
        "updates": outcome.steps,
        "dev_loss": round(float(outcome.best_value or 0.0), 6),
        "best_epoch": round((outcome.best_step or 0) / batches.updates(0)),
        **{name: round(value, 6) for name, value in best.items()},
        **{f"last_{name}": round(value, 6) for name, value in watch.last.items()},
        "train_loss": round(task.evaluator(rows)(outcome.model)["answer_loss"], 6),
    }


class Watched:
    """The evaluation on dev at each epoch's end; the last time, test is looked at too, and chooses nothing."""

    metric, greater_is_better = AnswerEvaluator.metric, AnswerEvaluator.greater_is_better

    def __init__(self, dev: AnswerEvaluator, test: AnswerEvaluator, epochs: int) -> None:
        self.dev, self.test, self.left = dev, test, epochs
        self.last: dict[str, float] = {}

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores on dev."""
        self.left -= 1
        if not self.left:
            self.last = self.test(model)
        return self.dev(model)


@cache
def pairs(size: Sizes) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Messages with their intents in words: balanced draws of train and dev, and all of test (or its beginning)."""
    corpus = load_corpus("helpdesk").without("out_of_scope")
    drawn = (draw_evenly(corpus.train, size.train, seed=0), draw_evenly(corpus.dev, size.dev, seed=0))
    return tuple(labels_as_answers(part) for part in (*drawn, corpus.test[: size.test]))
