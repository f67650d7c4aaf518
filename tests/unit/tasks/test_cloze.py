"""Cloze prompts on a language of six words: the gap by hand, what may be cut, and what a prompt may not be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import companion
from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError, EvaluationError
from companion.tasks import ClozePrompt, MaskedLMTask

WORDS = ("film", "the", "was", "good", "fine", "bad", ".")
LABELS = {"yes": ("good", "fine"), "no": "bad"}


@pytest.fixture(scope="module")
def encoder():
    return companion.mini_encoder(WORDS, width=16, heads=2, layers=1, max_length=12, dropout=0.0)


@pytest.fixture(scope="module")
def model(encoder):
    return MaskedLMTask(encoder).model(seed=1)


def test_the_score_is_the_log_of_the_mean_probability_in_the_gap(encoder, model) -> None:
    prompt, tokenizer = ClozePrompt(encoder, "{text} was {mask} .", LABELS), encoder.tokenizer
    texts = ["the film", "film"]
    assert prompt.fill(texts[0]) == "the film was [MASK] ."
    scores_NC = prompt.scores(model, texts)
    assert scores_NC.shape == (2, 2) and prompt.labels == ("yes", "no")
    inputs = tokenizer(prompt.fill(texts[0]), return_tensors="pt")
    with torch.inference_mode():
        gap_V = model.eval()(inputs["input_ids"], inputs["attention_mask"]).logits[0, 4].softmax(-1)
    good, fine, bad = (float(gap_V[tokenizer.convert_tokens_to_ids(word)]) for word in ("good", "fine", "bad"))
    assert scores_NC[0] == pytest.approx([np.log((good + fine) / 2), np.log(bad)], abs=1e-5)
    # The twin: a sum would reward the label that has more words.
    assert scores_NC[0, 0] != pytest.approx(np.log(good + fine), abs=1e-3)
    assert prompt.scores(model, texts[1:]) == pytest.approx(scores_NC[1:], abs=1e-5)


def test_calibration_takes_away_what_the_prompt_leans_to(encoder, model) -> None:
    prompt = ClozePrompt(encoder, "{text} was {mask} .", LABELS)
    prior_C = prompt.prior(model, ["the"])
    assert prior_C == pytest.approx(prompt.scores(model, ["the"])[0])
    lean = np.array([100.0, 0.0])
    assert prompt.predict(model, ["film", "the film"], prior=lean) == ["no", "no"]
    assert prompt.predict(model, ["film"], prior=-lean) == ["yes"]
    with pytest.raises(EvaluationError, match="no text without content"):
        prompt.prior(model, [])


def test_examples_stand_before_the_text_with_their_gaps_filled(encoder, model) -> None:
    shown = [Text(text="film", label="no", source="a:1")]
    prompt = ClozePrompt(encoder, "{text} was {mask} .", LABELS, examples=shown)
    assert prompt.fill("the film") == "film was bad . the film was [MASK] ."
    assert prompt.scores(model, ["the film"]).shape == (1, 2)
    with pytest.raises(DataError, match="a:1: no word stands for its label 'perhaps'"):
        ClozePrompt(encoder, "{text} {mask}", LABELS, examples=[Text(text="film", label="perhaps", source="a:1")])


def test_a_long_text_loses_its_end_and_never_the_gap(encoder, model) -> None:
    prompt = ClozePrompt(encoder, "{text} was {mask} .", LABELS)
    with pytest.warns(UserWarning, match="1 of 2 texts did not fit"):
        long, short = prompt.rows(["the film " * 20, "film"])
    assert prompt.texts_cut == 1 and len(long) == 12 and len(short) == 6
    assert encoder.tokenizer.decode(long).endswith("the was [MASK] . [SEP]")
    with pytest.raises(DataError, match="text 2: the text holds a mask itself"):
        prompt.rows(["film", "the [MASK]"])


@pytest.mark.parametrize(
    ("template", "words", "named"),
    [
        ("the film was {mask}", LABELS, "needs {text} once"),
        ("{text} {mask} {mask}", LABELS, "needs {mask} once"),
        ("{text} {mask}", {"yes": "good"}, "at least two labels"),
        ("{text} {mask}", {"yes": "good", "no": ()}, "each with a word"),
        ("{text} {mask}", {"yes": "good", "no": "awful"}, "'awful' of 'no'"),
        ("{text} {mask}", {"yes": "good", "no": "the film"}, "the film"),
        ("{text} {mask}", {"yes": "good", "no": "good"}, "stands for 'yes' and for 'no'"),
        ("the film was the film was the film {text} was {mask} .", LABELS, "the prompt alone takes 13 of 12"),
    ],
)
def test_a_prompt_that_cannot_work_says_why(encoder, template, words, named) -> None:
    with pytest.raises(ConfigError) as caught:
        ClozePrompt(encoder, template, words)
    assert named in str(caught.value)


def test_a_text_may_hold_braces(encoder) -> None:
    prompt = ClozePrompt(encoder, "{text} was {mask} .", LABELS)
    assert prompt.fill("{film} {0}") == "{film} {0} was [MASK] ."
