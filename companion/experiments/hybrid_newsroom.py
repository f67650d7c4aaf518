"""Hybrid fine-tuning on real English: the sentiment of market reports from few labels, and unlabelled market reports.

The offline encoder with its trained language head; 60 labelled sentences of Newsroom's markets, the unlabelled market
articles, and all market sentences of dev and test as judges, since no choice is made on dev. The language is judged on
the articles that the head has never seen, of all topics. The arms are those of `hybrid_arms`.

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.hybrid_arms import OTHERS, fit_arm
from companion.experiments.language_head import sides
from companion.experiments.records import Cell, run_cells
from companion.experiments.sentiment_learning_curve import sentiment, stratified_draw
from companion.experiments.text_systems import rounded

if TYPE_CHECKING:
    from companion.corpora.texts import Text

NAME = "hybrid-newsroom"
TOPIC = "markets"
WEIGHTS = (0.0, 0.3, 1.0)
SEEDS = range(5)
LABELLED, BATCH, STEPS, RATE = 60, 16, 30, 2e-4


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile is plain and joint for two updates on short text."""
    full = profile == "full"
    arms = [("joint", weight) for weight in (WEIGHTS if full else (0.0, 1.0))]
    arms += [(arm, 1.0 if arm == "sequence" else 0.0) for arm in (OTHERS if full else ())]
    cells = [
        {"arm": arm, "weight": weight, "seed": seed} for seed in (SEEDS if full else SEEDS[:1]) for arm, weight in arms
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, arm: str, weight: float, seed: int, full: bool) -> dict[str, Any]:
    """Accuracy and macro F1 on the judged sentences, the held-out language loss before and after, and the cost."""
    from companion.models.encoder import load_encoder
    from companion.tasks.masked_lm import MaskedLMTask
    from companion.tasks.texts import TextTask

    encoder = load_encoder()
    rows, answers = stratified_draw(of_topic("train"), LABELLED, seed), [*of_topic("dev"), *of_topic("test")]
    text, held_out = sides(TOPIC).train, sides().held_out
    if not full:
        rows, answers, text, held_out = rows[:8], answers[:8], text[:20], held_out[:8]
    classifying, masking = TextTask(("negative", "neutral", "positive"), encoder), MaskedLMTask(encoder)
    classifier, speaker = classifying.model(seed=seed), masking.model(seed=seed)
    read = fit_arm(
        arm,
        weight,
        models=(classifier, speaker),
        sources=(classifying.batches(rows, batch_size=BATCH), masking.batches(text, batch_size=BATCH)),
        objective=classifying.objective,
        steps=STEPS if full else 2,
        rate=RATE,
        seed=seed,
    )
    scores = classifying.evaluator(answers)(classifier)
    found = {name: scores[name] for name in ("accuracy", "macro_f1")}
    found |= {"loss_before": untouched(len(held_out)), "loss": masking.evaluator(held_out)(speaker)["masked_lm_loss"]}
    return {**rounded(found), "word_pieces": read, "judged": len(answers)}


@cache
def untouched(count: int) -> float:
    """The held-out language loss of the encoder and its head as they come; no seed changes it."""
    from companion.models.encoder import load_encoder
    from companion.tasks.masked_lm import MaskedLMTask

    task = MaskedLMTask(load_encoder())
    return task.evaluator(sides().held_out[:count])(task.model())["masked_lm_loss"]


def of_topic(split: str) -> Sequence[Text]:
    """The market sentences of a split with their sentiment."""
    return [text for text in sentiment(split) if text.meta["topic"] == TOPIC]
