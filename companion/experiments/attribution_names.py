"""The part of `attribution` about names: five systems, the same sentences, 64 names that none of them learned.

Taught in: book/engineering/explaining
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.corpora.name_lists import NAME_GROUPS
from companion.corpora.texts import Text, texts_of
from companion.evaluation.counterfactual import NameSwap, measure_name_swap, name_gaps, swap_in_text, swappable
from companion.experiments.constrained_systems import draw, fit, splits_of
from companion.experiments.text_systems import TextSystem, frozen, most_probable, rounded, tfidf, tuned
from companion.randomness import permutation

if TYPE_CHECKING:
    from companion.corpora.records import Sentence

SYSTEMS = ("zero-shot", "tfidf", "frozen", "tuned", "tagger")
LABEL = "positive"
ROWS, UPDATES, BATCH, RATE = 800, 100, 8, 2e-4
SENTENCES = 40
STRENGTHS = (0.1, 1.0, 10.0)
RESAMPLES = 2000
WORDING = {
    "negative": "This is bad news.",
    "neutral": "This is neither good nor bad news.",
    "positive": "This is good news.",
}
SHARPNESS = 20.0
"""Cosines times this are the logits of the zero-shot system: an arbitrary scale, which no comparison of names needs."""


def measure_names(system: str, seed: int) -> dict[str, Any]:
    """Gaps between the groups of names under one system, and the mean score of every name."""
    rows = sentences()
    if system == "tagger":
        tried = fit("newsroom", "full", draw("newsroom", ROWS, seed), rate=RATE, updates=UPDATES, seed=seed)
        swap = measure_name_swap(tried.task, tried.run.model, rows, NAME_GROUPS, resamples=RESAMPLES)
    else:
        swap = swap_of(system_of(system, seed), rows)
    return {
        "gaps": {
            group: rounded({"gap": gap.mean, "low": gap.low, "high": gap.high, "p": swap.p_values[group]})
            for group, gap in swap.gaps.items()
        },
        "by_name": np.round(swap.scores_SGN.mean(0), 5).tolist(),
        "mean": round(float(swap.scores_SGN.mean()), 6),
        "within_sentences": round(float(swap.scores_SGN.std((1, 2)).mean()), 6),
        "between_sentences": round(float(swap.scores_SGN.mean((1, 2)).std()), 6),
        "changed": round(float(swap.changed.mean or 0.0), 6),
        "changed_low": round(float(swap.changed.low or 0.0), 6),
        "changed_high": round(float(swap.changed.high or 0.0), 6),
        "sentences": len(rows),
    }


@cache
def sentences() -> tuple[Sentence, ...]:
    """Some of the sentences of dev and test in which a name can be swapped, the same for all systems.

    Taught in: book/engineering/explaining
    """
    corpus = splits_of("newsroom")
    found = swappable([*corpus.dev, *corpus.test])
    return tuple(found[place] for place in sorted(permutation(len(found), 0, "names")[:SENTENCES]))


def swap_of(system: TextSystem, rows: tuple[Sentence, ...]) -> NameSwap:
    """The name swap of a system that gives every text a probability for each label."""
    names = [name for group in NAME_GROUPS.values() for name in group]
    texts = [Text(text=swap_in_text(row, name), label=LABEL) for row in rows for name in names]
    said_NC = system.answer(texts)
    answers_SN = np.array(most_probable(said_NC, system.labels)).reshape(len(rows), -1)
    return name_gaps(
        said_NC[:, system.labels.index(LABEL)].reshape(len(rows), len(NAME_GROUPS), -1),
        tuple(NAME_GROUPS),
        score=f"probability of {LABEL}",
        changed=int((answers_SN != answers_SN[:, :1]).any(1).sum()),
        resamples=RESAMPLES,
    )


def system_of(name: str, seed: int) -> TextSystem:
    """A system that labels a text as negative, neutral or positive.

    Taught in: book/engineering/explaining
    """
    from companion.training.config import TrainConfig

    if name == "zero-shot":
        return _zero_shot()
    corpus = texts_of(splits_of("newsroom"), "sentiment")
    if name != "tuned":
        return {"tfidf": tfidf, "frozen": frozen}[name](corpus.train, corpus.dev, STRENGTHS)
    chosen = [corpus.train[place] for place in permutation(len(corpus.train), seed, "attribution")[:ROWS]]
    config = TrainConfig(
        epochs=UPDATES,
        max_updates=UPDATES,
        learning_rate=RATE,
        warmup=0.1,
        seed=seed,
        device="cpu",
        precision="fp32",
        progress=False,
    )
    return tuned(chosen, [], config, batch_size=BATCH)


def _zero_shot() -> TextSystem:
    from companion.models.encoder import load_encoder
    from companion.tasks.prompting import VectorReader, label_sentences

    reader = VectorReader(load_encoder())
    judge = label_sentences(reader, WORDING)

    def answer(texts: Any) -> np.ndarray:
        logits_NC = SHARPNESS * judge.scores(reader(texts))
        odds_NC = np.exp(logits_NC - logits_NC.max(1, keepdims=True))
        return odds_NC / odds_NC.sum(1, keepdims=True)

    return TextSystem(labels=judge.labels, answer=answer)
