"""The learning rate over four decades: what fine-tuning learns, what the body forgets, with the same number of steps.

One small BERT per seed reads a micro-language (masked-language training, rate 3e-3) and is then fine-tuned on labelled
names. It is judged three times: on names that were never labelled, on new sentences with the labelled names, and, with
the head it was pre-trained with, on the language itself. Rates, data, order and first weights are shared by the arms.

Taught in: book/foundations/optimisers
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.microlanguage import MicroLanguage
    from companion.models.miniature import MiniEncoder
    from companion.training.outcome import Run

NAME = "learning-rate-sweep"
ARMS = ("full", "no-warm-up", "head", "scratch")
"""Fine-tune everything; the same without warm-up; the head alone on a frozen body; everything from random weights."""
RATES = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
SEEDS = range(5)
PRETRAINING_RATE = 3e-3
PRETRAINING_UPDATES = {"full": 800, "fast": 20}
EPOCHS = 5


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: four arms and five seeds, or (fast) one seed after little pre-training."""
    full = profile == "full"
    updates = PRETRAINING_UPDATES["full" if full else "fast"]
    seeds = SEEDS if full else range(1)
    cells = [{"arm": arm, "pretraining": updates, "seed": seed} for seed in seeds for arm in ARMS]
    return run_cells(
        NAME, cells, measure, root=root, command=f"companion experiments {NAME} --profile {profile}", say=say
    )


def measure(*, arm: str, pretraining: int, seed: int) -> dict[str, Any]:
    """For each rate: first and last training loss, F1 on never-labelled and labelled names, masked-LM loss."""
    world = World(seed, updates=pretraining)
    rows = [world.fine_tuned(rate, arm=arm) for rate in RATES]
    names = [name for name in rows[0] if name != "updates"]
    return {
        "rates": list(RATES),
        **{name: [row[name] for row in rows] for name in names},
        "masked_lm_loss_before": world.masked_lm_loss(world.pretrained),
        "updates": rows[0]["updates"],
        "pretraining_rate": PRETRAINING_RATE,
    }


class World:
    """A micro-language, a small BERT that has read it, and fine-tuning of that BERT at any rate.

    Taught in: book/foundations/optimisers
    """

    def __init__(self, seed: int = 0, *, updates: int = PRETRAINING_UPDATES["full"]) -> None:
        self.seed = seed
        self.language, self.fresh, self.pretrained, self._judge = _read(seed, updates)
        self.encoder = self.fresh.with_body(self.pretrained)
        self.corpus = self.language.corpus(test=200)
        self.labelled_names = self.language.sentences(200, purpose="test")

    def fine_tuned(self, rate: float, *, arm: str = "full") -> dict[str, float]:
        """Fine-tune a copy at this peak rate for five epochs and judge it."""
        from companion.adaptation import HeadOnly, adapt
        from companion.tasks.tokens import TokenTask

        task = TokenTask(self.corpus.labels, self.fresh if arm == "scratch" else self.encoder)
        model = task.model(seed=self.seed)
        model = adapt(model, HeadOnly()) if arm == "head" else model
        batches = task.batches(self.corpus.train)
        settings = {"learning_rate": rate, "epochs": EPOCHS, "warmup": 0.0 if arm == "no-warm-up" else 0.1}
        run = _train(model, batches, task.objective, seed=self.seed, **settings)
        return {
            "first_loss": run.losses[0],
            "last_loss": sum(run.losses[-10:]) / 10,
            "unlabelled_f1": task.evaluator(self.corpus.test).report(run.model, bootstrap=0).entity_f1 or 0.0,
            "labelled_f1": task.evaluator(self.labelled_names).report(run.model, bootstrap=0).entity_f1 or 0.0,
            "masked_lm_loss": self.masked_lm_loss(run.model),
            "updates": run.steps,
        }

    def masked_lm_loss(self, model: nn.Module) -> float:
        """How well this model's body, under the head of pre-training, still guesses masked words (nats per word)."""
        whole = copy.deepcopy(self.pretrained)
        whole.base_model.load_state_dict(model.base_model.state_dict())
        return self._judge(whole)["masked_lm_loss"]


# One process needs one world at a time: the arms of a seed follow each other.
@lru_cache(maxsize=1)
def _read(seed: int, updates: int) -> tuple[MicroLanguage, MiniEncoder, nn.Module, Callable[[nn.Module], Any]]:
    from companion.corpora.microlanguage import MicroLanguage
    from companion.models.miniature import mini_encoder
    from companion.tasks.masked_lm import MaskedLMTask

    language = MicroLanguage(seed=seed)
    fresh = mini_encoder(language.vocabulary, dropout=0.0)
    task = MaskedLMTask(fresh, share=0.3)
    batches = task.batches(language.text(4000), batch_size=64)
    settings = {"learning_rate": PRETRAINING_RATE, "epochs": 40, "max_updates": updates}
    run = _train(task.model(seed=seed), batches, task.objective, seed=seed, **settings)
    return language, fresh, run.model, task.evaluator(language.text(200, purpose="held out"))


def _train(model: nn.Module, batches: Any, objective: Any, *, seed: int, **settings: Any) -> Run:
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    config = TrainConfig(precision="fp32", device="cpu", seed=seed, progress=False, **settings)
    return train(model, batches, objective, config, say=lambda line: None)
