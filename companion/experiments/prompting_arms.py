"""Prompting against fine-tuning: label sentences, centroids, frozen head, all weights, cloze prompts, on equal draws.

Helpdesk's intents and the sentiment of Newsroom and of Financial PhraseBank. `wordings`: every wording of the label
sentences and 200 mixtures of them, scored on test. `few`: twenty draws of k texts of each label, k from 1 to 64, and of
50, 200 and 800 labels, read by centroids and by logistic regression on the same frozen vectors; and the search among
the mixtures on a part of dev. `tuned`: every weight, five draws of 50, 200 and 800 labels; its updates were fixed and
its rate, of two, chosen on dev before, from one draw of 200. `cloze` and `micro` are those of `prompting_cloze`.

Taught in: book/constraints/prompting
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.label_wordings import Wording, mixed_wordings, wordings_of
from companion.experiments.prompting_cloze import cloze, micro
from companion.experiments.records import Cell, run_cells
from companion.experiments.sentiment_learning_curve import FROZEN_STRENGTH, stratified_draw
from companion.experiments.text_systems import frozen, frozen_features, rounded, tuned
from companion.tasks.prompting import NearestLabel, centroids, draw_evenly, label_sentences

if TYPE_CHECKING:
    import numpy as np

    from companion.corpora.texts import Text, TextCorpus

NAME = "prompting-arms"
CORPORA = ("helpdesk", "financial-phrasebank", "newsroom-sentiment")
TUNED = CORPORA[:2]
SHOTS = (1, 2, 4, 8, 16, 32, 64)
"""Examples of each label."""
SIZES = (50, 200, 800)
"""Labels in all, spread evenly over the classes."""
DRAWS, SEEDS = range(20), range(5)
MIXES = 200
SEARCH, TRIALS = (30, 100, 200), (1, 2, 5, 10, 20, 50, 100, 200)
"""Dev texts that choose the wording, and among how many mixtures."""
BATCH = 8
UPDATES = {50: 100, 200: 160, 800: 240}
RATES = {"helpdesk": 5e-4, "financial-phrasebank": 2e-4}
FEW = 30
"""Texts of each split in the fast profile."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has one corpus of 30 texts, one draw, two updates."""
    full = profile == "full"
    command = f"companion experiments {NAME} --profile {profile}"
    few = [cell for cell in plan() if cell["corpus"] == CORPORA[2] and cell["seed"] == 0 and cell["part"] != "cloze"]
    few += [{"part": "cloze", "corpus": CORPORA[2], "labels": 0, "seed": 0}]
    few += [{"part": "tuned", "corpus": CORPORA[2], "labels": 20, "seed": 0}]
    cells = plan() if full else few
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def plan() -> list[dict[str, str | int]]:
    """Every cell of the full profile: what is cheap first, then fine-tuning draw by draw."""
    order: list[tuple[str, str, int, int]] = [("wordings", corpus, 0, 0) for corpus in CORPORA]
    order += [("few", corpus, 0, seed) for corpus in CORPORA for seed in DRAWS]
    # `labels` of a cloze cell: examples of each label that are written into the prompt.
    order += [("cloze", corpus, 0, 0) for corpus in CORPORA[1:]]
    order += [("cloze", corpus, 1, seed) for seed in SEEDS for corpus in CORPORA[1:]]
    order += [("micro", "micro-language", 0, seed) for seed in SEEDS]
    order += [("tuned", corpus, labels, seed) for seed in SEEDS for corpus in TUNED for labels in SIZES]
    return [dict(zip(("part", "corpus", "labels", "seed"), cell, strict=True)) for cell in order]


def measure(*, part: str, corpus: str, labels: int, seed: int, full: bool) -> dict[str, Any]:
    """One part on one draw."""
    if part == "micro":
        return micro(seed=seed, updates=(0, 800) if full else (0, 2))
    texts = corpus_of(corpus, full=full)
    if part == "wordings":
        return measure_wordings(corpus, texts)
    if part == "few":
        return measure_few(corpus, texts, seed)
    if part == "cloze":
        return cloze(texts, examples=labels, seed=seed)
    train = draw_evenly(texts.train, labels, seed)
    return measure_tuned(train, texts.test, rate=RATES.get(corpus, 2e-4), updates=UPDATES.get(labels, 2), seed=seed)


def measure_wordings(corpus: str, texts: TextCorpus) -> dict[str, Any]:
    """Macro F1 of every wording on dev, and on test with its interval over texts; the accuracy of every mixture."""
    from companion.evaluation.classification import score_labels

    wordings, gold = wordings_of(corpus), [text.label for text in texts.test]
    found: dict[str, Any] = {"wordings": {}, "texts": len(gold)}
    for name, wording in wordings.items():
        judge = prompted(wording)
        # With thirty classes of about twenty texts, the plain percentile interval lies too low.
        report = score_labels(gold, judge.predict(read(texts.test)), method="bca")
        numbers = {"macro_f1": report.macro_f1.mean, "low": report.macro_f1.low, "high": report.macro_f1.high}
        numbers |= {"accuracy": report.accuracy.mean, "dev_macro_f1": scores(judge, texts.dev)["macro_f1"]}
        found["wordings"][name] = rounded(numbers)
    right = {
        split: mixes_right(corpus, part) for split, part in (("dev", tuple(texts.dev)), ("test", tuple(texts.test)))
    }
    return found | {f"mixes_{split}": rounded_all(right_MN.mean(1)) for split, right_MN in right.items()}


def measure_few(corpus: str, texts: TextCorpus, seed: int) -> dict[str, Any]:
    """Centroids and frozen head on one draw at every size, and what choosing a mixture on part of dev promises."""
    classes, curves = len(texts.labels), {}
    for labels in sorted({*(shots * classes for shots in SHOTS), *SIZES}):
        if classes <= labels <= len(texts.train):
            train = draw_evenly(texts.train, labels, seed)
            nearest = centroids(read(train), [text.label for text in train])
            curves[str(labels)] = {"centroid": scores(nearest, texts.test), "head": head_scores(train, texts.test)}
    return {"curves": curves, "search": measure_search(corpus, texts, seed), "texts": len(texts.test)}


def measure_search(corpus: str, texts: TextCorpus, seed: int) -> dict[str, Any]:
    """For each number of dev texts and of trials: the winner's mean accuracy there, and on test."""
    from companion.evaluation.optimism import expected_best

    dev, test = tuple(texts.dev), mixes_right(corpus, tuple(texts.test)).mean(1).tolist()
    place = {text: number for number, text in enumerate(dev)}
    found: dict[str, Any] = {}
    for size in (size for size in SEARCH if size <= len(dev)):
        drawn = [place[text] for text in stratified_draw(dev, size, seed)]
        chosen_by = mixes_right(corpus, dev)[:, drawn].mean(1).tolist()
        best = [expected_best(chosen_by, test, trials) for trials in TRIALS]
        sides = {"dev": rounded_all(one.dev for one in best), "test": rounded_all(one.test for one in best)}
        found[str(size)] = {"trials": list(TRIALS), **sides}
    return found


@cache
def mixes_right(corpus: str, texts: tuple[Text, ...]) -> np.ndarray:
    """Whether each mixture of the wordings is right about each text, shape [MIXES, texts]."""
    import numpy as np

    judges = [prompted(mix) for mix in mixed_wordings(wordings_of(corpus), MIXES)]
    gold = np.array([text.label for text in texts])
    return np.array([np.array(judge.predict(read(texts))) == gold for judge in judges])


def rounded_all(numbers: Iterable[float]) -> list[float]:
    """Six digits of each."""
    return [round(float(number), 6) for number in numbers]


def measure_tuned(train: Sequence[Text], test: Sequence[Text], *, rate: float, updates: int, seed: int) -> dict:
    """Every weight trained on one draw, the last weights scored on test."""
    from companion.experiments.text_systems import compact_scores
    from companion.training.config import TrainConfig

    settings = {"seed": seed, "learning_rate": rate, "epochs": updates, "max_updates": updates, "progress": False}
    fitted = tuned(train, (), TrainConfig(device="cpu", **settings), batch_size=BATCH)
    return {**compact_scores(test, fitted.answer(test), fitted.labels), **fitted.facts, "train": len(train)}


def scores(judge: NearestLabel, texts: Sequence[Text]) -> dict[str, float]:
    """Macro F1 and accuracy of a nearest-label classifier on these texts, without intervals."""
    return plain_scores([text.label for text in texts], judge.predict(read(texts)))


def head_scores(train: Sequence[Text], test: Sequence[Text]) -> dict[str, float]:
    """The same of logistic regression on the frozen vectors, its strength that of `sentiment-learning-curve`."""
    with warnings.catch_warnings():
        # One text of each label looks like a regression to scikit-learn.
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        fitted = frozen(train, (), (FROZEN_STRENGTH,))
    return plain_scores([text.label for text in test], fitted.predict(test))


def plain_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Macro F1 and accuracy, six digits."""
    from companion.evaluation.classification import score_labels

    report = score_labels(gold, predicted, bootstrap=0)
    return {"macro_f1": round(report.macro_f1.mean, 6), "accuracy": round(report.accuracy.mean, 6)}


def prompted(wording: Wording) -> NearestLabel:
    """The label-sentence classifier of a wording, with vectors that are read once a process."""
    return label_sentences(read_plain, wording)


def read(texts: Sequence[Text]) -> np.ndarray:
    """The frozen mean-pooled vectors of these texts, read once a process."""
    return frozen_features(texts, "mean")


def read_plain(texts: Sequence[str]) -> np.ndarray:
    """The same of texts without labels."""
    from companion.corpora.texts import Text

    return read([Text(text=text, label="-") for text in texts])


@cache
def corpus_of(name: str, *, full: bool) -> TextCorpus:
    """A corpus of `CORPORA`, Helpdesk without its messages out of scope; the fast profile takes 30 texts a split."""
    from dataclasses import replace

    from companion.corpora.catalog import load_corpus

    texts = load_corpus("newsroom").texts("sentiment") if name == CORPORA[2] else load_corpus(name)
    if name == CORPORA[0]:
        texts = texts.without("out_of_scope")
    if full:
        return texts
    parts: dict[str, Any] = {split: stratified_draw(part, FEW, 0) for split, part in texts.splits.items()}
    return replace(texts, **parts)
