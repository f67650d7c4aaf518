"""Three public text corpora: majority guess, TF-IDF, frozen encoder and the fine-tuned offline encoder, five seeds.

Financial PhraseBank (more than half of the annotators agree), BANKING77 and CLINC150 with its texts out of scope.
Fine-tuning uses the default settings; the best epoch and the strength of the linear models are chosen on dev.

Systems learn out of scope as one more class from CLINC150's hundred examples, and in-scope accuracy counts an in-scope
text that is answered "out of scope" as wrong. A second rule, `threshold_…`, also answers "out of scope" where the
highest in-scope probability is below a bound: the highest one that costs at most a point of in-scope accuracy on dev.

Taught in: book/walkthroughs/sentiment
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.corpora.publishers import OUT_OF_SCOPE
from companion.experiments.records import Cell, run_cells
from companion.experiments.text_systems import (
    TextSystem,
    compact_scores,
    frozen,
    majority,
    rounded,
    tfidf,
    tuned,
)

if TYPE_CHECKING:
    from companion.corpora.texts import Text

NAME = "public-texts"
CORPORA = ("financial-phrasebank", "banking77", "clinc150")
SYSTEMS = ("majority", "tfidf", "frozen", "encoder")
SEEDS = (0, 1, 2, 3, 4)
TFIDF_STRENGTHS, FROZEN_STRENGTHS = (1.0, 10.0, 100.0), (0.1, 1.0, 10.0, 100.0)
COST = 0.01
"""How much in-scope accuracy on dev the threshold may cost."""
FEW = 60
"""Texts of each split in the fast profile."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has 60 texts of each split, two updates and one seed.

    Only fine-tuning is measured with several seeds: nothing in the other systems is drawn at random.
    """
    full = profile == "full"
    cells: list[dict[str, str | int]] = [
        {"corpus": corpus, "system": system, "seed": 0} for system in SYSTEMS[:-1] for corpus in CORPORA
    ]
    seeds = SEEDS if full else SEEDS[:1]
    cells += [{"corpus": corpus, "system": "encoder", "seed": seed} for seed in seeds for corpus in CORPORA]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, corpus: str, system: str, seed: int, full: bool) -> dict[str, Any]:
    """One system on one corpus."""
    from companion.corpora.catalog import load_corpus

    texts = load_corpus(corpus)
    train, dev, test = (list(part if full else part[:: max(1, len(part) // FEW)]) for part in texts.splits.values())
    fitted = fit(system, train, dev, seed=seed, max_updates=None if full else 2)
    answers_NC = fitted.answer(test)
    result = {**compact_scores(test, answers_NC, fitted.labels), **fitted.facts}
    if OUT_OF_SCOPE in texts.labels:
        result |= scope_scores(fitted, dev, test, answers_NC)
    return result


def fit(
    system: str,
    train: Sequence[Text],
    dev: Sequence[Text],
    *,
    seed: int = 0,
    max_updates: int | None = None,
) -> TextSystem:
    """One of `SYSTEMS`, fitted to train, with its choices made on dev."""
    from companion.training.config import TrainConfig

    if system == "majority":
        return majority(train)
    if system == "tfidf":
        return tfidf(train, dev, TFIDF_STRENGTHS)
    if system == "frozen":
        return frozen(train, dev, FROZEN_STRENGTHS)
    return tuned(train, dev, TrainConfig(seed=seed, max_updates=max_updates))


def scope_scores(
    fitted: TextSystem, dev: Sequence[Text], test: Sequence[Text], answers_NC: np.ndarray
) -> dict[str, float | None]:
    """In-scope accuracy and out-of-scope recall on test, of the most probable label alone and with a threshold."""
    known_NC = fitted.answer(dev)
    threshold = scope_threshold([text.label for text in dev], known_NC, fitted.labels)
    gold = [text.label for text in test]
    plain = in_and_out(gold, scoped(answers_NC, fitted.labels))
    guarded = in_and_out(gold, scoped(answers_NC, fitted.labels, threshold))
    before = in_and_out([text.label for text in dev], scoped(known_NC, fitted.labels))
    after = in_and_out([text.label for text in dev], scoped(known_NC, fitted.labels, threshold))
    names = ("in_scope_accuracy", "out_of_scope_recall")
    return rounded(
        {
            **dict(zip(names, plain, strict=True)),
            **{f"threshold_{name}": value for name, value in zip(names, guarded, strict=True)},
            **{f"dev_{name}": value for name, value in zip(names, before, strict=True)},
            **{f"dev_threshold_{name}": value for name, value in zip(names, after, strict=True)},
            "threshold": threshold,
        }
    )


def scoped(probabilities_NC: np.ndarray, labels: Sequence[str], threshold: float = 0.0) -> list[str]:
    """The most probable label, or out of scope where no label in scope reaches the threshold.

    Taught in: book/walkthroughs/sentiment
    """
    inside = [place for place, label in enumerate(labels) if label != OUT_OF_SCOPE]
    confident = probabilities_NC[:, inside].max(1) >= threshold
    best = probabilities_NC.argmax(1)
    return [labels[place] if sure else OUT_OF_SCOPE for place, sure in zip(best, confident, strict=True)]


def scope_threshold(
    gold: Sequence[str], probabilities_NC: np.ndarray, labels: Sequence[str], cost: float = COST
) -> float:
    """The highest threshold at which in-scope accuracy falls by at most `cost` on these texts.

    Taught in: book/walkthroughs/sentiment
    """
    inside = [place for place, label in enumerate(labels) if label != OUT_OF_SCOPE]
    highest = probabilities_NC[:, inside].max(1)
    answers = scoped(probabilities_NC, labels)
    rows = [row for row, label in enumerate(gold) if label != OUT_OF_SCOPE]
    right = sorted(float(highest[row]) for row in rows if answers[row] == gold[row])
    # With the threshold at the k-th lowest confidence of a right answer, at most k - 1 right answers are given up.
    allowed = int(cost * len(rows) + 1e-9)
    return right[allowed] if allowed < len(right) else 1.0


def in_and_out(gold: Sequence[str], predicted: Sequence[str]) -> tuple[float, float]:
    """The share of in-scope texts with the right label, and of out-of-scope texts that are recognised."""
    pairs = list(zip(gold, predicted, strict=True))
    inside = [truth == guess for truth, guess in pairs if truth != OUT_OF_SCOPE]
    outside = [guess == OUT_OF_SCOPE for truth, guess in pairs if truth == OUT_OF_SCOPE]
    return sum(inside) / len(inside), sum(outside) / len(outside)
