"""Prompting against fine-tuning: a plan with every cell once, wordings that are complete, and cells that are real."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

import companion
from companion.errors import ConfigError, RecordError
from companion.experiments import load_record, prompting_arms, prompting_cloze
from companion.experiments.label_wordings import mixed_wordings, wordings_of
from companion.experiments.prompting_arms import CORPORA, MIXES, NAME, SIZES, plan, run
from companion.experiments.prompting_cloze import QUESTIONS, TEMPLATES, ask, unlabelled_names
from companion.tasks import ClozePrompt, draw_evenly


def test_the_plan_is_every_cell_once() -> None:
    cells = [tuple(cell.values()) for cell in plan()]
    assert len(cells) == len(set(cells)) == 110
    assert Counter(part for part, *_ in cells) == {"wordings": 3, "few": 60, "cloze": 12, "micro": 5, "tuned": 30}
    assert {labels for part, _, labels, _ in cells if part == "tuned"} == set(SIZES) == {50, 200, 800}


@pytest.mark.parametrize("corpus", ["helpdesk", "newsroom-sentiment"])
def test_every_wording_has_a_sentence_for_every_label(corpus: str) -> None:
    wordings, labels = wordings_of(corpus), set(prompting_arms.corpus_of(corpus, full=True).labels)
    assert len(wordings) >= 8
    assert all(set(wording) == labels and all(wording.values()) for wording in wordings.values())
    assert len({tuple(wording.values()) for wording in wordings.values()}) == len(wordings)
    mixes = mixed_wordings(wordings, MIXES)
    allowed = {label: {wording[label] for wording in wordings.values()} for label in labels}
    assert all(mix[label] in allowed[label] for mix in mixes for label in labels)
    assert mixes == mixed_wordings(wordings, MIXES) and len({tuple(mix.values()) for mix in mixes}) > MIXES * 0.8
    with pytest.raises(ConfigError, match="no label sentences"):
        wordings_of("wnut17")


def test_the_fast_profile_measures_real_cells(tmp_path: Path) -> None:
    # Read at once, so that the encoder is opened once and not for every wording.
    prompting_arms.read_plain([own for one in wordings_of(CORPORA[2]).values() for own in one.values()])
    wordings, few, cloze, tuned = (cell.result for cell in run("fast", tmp_path, say=lambda line: None))
    assert len(wordings["wordings"]) == 10 and len(set(wordings["mixes_test"])) > 5
    assert list(few["curves"]) == ["3", "6", "12", "24"] and few["curves"]["24"].keys() == {"centroid", "head"}
    one = few["search"]["30"]
    # One trial is no choice: its promise is the mean of all; two hundred choose the best of all.
    assert one["dev"][-1] == max(wordings["mixes_dev"]) >= one["dev"][0]
    assert one["test"][0] == pytest.approx(sum(wordings["mixes_test"]) / MIXES, abs=1e-5)
    assert len(cloze["templates"]) == 6 and cloze["texts"] == 30
    assert tuned["steps"] == 2 and tuned["train"] == 20 and tuned["texts"] == 30


def test_the_questions_ask_for_names_that_no_label_was_spent_on() -> None:
    language = companion.MicroLanguage(seed=0)
    encoder = companion.mini_encoder(language.vocabulary)
    names, truth = unlabelled_names(language)
    assert len(names) == len(set(names)) == 4 * 52 and Counter(truth) == dict.fromkeys(language.names, 52)
    assert not {sentence.meta["name"] for sentence in language.sentences(200)} & set(names)
    for question in QUESTIONS:
        prompt = ask(language, encoder, question)
        assert prompt.labels == tuple(language.names) and all(len(words) == 6 for words in prompt.words.values())
        assert "BETWEEN" not in prompt.fill("x") and "FILLER" not in prompt.fill("x")


@pytest.mark.parametrize(
    "corpus",
    [
        "newsroom-sentiment",
        pytest.param(
            "financial-phrasebank",
            marks=[
                pytest.mark.public_data,
                pytest.mark.skipif("COMPANION_DATA" not in os.environ, reason="COMPANION_DATA is not set"),
            ],
        ),
    ],
)
def test_an_example_of_each_label_leaves_room_for_the_text(corpus: str) -> None:
    encoder, train = companion.load_encoder(), prompting_arms.corpus_of(corpus, full=True).train
    for seed in prompting_arms.SEEDS:
        examples = draw_evenly(train, 3, seed)
        prompt = ClozePrompt(encoder, TEMPLATES[0], prompting_cloze.WORDS, examples=examples)
        assert all(example.text in prompt.fill("x") for example in examples)
        assert len(prompt.rows([max(train, key=lambda text: len(text.text)).text])[0]) <= encoder.max_length
        assert prompt.texts_cut == 0


def test_the_record_has_no_cell_outside_the_plan() -> None:
    planned = {tuple(cell.values()) for cell in plan()}
    try:
        measured = load_record(NAME)
    except RecordError:
        measured = []
    assert {tuple(cell.factors.values()) for cell in measured} <= planned
    assert len(CORPORA) == 3
