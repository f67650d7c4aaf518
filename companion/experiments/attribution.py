"""Do explanations find what moved the model, and what does a model make of names it never learned?

*Causes*: a small classifier on the micro-language, whose class has one cause word. Each method names the strongest word
of each test sentence, and its scores are held against the truth about this model: how far the log-odds change, on
average, when a word is replaced by every other word of its slot. Three models: a plain one; one that could take a
shortcut, since in training the first word agrees with the class 9 times in 10; and one whose attention is uniform by
construction, because its queries are zero and stay so.

*Names*: the sentences of Newsroom's dev and test with one person of two words, asked about with 64 names none of which
stands in the training data. The encoder alone (label sentences, nothing trained), TF-IDF as a control that cannot know
them, a regression on the frozen encoder, the encoder fine-tuned, and a fine-tuned tagger.

Taught in: book/engineering/explaining
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.corpora.microlanguage import CLASSES, MicroLanguage
from companion.corpora.texts import Text
from companion.experiments.attribution_names import SYSTEMS, measure_names
from companion.experiments.records import Cell, run_cells
from companion.experiments.text_systems import rounded
from companion.randomness import key

if TYPE_CHECKING:
    from torch import nn

    from companion.evaluation.attribution import Attribution
    from companion.tasks.texts import TextTask

NAME = "attribution"
MODELS = ("plain", "shortcut", "uniform")
SEEDS = (0, 1, 2, 3, 4)
AGREEMENT = 0.9
"""How often the first word agrees with the class in training, for the model with a shortcut; in test, half the time."""
TRAIN, TEST, EPOCHS, BATCH, RATE, WIDTH = 400, 50, 4, 32, 3e-3, 32


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has one seed, ten sentences, and no model of names."""
    full = profile == "full"
    cells: list[dict[str, str | int]] = [
        {"part": "causes", "model": model, "seed": seed} for model in MODELS for seed in (SEEDS if full else SEEDS[:1])
    ]
    # What has no seed of its own is measured once.
    cells += [
        {"part": "names", "model": system, "seed": seed}
        for system in (SYSTEMS if full else ())
        for seed in (SEEDS if system in ("tuned", "tagger") else SEEDS[:1])
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, part: str, model: str, seed: int, full: bool) -> dict[str, Any]:
    """The result of one cell."""
    return measure_names(model, seed) if part == "names" else measure_causes(model, seed, TEST if full else 10)


def measure_causes(kind: str, seed: int, sentences: int) -> dict[str, Any]:
    """How well each method finds the cause word, and the words that moved this model."""
    from companion.tasks.scoring import evaluate

    language = MicroLanguage(seed=seed)
    task, model = fit_classifier(language, kind, seed)
    test = texts_of(language, sentences, "test", kind)
    truth = [moved_by_words(language, task, model, text) for text in test]
    result: dict[str, Any] = {
        "accuracy": evaluate(model, task, test, bootstrap=0).accuracy.mean,
        "cause_moves_most": fmean(
            text.text.split()[int(np.abs(moved).argmax())] == text.meta["cause"]
            for text, moved in zip(test, truth, strict=True)
        ),
    }
    for name, method in methods().items():
        found = [method(task, model, text.text) for text in test]
        agreements = [_rank_agreement(one.scores, moved) for one, moved in zip(found, truth, strict=True)]
        defined = [value for value in agreements if value is not None]
        result[name] = {
            **{f"finds_{label}": _hits(found, test, label) for label in CLASSES},
            **rounded({"agreement": fmean(defined) if defined else None}),
            "undefined": len(agreements) - len(defined),
        }
        gaps = [abs(one.gap) for one in found if one.gap is not None]
        if gaps:
            result[name] |= rounded({"largest_gap": max(gaps), "blank_says_bad": _blank(found)})
    return result


def fit_classifier(language: MicroLanguage, kind: str, seed: int) -> tuple[TextTask, nn.Module]:
    """A classifier of the micro-language's two classes: "plain", with a "shortcut" in its data, or "uniform" attention.

    Taught in: book/engineering/explaining
    """
    import torch

    from companion.models.miniature import mini_encoder
    from companion.tasks.texts import TextTask
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    task = TextTask(CLASSES, mini_encoder(language.vocabulary, width=WIDTH, dropout=0.0))
    model = task.model(seed=seed)
    if kind == "uniform":
        for block in model.base_model.encoder["layer"]:
            for parameter in block.attention["self"].query.parameters():
                torch.nn.init.zeros_(parameter)
                parameter.requires_grad_(False)
    config = TrainConfig(epochs=EPOCHS, learning_rate=RATE, seed=seed, device="cpu", precision="fp32", progress=False)
    rows = texts_of(language, TRAIN, "train", kind)
    source = task.batches(rows, batch_size=BATCH, seed=seed)
    return task, train(model, source, task.objective, config, say=lambda line: None).model


def texts_of(language: MicroLanguage, count: int, purpose: str, kind: str = "plain") -> list[Text]:
    """Sentences as texts, labelled with their class; for "shortcut", each begins with a word that seems to tell it.

    Taught in: book/engineering/explaining
    """
    from random import Random

    found = []
    for number, sentence in enumerate(language.sentences(count, purpose=purpose)):
        words, label = list(sentence.words), sentence.meta["class"]
        if kind == "shortcut":
            chance = AGREEMENT if purpose == "train" else 0.5
            agrees = Random(key(language.seed, "shortcut", purpose, number)).random() < chance
            opening = language.slots["opening"][CLASSES.index(label) if agrees else 1 - CLASSES.index(label)]
            words = [opening, *(words[1:] if words[0] in language.slots["opening"] else words)]
        found.append(Text(text=" ".join(words), label=label, source=sentence.source, meta=sentence.meta))
    return found


def moved_by_words(language: MicroLanguage, task: TextTask, model: nn.Module, text: Text) -> np.ndarray:
    """What each word did to the log-odds of the model's answer: as it is, minus the mean over its slot's other words.

    Taught in: book/engineering/explaining
    """
    words = text.text.split()
    slots = [*language.slots.values(), *(names[: language.labelled_per_category] for names in language.names.values())]
    causes = {*language.slots[CLASSES[0]], *language.slots[CLASSES[1]]}
    rows, places = [words], [-1]
    for place, word in enumerate(words):
        own = causes if word in causes else next((set(slot) for slot in slots if word in slot), set())
        for other in sorted(own - {word}):
            rows.append([*words[:place], other, *words[place + 1 :]])
            places.append(place)
    said = np.array([one.probabilities for one in task.predict(model, [" ".join(row) for row in rows])])
    answer = said[0].argmax()
    log_odds = np.log(np.clip(said[:, answer], 1e-12, 1)) - np.log(np.clip(1 - said[:, answer], 1e-12, 1))
    own_places = np.array(places)
    return np.array(
        [
            log_odds[0] - log_odds[own_places == place].mean() if (own_places == place).any() else 0.0
            for place in range(len(words))
        ]
    )


def methods() -> Mapping[str, Callable[..., Attribution]]:
    """What is compared: a function of (task, model, text) for each name.

    Taught in: book/engineering/explaining
    """
    from companion.evaluation.attribution import (
        READINGS,
        attention_received,
        gradient_times_input,
        integrated_gradients,
        occlusion,
    )

    found: dict[str, Callable[..., Attribution]] = {
        "occlusion": occlusion,
        "integrated gradients": integrated_gradients,
        "gradient × input": gradient_times_input,
    }
    for reading in READINGS:
        found[f"attention, {reading}"] = lambda task, model, text, how=reading: attention_received(
            task, model, text, reading=how
        )
    return found


def _hits(found: Sequence[Attribution], test: Sequence[Text], label: str) -> float:
    own = [
        one.words[one.strongest] == text.meta["cause"]
        for one, text in zip(found, test, strict=True)
        if text.label == label
    ]
    return round(fmean(own), 6)


def _blank(found: Sequence[Attribution]) -> float:
    """The mean log-odds of "bad" where no word is seen."""
    return fmean((one.without or 0.0) * (1 if one.label == "bad" else -1) for one in found)


def _rank_agreement(scores: Sequence[float], moved: np.ndarray) -> float | None:
    """Spearman's rank correlation of sizes; None where all are the same."""
    from scipy.stats import rankdata

    ranks = [rankdata(np.round(np.abs(side), 6)) for side in (scores, moved)]
    if any(np.ptp(side) == 0 for side in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])
