"""Four ways to use the same labels, with text beside them or without: what the adaptive experiments compare.

"plain" is supervised fine-tuning. "adapted" first trains the body on text, masked, then fine-tunes it; "joint" does
both in every update. "plain-equal" has no text, and reads as many word pieces as "joint", all of them labelled. In all
but the last, the labelled updates are the same; "adapted" and "joint" read the same text equally often.

Every arm has the encoder's default learning rate, fp32 and its last weights: dev is not looked at.

Taught in: book/hybrid/hybrid-fine-tuning
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from companion.experiments.hybrid_arms import fit_arm
from companion.experiments.text_systems import rounded

if TYPE_CHECKING:
    from companion.corpora.records import Corpus, Sentence
    from companion.corpora.texts import TextCorpus
    from companion.models.encoder import Encoder

WEIGHT = 0.5
"""λ of the joint arm."""
PLAIN, EQUAL, ADAPTED, JOINT = "plain", "plain-equal", "adapted", "joint"
ARMS = {PLAIN: ("joint", 0.0), EQUAL: ("longer", 0.0), ADAPTED: ("sequence", 0.0), JOINT: ("joint", WEIGHT)}
"""Each arm as `fit_arm` calls it, with its λ."""
RATE, BATCH, LONGEST = 2e-4, 4, 128


def measure_arm(
    arm: str,
    corpus: Corpus | TextCorpus,
    encoder: Encoder,
    *,
    rows: Sequence[Any],
    texts: Sequence[Sentence | str],
    judged: Sequence[Sentence | str],
    test: Sequence[Any],
    updates: int,
    text_epochs: int,
    seed: int,
) -> dict[str, Any]:
    """Train one of `ARMS` on labelled rows and texts, and score it on test: entity F1, or accuracy, with its interval.

    The text is cut so that `updates` updates read it `text_epochs` times. `text_loss` is the masked-LM loss (nats a
    hidden piece) of the final body on judged text, which nothing is trained on, under the head that belongs to the arm;
    "adapted" also has `text_loss_read`, that of the body when it had read the text and seen no label.
    """
    from companion.recipes.supervised import make_task
    from companion.tasks.masked_lm import MaskedLMTask
    from companion.tasks.scoring import evaluate

    task, language = make_task(corpus, encoder, {"max_length": LONGEST}), MaskedLMTask(encoder, max_length=LONGEST)
    text_batch = -(-text_epochs * len(language.rows(texts)) // updates)
    model, speaker = task.model(seed=seed), language.model(seed=seed)
    judge = language.evaluator(judged)
    losses = {"text_loss_before": judge(speaker)["masked_lm_loss"]}
    name, weight = ARMS[arm]
    pieces = fit_arm(
        name,
        weight,
        models=(model, speaker),
        sources=(task.batches(rows, batch_size=BATCH), language.batches(texts, batch_size=text_batch)),
        objective=task.objective,
        steps=updates,
        rate=RATE,
        seed=seed,
        after_text=lambda: losses.update(text_loss_read=judge(speaker)["masked_lm_loss"]),
    )
    report: Any = evaluate(model, task, test)
    found = report.f1 if task.name == "tokens" else report.accuracy
    losses["text_loss"] = judge(speaker)["masked_lm_loss"]
    numbers = {"score": found.mean, "low": found.low, "high": found.high, **losses}
    return {**rounded(numbers), "rows": len(test), "pieces": pieces, "text_batch": text_batch}
