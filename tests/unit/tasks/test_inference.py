"""Prediction: one tag a word, whatever shares its batch, however long its sentence."""

from __future__ import annotations

import pytest
import torch

from companion.corpora.records import Sentence
from companion.corpora.schemes import repair, validate
from companion.tasks import TokenTask
from companion.tasks.inference import predict_tags
from tests.tiny import LABELS
from tests.tokenizers import KINDS
from tests.unit.tasks.conftest import make_sentences


def sentence(*words: str) -> Sentence:
    return Sentence(words=words, tags=("O",) * len(words), source="made")


@pytest.fixture(scope="module")
def decided(tasks):
    """A tagger whose random head decides clearly, so that rounding cannot change a tag."""
    model = tasks["wordpiece"].model(seed=1)
    with torch.no_grad():
        model.classifier.weight.mul_(100)
    return model


@pytest.mark.parametrize("order", ["as given", "reversed"])
def test_tags_do_not_depend_on_the_batch(task, decided, order):
    sentences = make_sentences(30, seed=1, longest=12)
    alignments, _ = task.align(sentences, labelled=False)
    alone = [predict_tags(decided, [alignment], LABELS, pad_token_id=0)[0] for alignment in alignments]
    if order == "reversed":
        alignments.reverse(), alone.reverse()
    for budget in (1, 100, 1000, 10**9):
        together = predict_tags(decided, alignments, LABELS, pad_token_id=0, piece_budget=budget)
        assert [prediction.tags for prediction in together] == [prediction.tags for prediction in alone]
        for one, other in zip(together, alone, strict=True):
            assert one.scores == pytest.approx(other.scores, abs=1e-5)
    assert len({tag for prediction in alone for tag in prediction.tags}) > 2


def test_the_padding_id_does_not_matter(task, decided):
    alignments, _ = task.align(make_sentences(20), labelled=False)
    by_id = [predict_tags(decided, alignments, LABELS, pad_token_id=number) for number in (0, 77)]
    assert [prediction.tags for prediction in by_id[0]] == [prediction.tags for prediction in by_id[1]]
    for one, other in zip(*by_id, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_of_a_long_sentence_gets_a_tag(tasks, kind):
    task = tasks[kind]
    long = sentence(*(["Angela", "Merkel", "visited", "New", "York", "City", "."] * 90))
    [prediction] = task.predict(task.model(), [long])
    assert len(prediction.tags) == len(prediction.raw_tags) == len(prediction.scores) == 630
    assert min(prediction.scores) >= 1 / len(LABELS)


def test_a_long_sentence_is_tagged_as_its_windows_are(tasks, decided):
    """The tag of a word comes from the window that owns it, and from no other."""
    task = TokenTask(LABELS, tasks["wordpiece"].encoder, max_length=24, overlap=8)
    words = make_sentences(1, seed=3, longest=20)[0].words
    alignments, _ = task.align([sentence(*words)], labelled=False)
    windows = alignments[0].windows
    assert len(windows) >= 3
    [prediction] = predict_tags(decided, alignments, LABELS, pad_token_id=0)
    checked = 0
    for window in windows:
        with torch.no_grad():
            logits = decided(torch.tensor([window.input_ids])).logits[0]
        for word, position in window.scored():
            assert prediction.raw_tags[word] == LABELS[logits[position].argmax()]
            checked += 1
    assert checked == len(words)


def test_a_word_without_pieces_is_outside(tasks):
    task = tasks["wordpiece"]
    [prediction] = task.predict(task.model(), [sentence("Angela", "\u200b", "Merkel")])
    assert len(prediction.tags) == 3
    [nothing] = task.predict(task.model(), [sentence("\u200b")])
    assert len(nothing.tags) == 1


def test_nothing_gives_nothing(task):
    assert task.predict(task.model(), []) == []


def test_tags_are_well_formed_and_raw_tags_are_what_the_model_said(task, decided):
    predictions = task.predict(decided, make_sentences(40, seed=2))
    broken = [prediction for prediction in predictions if validate(prediction.raw_tags)]
    assert len(broken) > 3, "a random tagger enters entities with I-"
    for prediction in predictions:
        assert validate(prediction.tags) == []
        assert list(prediction.tags) == repair(prediction.raw_tags)[0]


def test_the_model_is_left_in_its_mode(task):
    model = task.model(hidden_dropout_prob=0.5)
    for mode in (True, False):
        model.train(mode)
        first, second = (task.predict(model, make_sentences(5)) for _ in range(2))
        assert first == second, "dropout is off while predicting"
        assert model.training is mode
        assert torch.is_grad_enabled()
