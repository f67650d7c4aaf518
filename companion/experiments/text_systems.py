"""Four ways to label texts, by rising effort, with one call each: what the experiments on texts compare.

A majority guess, TF-IDF with logistic regression, logistic regression on the frozen offline encoder, and the encoder
with every weight trained. Each answers with the probability of every label; what was chosen on dev is told.

Taught in: book/walkthroughs/sentiment
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.experiments.search_table import to_hex

if TYPE_CHECKING:
    from companion.corpora.texts import Text
    from companion.training.config import TrainConfig

ECE_BINS = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class TextSystem:
    """A fitted system: texts in, probabilities out."""

    labels: tuple[str, ...]
    """The labels it knows, sorted."""
    answer: Callable[[Sequence[Text]], np.ndarray]
    """The probability of each label, shape [texts, labels]."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a record should say about how it was made."""

    def predict(self, texts: Sequence[Text]) -> list[str]:
        """The most probable label of each text."""
        return most_probable(self.answer(texts), self.labels)


def majority(train: Sequence[Text]) -> TextSystem:
    """Every text gets the shares of the labels in train, so that the most frequent one is its answer."""
    labels = labels_of(train)
    shares_C = np.array([sum(text.label == label for text in train) for label in labels]) / len(train)
    return TextSystem(labels=labels, answer=lambda texts: np.tile(shares_C, (len(texts), 1)))


def tfidf(train: Sequence[Text], dev: Sequence[Text], strengths: Sequence[float]) -> TextSystem:
    """Words and pairs of words, weighted by how rare they are, and logistic regression.

    `strengths` are the inverse strengths of its L2 penalty; of several, the best accuracy on dev decides.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    reader = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit([text.text for text in train])
    return _regression(lambda texts: reader.transform([text.text for text in texts]), train, dev, strengths)


def frozen(train: Sequence[Text], dev: Sequence[Text], strengths: Sequence[float], pooling: str = "mean") -> TextSystem:
    """Logistic regression on what the untouched offline encoder says about each text; `strengths` as for `tfidf`."""
    return _regression(lambda texts: frozen_features(texts, pooling), train, dev, strengths)


def tuned(
    train: Sequence[Text],
    dev: Sequence[Text],
    config: TrainConfig,
    *,
    pooling: str = "mean",
    batch_size: int = 32,
) -> TextSystem:
    """The offline encoder, every weight trained; with dev the weights of its best epoch, without it the last ones."""
    from companion.adaptation.apply import adapt
    from companion.adaptation.methods import Full
    from companion.models.encoder import load_encoder
    from companion.tasks.texts import TextTask
    from companion.training.loop import train as train_model

    task = TextTask(labels_of(train), load_encoder(), pooling=pooling)
    run = train_model(
        adapt(task.model(seed=config.seed), Full()),
        task.batches(train, batch_size=batch_size),
        task.objective,
        config,
        evaluate=task.evaluator(dev) if dev else None,
        say=lambda line: None,
    )
    facts: dict[str, Any] = {
        "epochs": run.config.epochs,
        "steps": run.steps,
        "learning_rate": run.config.learning_rate,
        "precision_of_arithmetic": run.config.precision,
    }
    if dev:
        facts |= {**rounded({"dev_macro_f1": run.best_value}), "best_step": run.best_step}

    def answer(texts: Sequence[Text]) -> np.ndarray:
        return np.array([row.probabilities for row in task.predict(run.model, texts)])

    return TextSystem(labels=task.labels, answer=answer, facts=facts)


def compact_scores(texts: Sequence[Text], probabilities_NC: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    """Accuracy and macro F1 with their intervals by text, calibration error, and which texts were right, as hex bits.

    `search_table.from_hex(result["right"], result["texts"])` gives them back, so that paired tests can be made from
    records.
    """
    from companion.evaluation.calibration import expected_calibration_error
    from companion.evaluation.classification import score_labels

    gold, predicted = [text.label for text in texts], most_probable(probabilities_NC, labels)
    report = score_labels(gold, predicted)
    right = [truth == guess for truth, guess in zip(gold, predicted, strict=True)]
    numbers = {
        "accuracy": report.accuracy.mean,
        "accuracy_low": report.accuracy.low,
        "accuracy_high": report.accuracy.high,
        "macro_f1": report.macro_f1.mean,
        "low": report.macro_f1.low,
        "high": report.macro_f1.high,
        "calibration_error": expected_calibration_error(probabilities_NC.max(1), right, bins=ECE_BINS),
    }
    return {**rounded(numbers), "texts": len(texts), "right": to_hex(right)}


def rounded(numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    """Six digits: a record need not hold what no test set can tell."""
    return {name: None if value is None else round(float(value), 6) for name, value in numbers.items()}


def labels_of(texts: Sequence[Text]) -> tuple[str, ...]:
    """The labels that occur, sorted."""
    return tuple(sorted({text.label for text in texts}))


def most_probable(probabilities_NC: np.ndarray, labels: Sequence[str]) -> list[str]:
    """The label with the highest probability of each row, the first of several."""
    return [labels[place] for place in probabilities_NC.argmax(1)]


def frozen_features(texts: Sequence[Text], pooling: str) -> np.ndarray:
    """What the untouched encoder says about each text, shape [texts, width]; what was read is kept.

    "mean" is the mean of its output over the pieces of a text, "cls" its output at the first piece.
    """
    new = list({text.text: text for text in texts if text.text not in _READ}.values())
    if new:
        _READ.update(zip((text.text for text in new), _read(new), strict=True))
    return np.stack([_READ[text.text][pooling] for text in texts])


_READ: dict[str, dict[str, np.ndarray]] = {}


def _read(texts: Sequence[Text], size: int = 64) -> list[dict[str, np.ndarray]]:
    import torch

    from companion.encoding.source import pad
    from companion.models.encoder import load_encoder
    from companion.models.pooling import mean_pool
    from companion.tasks.texts import TextTask

    encoder = load_encoder()
    # The task only cuts texts into pieces here; its labels play no part.
    task = TextTask(("one", "other"), encoder)
    body = encoder.model_with_head("", seed=0).eval()
    rows = task.encode(texts)
    found: list[dict[str, np.ndarray]] = [{} for _ in rows]
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    for start in range(0, len(order), size):
        places = order[start : start + size]
        inputs = pad([rows[place] for place in places], task.pad_token_id)
        with torch.inference_mode():
            hidden_BTD = body(**inputs).last_hidden_state
            mean_BD = mean_pool(hidden_BTD, inputs["attention_mask"])
        for place, first, mean in zip(places, hidden_BTD[:, 0].numpy(), mean_BD.numpy(), strict=True):
            found[place] = {"cls": first.copy(), "mean": mean}
    return found


def _regression(
    read: Callable[[Sequence[Text]], Any], train: Sequence[Text], dev: Sequence[Text], strengths: Sequence[float]
) -> TextSystem:
    from sklearn.linear_model import LogisticRegression

    features, gold = read(train), [text.label for text in train]
    known = read(dev) if dev else None
    best, chosen, reached = None, strengths[0], -1.0
    for strength in strengths:
        model = LogisticRegression(C=strength, max_iter=2000).fit(features, gold)
        score = model.score(known, [text.label for text in dev]) if known is not None else 0.0
        if score > reached:
            best, chosen, reached = model, strength, score
    facts: dict[str, Any] = {"strength": chosen}
    if dev:
        facts |= rounded({"dev_accuracy": reached})
    labels = tuple(map(str, best.classes_))
    return TextSystem(labels=labels, answer=lambda texts: best.predict_proba(read(texts)), facts=facts)
