"""Cloze prompts on two language models: the offline encoder with its trained head, and a MiniBERT whose world is known.

On the offline encoder six templates ask for sentiment, as they are and less what the prompt itself leans to, with no
example or one of each label written before the text. In the micro-language five templates ask for the category of the
names that no label was ever spent on: the words that may stand before or after a name tell it, and are the verbalisers.

Taught in: book/constraints/prompting
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from companion.experiments.fixed_steps import fit
from companion.experiments.sentiment_learning_curve import stratified_draw
from companion.experiments.what_pretraining_buys import BATCH, RATE, SHARE, TEXT
from companion.tasks.cloze import ClozePrompt
from companion.tasks.prompting import draw_evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from companion.corpora.microlanguage import MicroLanguage
    from companion.corpora.texts import TextCorpus
    from companion.models.miniature import MiniEncoder

WORDS = {
    "negative": ("bad", "terrible", "worse"),
    "neutral": ("normal", "ordinary", "usual"),
    "positive": ("good", "great", "better"),
}
TEMPLATES = (
    "{text} This is {mask} news.",
    "{text} It was {mask}.",
    "{text} All in all, it was {mask}.",
    "The news is {mask}: {text}",
    "{mask} news. {text}",
    "In short: {mask}. {text}",
)
MOST_TEST = 300
"""Test texts that are read, a seeded choice that keeps the labels' shares: every template reads all of them."""
QUESTIONS = {
    "NAME ___ .": ("{text} {mask} .", "after"),
    "neutral NAME ___ .": ("BETWEEN {text} {mask} .", "after"),
    "___ NAME .": ("{mask} {text} .", "before"),
    "___ NAME neutral .": ("{mask} {text} BETWEEN .", "before"),
    "___ NAME filler .": ("{mask} {text} FILLER .", "before"),
}
"""Template, and where the telling words would stand; BETWEEN and FILLER become a word of that slot."""


def cloze(texts: TextCorpus, *, examples: int, seed: int) -> dict[str, Any]:
    """Macro F1 and accuracy of every template on 300 test texts, raw and calibrated, with so many examples a label."""
    from companion.evaluation.classification import score_labels
    from companion.models.encoder import load_encoder
    from companion.tasks.masked_lm import MaskedLMTask

    encoder = load_encoder()
    test = stratified_draw(texts.test, MOST_TEST, 0)
    model, gold = MaskedLMTask(encoder).model(), [text.label for text in test]
    drawn = draw_evenly(texts.train, examples * len(WORDS), seed) if examples else []
    found: dict[str, Any] = {"texts": len(gold), "templates": {}}
    for template in TEMPLATES if not examples else TEMPLATES[:1]:
        prompt = ClozePrompt(encoder, template, WORDS, examples=drawn)
        with warnings.catch_warnings():
            # The cut texts are counted in the result.
            warnings.simplefilter("ignore", UserWarning)
            scores_NC, prior_C = prompt.scores(model, test), prompt.prior(model)
        arms = {}
        for arm, logs_NC in (("raw", scores_NC), ("calibrated", scores_NC - prior_C)):
            predicted = [prompt.labels[place] for place in logs_NC.argmax(1)]
            report = score_labels(gold, predicted, bootstrap=0)
            arms[arm] = {"macro_f1": round(report.macro_f1.mean, 6), "accuracy": round(report.accuracy.mean, 6)}
            arms[arm] |= {"most_given": max(map(predicted.count, prompt.labels))}
        found["templates"][template] = {**arms, "cut": prompt.texts_cut}
    return found


def micro(*, seed: int, updates: Sequence[int]) -> dict[str, Any]:
    """The share of never-labelled names whose category each question finds, after so many updates of reading."""
    from companion.corpora.microlanguage import MicroLanguage

    language = MicroLanguage(seed=seed)
    names, truth = unlabelled_names(language)
    found: dict[str, Any] = {"names": len(names), "questions": {question: {} for question in QUESTIONS}}
    for count in updates:
        encoder, model = read_language(language, updates=count)
        for question in QUESTIONS:
            predicted = ask(language, encoder, question).predict(model, names)
            right = sum(said == true for said, true in zip(predicted, truth, strict=True))
            found["questions"][question][str(count)] = round(right / len(names), 6)
    return found


def unlabelled_names(language: MicroLanguage) -> tuple[list[str], list[str]]:
    """The names that may stand in no labelled sentence, and the category of each.

    Taught in: book/constraints/prompting
    """
    edge = language.labelled_per_category
    names = [name for own in language.names.values() for name in own[edge:]]
    return names, [language.category_of[name] for name in names]


def read_language(language: MicroLanguage, *, updates: int) -> tuple[MiniEncoder, nn.Module]:
    """A MiniBERT that has read the language's text for so many updates, with its language head.

    Taught in: book/constraints/prompting
    """
    from companion.models.miniature import mini_encoder
    from companion.tasks.masked_lm import MaskedLMTask

    encoder = mini_encoder(language.vocabulary, dropout=0.0)
    task = MaskedLMTask(encoder, share=SHARE)
    model = task.model(seed=language.seed)
    if updates:
        source = task.batches(language.text(TEXT), batch_size=BATCH)
        model = fit(model, source, task.objective, steps=updates, rate=RATE, seed=language.seed).model
    return encoder, model


def ask(language: MicroLanguage, encoder: MiniEncoder, question: str) -> ClozePrompt:
    """The cloze prompt of one of `QUESTIONS`, with all telling words of each category as verbalisers.

    Taught in: book/constraints/prompting
    """
    template, place = QUESTIONS[question]
    for slot in ("between", "filler"):
        template = template.replace(slot.upper(), language.slots[slot][0])
    words = {kind: language.slots[f"{place} {kind}"] for kind in language.names}
    return ClozePrompt(encoder, template, words)
