"""The language head: text apart from all labels, a bias that knows frequencies, a file that loads as it was written."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

import companion
from companion.experiments import language_head
from companion.experiments.language_head import log_frequencies, sides, unigram_loss
from companion.models.language_head import HEAD, NAMES
from companion.tasks import MaskedLMTask


@pytest.fixture(scope="module")
def task():
    return MaskedLMTask(companion.load_encoder())


def test_the_two_sides_share_no_sentence_with_each_other_or_with_the_labels():
    train, held_out = sides()
    assert len(train) > 8 * len(held_out) > 2000
    labelled = {row.meta["text"] for rows in companion.load_corpus("newsroom").splits.values() for row in rows}
    assert not labelled & {*train, *held_out}
    assert not set(train) & set(held_out)


def test_frequencies_are_a_distribution_and_beat_a_uniform_guess(task):
    texts = sides().train[:200]
    frequencies = log_frequencies(task, texts)
    assert float(frequencies.exp().sum()) == pytest.approx(1.0, abs=1e-4)
    judge = task.evaluator(texts)
    assert unigram_loss(judge, frequencies) < 7.0 < float(torch.log(torch.tensor(float(len(frequencies)))))


def test_the_file_holds_the_trained_head_and_its_page_says_how_it_was_made(tmp_path, monkeypatch):
    monkeypatch.setattr(language_head, "TRIALS", language_head.TRIALS[:1])
    *_, cell = language_head.run("fast", tmp_path / "records", say=lambda line: None)
    assert cell.result["updates"] == 2
    assert cell.result["parameters"] == 179_130
    assert cell.result["bytes"] < 400_000
    stored = load_file(tmp_path / "language-head" / "offline.safetensors")
    assert set(stored) == set(NAMES)
    assert {tensor.dtype for tensor in stored.values()} == {torch.bfloat16}
    page = (tmp_path / "language-head" / "README.md").read_text(encoding="utf-8")
    assert cell.result["sha256"] in page
    assert "CC0-1.0" in page
    assert HEAD == "cls.predictions."
