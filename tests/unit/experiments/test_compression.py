"""The arms of `compression`: each is made from one teacher, scored on the same rows, and weighed in bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import companion
from companion.experiments import compression
from companion.experiments.compression import BITS, LAYERS, SHARES, run, sparse_product, time_ratios


@pytest.fixture
def small(monkeypatch):
    """The experiment on a small world; the export, which takes seconds, is left to the tests of the export."""
    language = companion.MicroLanguage(seed=0)
    encoder = companion.mini_encoder(language.vocabulary, width=16, layers=6, dropout=0.0)
    task = companion.TokenTask(("O", "B-LOC", "B-ORG", "B-PER", "B-PROD"), encoder)
    monkeypatch.setattr(compression, "task_of", lambda corpus: task)
    monkeypatch.setattr(
        compression, "held_out", lambda corpus, split, most: language.sentences(most or 64, purpose=split)
    )
    monkeypatch.setattr(compression, "exported", lambda *arguments: ({}, {}))
    monkeypatch.setattr(compression, "sparse_product", lambda: {"0.9": 1.0})


def test_the_fast_profile_runs_every_arm(small, tmp_path: Path) -> None:
    (cell,) = run("fast", tmp_path, say=lambda line: None)
    arms = cell.result["arms"]
    expected = {"teacher", *(f"pruned-{share}" for share in SHARES), f"pruned-{SHARES[-1]}-trained"}
    expected |= {f"layers-{count}" for count in LAYERS} | {"layers-3-trained", "layers-3-distilled"}
    expected |= {f"bits-{bits}" for bits in BITS} | {"mini-trained", "mini-distilled"}
    assert set(arms) == expected
    assert {arm["rows"] for arm in arms.values()} == {8}
    sizes = {name: arm["bytes"] for name, arm in arms.items()}
    assert sizes["layers-3"] < sizes["layers-4"] < sizes["layers-5"] < sizes["teacher"]
    assert sizes["bits-3"] < sizes["bits-4"] < sizes["bits-8"] < sizes["teacher"] / 2
    assert sizes["pruned-0.9"] < sizes["pruned-0.5"] < sizes["teacher"]
    assert set(cell.result["times_faster"]) == {"pruned-0.9", "layers-3", "mini-distilled"}
    assert run("fast", tmp_path, say=pytest.fail) == [cell]


def test_a_ratio_is_that_of_the_teacher_to_the_other() -> None:
    class Waiting:
        """A task whose models only spend time."""

        def predict(self, rounds: int, rows: list[int]) -> None:
            for _ in range(rounds):
                torch.ones(60, 60) @ torch.ones(60, 60)

    ratios = time_ratios(Waiting(), {"teacher": 400, "quick": 100}, [0] * 5, 2)
    assert set(ratios) == {"quick"}
    assert ratios["quick"] > 1.5


def test_sparse_products_are_compared_at_three_shares() -> None:
    assert list(sparse_product(repeats=2)) == ["0.5", "0.9", "0.99"]
