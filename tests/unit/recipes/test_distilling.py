"""Distillation in one call: the student learns from labels and teacher; unlabelled rows get the teacher's answers."""

from __future__ import annotations

import json

import pytest
import torch

import companion
from companion.adaptation.shrinking import drop_layers
from companion.corpora import Corpus
from companion.errors import ConfigError
from companion.models.miniature import mini_encoder_like
from companion.recipes.distilling import answered, distil

CONFIG = companion.TrainConfig(epochs=2, learning_rate=3e-3, precision="fp32", device="cpu", progress=False)
TYPES = ("LOC", "ORG", "PER", "PROD")


@pytest.fixture(scope="module")
def taught():
    """A world, its task, and a teacher that has learned a little."""
    language = companion.MicroLanguage(seed=0)
    rows = language.sentences(48)
    corpus = Corpus(name="micro", train=rows, dev=language.sentences(12, purpose="dev"), types=TYPES)
    task = companion.TokenTask(corpus.labels, companion.mini_encoder(language.vocabulary, width=16, dropout=0.0))
    teacher = companion.train(task.model(), task.batches(rows), task.objective, CONFIG, say=lambda line: None).model
    return corpus, task, teacher


def test_the_student_learns_from_both(taught):
    corpus, task, teacher = taught
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    found = distil(task, teacher, drop_layers(teacher, [0]), corpus, CONFIG, say=lambda line: None)
    last = found.run.history[-1]
    assert {"supervised", "distillation"} <= set(last)
    assert found.run.model.config.num_hidden_layers == 1
    assert found.run.best_value is not None
    assert all(torch.equal(before[name], tensor) for name, tensor in teacher.state_dict().items())
    # Sabotage: a weight of 0 leaves the labels alone, and other weights.
    alone = distil(task, teacher, drop_layers(teacher, [0]), corpus, CONFIG, weight=0.0, say=lambda line: None)
    assert not torch.equal(alone.run.model.classifier.weight, found.run.model.classifier.weight)


def test_unlabelled_rows_get_the_answers_of_the_teacher(taught):
    corpus, task, teacher = taught
    rows = corpus.dev
    said = answered(task, teacher, rows)
    assert [row.words for row in said] == [row.words for row in rows]
    assert [row.tags for row in said] == [tuple(one.tags) for one in task.predict(teacher, rows)]
    assert answered(task, teacher, []) == []
    more = distil(task, teacher, drop_layers(teacher, [0]), corpus, CONFIG, unlabelled=rows, say=lambda line: None)
    assert more.run.steps == 2 * -(-(len(corpus.train) + len(rows)) // 32)


def test_a_small_body_reads_the_pieces_of_its_teacher_and_opens_with_transformers(taught, tmp_path):
    corpus, task, teacher = taught
    small = companion.TokenTask(corpus.labels, mini_encoder_like(task.encoder, width=8, layers=1, heads=2))
    found = distil(task, teacher, small.model(), corpus, CONFIG, say=lambda line: None)
    folder = small.export(found.run.model, tmp_path / "student")
    assert json.loads((folder / "config.json").read_text("utf-8"))["architectures"] == ["BertForTokenClassification"]
    predictor = companion.load(folder)
    assert type(predictor.model).__name__ == "BertForTokenClassification"
    mine, theirs = (task.predict(model, corpus.dev) for model in (found.run.model, predictor.model))
    assert [one.tags for one in mine] == [one.tags for one in theirs]


def test_what_cannot_be_distilled_is_said(taught):
    corpus, task, teacher = taught
    with pytest.raises(ConfigError, match="the teacher itself"):
        distil(task, teacher, teacher, corpus, CONFIG)
    with pytest.raises(ConfigError, match="multiple of heads"):
        mini_encoder_like(task.encoder, width=10, heads=4)
    text = companion.TextTask(("number",), task.encoder, kind="regression", max_length=8)
    with pytest.raises(ConfigError, match="no single label"):
        distil(text, teacher, task.model(), corpus, CONFIG)
