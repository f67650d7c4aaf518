"""Token classification from sentences to a trained tagger, on four kinds of encoders."""

from __future__ import annotations

import pytest
import torch

from companion.adaptation import HeadOnly, adapt
from companion.corpora.records import Sentence
from companion.errors import AlignmentError, ConfigError, EvaluationError
from companion.tasks import TokenTask, evaluate
from companion.training import TrainConfig, train
from tests.tiny import LABELS, digest
from tests.tokenizers import KINDS
from tests.unit.tasks.conftest import make_sentences


@pytest.mark.parametrize("kind", KINDS)
def test_a_tagger_learns_from_sentences(tasks, sentences, kind):
    task = tasks[kind]
    run = train(
        task.model(),
        task.batches(sentences, batch_size=8),
        task.objective,
        TrainConfig(epochs=20, learning_rate=5e-3, precision="fp32"),
        evaluate=task.evaluator(sentences),
        say=lambda line: None,
    )
    report = evaluate(run.model, task, sentences, bootstrap=0)
    assert report.entity_f1 == run.best_value > 0.9
    assert run.evaluations[0]["entity_f1"] < run.best_value
    # A sentence nobody has seen, made of names that were.
    unseen = Sentence(words=("Müller", "left", "New", "York", "City"), tags=("O",) * 5, source="made")
    [prediction] = task.predict(run.model, [unseen])
    assert prediction.tags == ("B-PER", "O", "B-LOC", "I-LOC", "I-LOC")
    assert all(0.2 < score <= 1 for score in prediction.scores)


def test_the_labels_are_in_the_configuration_of_the_model(task):
    model = task.model()
    assert model.config.id2label == dict(enumerate(LABELS))
    assert model.config.label2id == task.label_ids
    assert model.classifier.weight.shape[0] == len(LABELS)
    assert digest(task.model(seed=1).state_dict()) == digest(task.model(seed=1).state_dict())
    assert digest(task.model(seed=1).state_dict()) != digest(model.state_dict())
    assert task.model(classifier_dropout=0.4).dropout.p == 0.4


@pytest.mark.parametrize("policy", ["first", "all"])
def test_rows_carry_every_label_of_every_sentence(tasks, sentences, policy):
    seen = 0
    for kind in KINDS:
        task = TokenTask(LABELS, tasks[kind].encoder, policy=policy, max_length=24)
        alignments, ledger = task.align(sentences)
        assert ledger.words_labelled == sum(len(sentence.words) for sentence in sentences)
        assert ledger.windows > ledger.sentences == 40
        source = task.batches(sentences, batch_size=8, order="random", seed=0)
        assert len(source.windows) == ledger.windows
        assert max(len(window.input_ids) for window in source.windows) <= 24
        for sentence, alignment in zip(sentences, alignments, strict=True):
            labels = alignment.per_word([window.labels for window in alignment.windows])
            assert tuple(LABELS[label] for label in labels) == sentence.tags
            seen += 1
    assert seen == 4 * 40


def test_options_reach_the_objective_and_the_batches(task, sentences):
    weighted = TokenTask(LABELS, task.encoder, class_weights=[1, 2, 2, 2, 2], label_smoothing=0.1)
    assert weighted.objective.class_weights == (1, 2, 2, 2, 2)
    assert weighted.objective.label_smoothing == 0.1
    source = task.batches(sentences, batch_size=7, order="random", seed=4)
    assert (source.batch_size, source.order, source.seed) == (7, "random", 4)
    assert source.pad_token_id == task.encoder.tokenizer.pad_token_id


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": []}, "the labels are"),
        ({"labels": ["O"]}, "the labels are"),
        ({"labels": ["B-PER", "O"]}, '"O" first'),
        ({"labels": ["O", "B-PER", "B-PER"]}, "different labels"),
        ({"class_weights": [1.0]}, "1 class_weights for 5 labels"),
        ({"class_weights": [1.0] * 4 + [-1.0]}, "class_weights are"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"max_length": 129}, "max_length is 129, but wordpiece reads 128 word pieces at most"),
        ({"max_length": 2}, "overlap"),
        ({"max_length": 0}, "overlap"),
        ({"max_length": "64"}, "max_length is '64'"),
        ({"max_length": 64.0}, "max_length is 64.0"),
        ({"overlap": True}, "overlap is True"),
        ({"overlap": 128}, "overlap"),
        ({"overlap": -1}, "overlap"),
        ({"policy": "last"}, "policy"),
    ],
)
def test_impossible_settings_are_refused(task, options, message):
    options = {"labels": LABELS} | options
    with pytest.raises(ConfigError, match=message) as caught:
        TokenTask(options.pop("labels"), task.encoder, **options)
    assert caught.value.remedy


def test_a_tag_that_is_no_label_names_the_sentence(task):
    odd = Sentence(words=("Berlin",), tags=("B-ORG",), source="train.conll:17")
    with pytest.raises(AlignmentError, match=r"train.conll:17: B-ORG is not one of the labels"):
        task.batches([*make_sentences(2), odd])
    assert task.predict(task.model(), [odd])[0].tags[0] in LABELS, "tags are not read for prediction"


def test_nothing_to_evaluate_on_is_refused(task):
    with pytest.raises(EvaluationError, match="no sentence to evaluate on"):
        task.evaluator([])


def test_only_the_head_is_trained_when_so_adapted(task, sentences):
    model = adapt(task.model(), HeadOnly())
    body, head = digest(model.base_model.state_dict()), model.classifier.weight.detach().clone()
    run = train(
        model,
        task.batches(sentences, batch_size=8),
        task.objective,
        TrainConfig(epochs=1, learning_rate=1e-2, precision="fp32"),
        say=lambda line: None,
    )
    assert digest(run.model.base_model.state_dict()) == body
    assert not torch.equal(run.model.classifier.weight, head)
