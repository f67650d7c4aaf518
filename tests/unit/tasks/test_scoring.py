"""The evaluator of the loop and the report for the reader say the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from companion.tasks import evaluate
from companion.tasks.inference import TagPrediction
from companion.tasks.scoring import TokenEvaluator
from companion.training import TrainConfig, train
from tests.tiny import digest
from tests.unit.tasks.conftest import make_sentences


@pytest.fixture(scope="module")
def trained(tasks):
    task = tasks["wordpiece"]
    config = TrainConfig(epochs=3, learning_rate=5e-3, precision="fp32")
    model = task.model()
    train(model, task.batches(make_sentences(30), batch_size=8), task.objective, config, say=lambda line: None)
    return model


def test_the_evaluator_gives_the_numbers_of_the_report(task, trained, sentences):
    numbers, report = task.evaluator(sentences)(trained), evaluate(trained, task, sentences, bootstrap=50)
    assert numbers == {
        "entity_f1": report.entity_f1,
        "precision": report.precision,
        "recall": report.recall,
    }
    assert 0 < report.low <= report.entity_f1 <= report.high <= 1
    assert report.sentences == len(sentences)
    assert (TokenEvaluator.metric, TokenEvaluator.greater_is_better) == ("entity_f1", True)


def test_the_report_compares_gold_tags_with_predictions(task, trained, sentences):
    report = evaluate(trained, task, sentences, bootstrap=0)
    predictions = task.predict(trained, sentences)
    gold = {(number, *entity) for number, sentence in enumerate(sentences) for entity in sentence.entities()}
    found = {
        (number, *entity)
        for number, (sentence, prediction) in enumerate(zip(sentences, predictions, strict=True))
        for entity in replace(sentence, tags=prediction.tags).entities()
    }
    assert report.micro.gold == len(gold)
    assert report.micro.predicted == len(found)
    assert report.micro.correct == len(gold & found)


def test_names_seen_in_training_are_told_apart(task, trained, sentences):
    report = evaluate(trained, task, sentences, train=sentences[:1], bootstrap=0)
    assert report.seen.gold + report.unseen.gold == report.micro.gold
    assert 0 < report.seen.gold < report.micro.gold
    assert evaluate(trained, task, sentences, bootstrap=0).seen is None


def test_nothing_found_counts_as_zero_for_the_loop(monkeypatch, task, sentences):
    def all_outside(model, alignments, labels, **options):
        sizes = [alignment.word_count for alignment in alignments]
        return [TagPrediction(tags=("O",) * size, raw_tags=("O",) * size, scores=(1.0,) * size) for size in sizes]

    monkeypatch.setattr("companion.tasks.scoring.predict_tags", all_outside)
    assert task.evaluator(sentences)(None) == {"entity_f1": 0.0, "precision": 0.0, "recall": 0.0}


def test_evaluating_changes_nothing(task, trained, sentences):
    before = digest(trained.state_dict())
    first = evaluate(trained, task, sentences).to_dict()
    assert evaluate(trained, task, sentences).to_dict() == first
    assert evaluate(trained, task, sentences, seed=1).to_dict()["low"] is not None
    assert digest(trained.state_dict()) == before
