"""The same few labelled sentences given to four systems: majority guess, TF-IDF, frozen encoder, fine-tuned encoder.

The task is the topic of a Newsroom sentence, one of six. A seed draws the sentences, a smaller draw being the beginning
of a larger one, and every system gets the same draw; nothing else of the training split is seen. All answer the same
test sentences. The strength of the two linear models and the epochs of fine-tuning were chosen on dev, once for all.

Taught in: book/foundations/what-fine-tuning-is
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells
from companion.randomness import permutation

if TYPE_CHECKING:
    import numpy as np

    from companion.corpora.texts import Text, TextCorpus
    from companion.tasks.texts import TextTask
    from companion.training.outcome import Run

NAME = "two-hundred-labels"
FIELD = "topic"
SYSTEMS = ("majority", "tfidf", "frozen", "tuned")
SEEDS = (0, 1, 2, 3, 4)
SIZES = (20, 50, 100, 200, 400)
TUNED_SIZES = (20, 50, 200)
"""Fine-tuning is measured at fewer sizes: at 200 labels a run takes more than a minute of one core."""
EPOCHS, BATCH = 10, 16
TFIDF_STRENGTH, FROZEN_STRENGTH = 10.0, 0.1


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has 20 labels, one seed, two updates, 30 test texts."""
    full = profile == "full"
    cells = [
        {"system": system, "labels": labels, "seed": seed}
        for system in SYSTEMS
        for labels in ((TUNED_SIZES if system == "tuned" else SIZES) if full else SIZES[:1])
        for seed in (SEEDS if full else SEEDS[:1])
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, system: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One system on one draw: accuracy and macro F1 on test, and which test sentences it got right ("1") or not."""
    texts = corpus()
    chosen, test = draw(texts.train, labels, seed), texts.test if full else texts.test[:30]
    extra: dict[str, Any] = {}
    if system == "tuned":
        task = topic_task(texts)
        done = fine_tuned(task, chosen, seed=seed, max_updates=None if full else 2)
        predicted = [answer.label for answer in task.predict(done.model, test)]
        extra = {"steps": done.steps, "precision_of_arithmetic": done.config.precision}
    else:
        answer = {"majority": majority, "tfidf": tfidf, "frozen": frozen}[system]
        predicted = answer(chosen, test)
    return {**_scores(test, predicted), **extra}


@cache
def corpus() -> TextCorpus:
    """Newsroom's sentences with their topic."""
    from companion.corpora.catalog import load_corpus

    return load_corpus("newsroom").texts(FIELD)


def draw(texts: Sequence[Text], count: int, seed: int) -> list[Text]:
    """`count` of the texts in the seed's order; a smaller draw is the beginning of a larger one.

    Taught in: book/foundations/what-fine-tuning-is
    """
    return [texts[place] for place in permutation(len(texts), seed, NAME)[:count]]


def majority(train: Sequence[Text], texts: Sequence[Text]) -> list[str]:
    """The most frequent label of train, the first in the alphabet of several, for every text."""
    counts = Counter(text.label for text in train)
    return [min(counts, key=lambda label: (-counts[label], label))] * len(texts)


def tfidf(train: Sequence[Text], texts: Sequence[Text]) -> list[str]:
    """Words and pairs of words, weighted by how rare they are, and logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LogisticRegression(C=TFIDF_STRENGTH, max_iter=2000)
    )
    model.fit([text.text for text in train], [text.label for text in train])
    return list(map(str, model.predict([text.text for text in texts])))


def frozen(train: Sequence[Text], texts: Sequence[Text]) -> list[str]:
    """Logistic regression on what the untouched encoder says about each text."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=FROZEN_STRENGTH, max_iter=2000)
    model.fit(sentence_features(train), [text.label for text in train])
    return list(map(str, model.predict(sentence_features(texts))))


def sentence_features(texts: Sequence[Text]) -> np.ndarray:
    """The mean of the encoder's output over the pieces of each text, shape [texts, width]; what was read is kept."""
    import numpy as np

    new = [text for text in dict.fromkeys(texts) if text.text not in _SEEN]
    if new:
        for text, row in zip(new, _encode(new), strict=True):
            _SEEN[text.text] = row
    return np.stack([_SEEN[text.text] for text in texts])


_SEEN: dict[str, np.ndarray] = {}


def topic_task(texts: TextCorpus) -> TextTask:
    """The offline encoder with mean pooling and one label of the corpus."""
    from companion.models.encoder import load_encoder
    from companion.tasks.texts import TextTask

    return TextTask(texts.labels, load_encoder())


def fine_tuned(task: TextTask, train: Sequence[Text], *, seed: int, max_updates: int | None = None) -> Run:
    """Every weight trained on these texts and nothing else, with the default learning rate, on the processor."""
    from companion.adaptation.apply import adapt
    from companion.adaptation.methods import Full
    from companion.training.config import TrainConfig
    from companion.training.loop import train as train_model

    config = TrainConfig(
        epochs=EPOCHS,
        max_updates=max_updates,
        seed=seed,
        precision="fp32",
        device="cpu",
    )
    return train_model(
        adapt(task.model(seed=seed), Full()),
        task.batches(train, batch_size=BATCH),
        task.objective,
        config,
        say=lambda line: None,
    )


def _encode(texts: Sequence[Text]) -> np.ndarray:
    import torch

    from companion.tasks.inference import forward_by_length

    task = topic_task(corpus())
    model = task.model()
    # Without its head, the model answers with what the head would have read.
    model.classifier = torch.nn.Identity()
    rows = task.encode(texts)
    features = torch.empty(len(rows), model.config.hidden_size)
    for places, pooled_BD in forward_by_length(model, rows, task.pad_token_id):
        features[list(places)] = pooled_BD.float()
    return features.numpy()


def _scores(texts: Sequence[Text], predicted: Sequence[str]) -> dict[str, Any]:
    from companion.evaluation.classification import score_labels

    gold = [text.label for text in texts]
    report = score_labels(gold, predicted)
    right = "".join("1" if truth == guess else "0" for truth, guess in zip(gold, predicted, strict=True))
    return {**report.to_dict(), "right": right}
