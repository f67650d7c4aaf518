"""The three patients of the chapter on second opinions are as sick as it says, and their cures cure."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import companion
from companion.corpora.catalog import load_corpus
from companion.teaching import patients
from tests import clinic

LABELS, PADDING, CLEARED = "labels on their words", "padding and special tokens", "gradient cleared"
PIECES, LEAK = "micro-batches", "test rows in train"
TRAINS, DROPOUT, NAMES = "what trains", "dropout", "label names"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patients.make_checkpoint(tmp_path_factory.mktemp("patients") / "small-bert", clinic.tokenizer())


def found(model: Any, loader: Any = None, **given: Any) -> set[str]:
    report = companion.doctor(model, loader, **given)
    assert {one.probe for one in report.not_checked} == set(), "each of these probes has looked"
    return {finding.probe for finding in report.findings}


@pytest.mark.parametrize(
    ("kind", "faults"), [(patients.Tagger, {LABELS, PADDING, CLEARED}), (patients.CuredTagger, set())]
)
def test_the_tagger(checkpoint: Path, kind: type[patients.Tagger], faults: set[str]):
    rows, tags = clinic.sentences("train")[:24], clinic.tag_names()
    job = kind(checkpoint, clinic.tokenizer(), rows, tags)
    given = {"step": job.train_step, "optimizer": job.optimizer, "train": rows, "labels": tags}
    asked = [LABELS, PADDING, CLEARED]
    assert found(job.model, job.loader, tokenizer=clinic.tokenizer(), only=asked, **given) == faults
    assert len(job.train(epochs=1)) == 2
    assert 0 <= job.score(rows) <= 1


@pytest.mark.parametrize(("kind", "faults"), [(patients.Urgency, {PIECES, LEAK}), (patients.CuredUrgency, set())])
def test_the_urgent_messages(checkpoint: Path, kind: type[patients.Urgency], faults: set[str]):
    desk = kind(checkpoint, clinic.tokenizer(), load_corpus("helpdesk").train[:700], steps=1)
    assert len(desk.test_rows) == 500
    assert found(desk.trainer, train=desk.train_rows, test=desk.test_rows, only=[PIECES, LEAK]) == faults
    silent = SimpleNamespace(predictions=np.array([[1, 0]] * 4), label_ids=np.array([0, 0, 0, 1]))
    assert list(desk.metric(silent).values()) == [0.75 if faults else 0.0]


@pytest.mark.parametrize(
    ("kind", "faults"), [(patients.Sentiment, {TRAINS, DROPOUT, NAMES}), (patients.CuredSentiment, set())]
)
def test_the_sentiment(checkpoint: Path, kind: type[patients.Sentiment], faults: set[str]):
    texts = clinic.texts("train")[:16]
    job = kind(checkpoint, clinic.tokenizer(), texts, texts[:4], clinic.CLASSES)
    job.unfreeze()
    given = {"step": job.step, "optimizer": job.optimizer, "evaluate": job.evaluate, "labels": clinic.CLASSES}
    assert found(job.model, job.loader, only=[TRAINS, DROPOUT, NAMES], **given) == faults
