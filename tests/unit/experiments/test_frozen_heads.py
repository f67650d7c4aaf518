"""A head on frozen vectors: seeded, paired, stopped early by the loop's own rule."""

from __future__ import annotations

import pytest
import torch

from companion.errors import DataError
from companion.experiments.frozen_heads import VectorBatches, VectorHead, Vectors, fit_head, judge


@pytest.fixture(scope="module")
def rows() -> Vectors:
    """Ninety points around three corners, one label each."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    corners = torch.eye(3)[labels] * 3
    return Vectors(vectors_ND=corners + 0.1 * torch.randn(90, 3, generator=draw), labels_N=labels)


def test_a_head_learns_and_is_repeatable(rows: Vectors) -> None:
    run = fit_head(rows, classes=3, seed=1, updates=40)
    assert judge(run.model, rows)["accuracy"] == 1.0
    assert run.losses == fit_head(rows, classes=3, seed=1, updates=40).losses
    assert run.losses != fit_head(rows, classes=3, seed=2, updates=40).losses


def test_stopping_early_is_the_beginning_of_the_longer_run(rows: Vectors) -> None:
    noisy = rows.flipped(0.5, 3)
    options = {"classes": 3, "seed": 0, "dev": noisy.take(range(45, 90)), "every": 4, "updates": 80}
    long = fit_head(noisy.take(range(45)), test=rows, **options)
    short = fit_head(noisy.take(range(45)), patience=2, **options)
    assert short.steps < long.steps == 80
    assert short.losses == long.losses[: short.steps]
    assert [look["accuracy"] for look in short.evaluations] == [
        look["accuracy"] for look in long.evaluations[: len(short.evaluations)]
    ]
    assert all(0.0 <= look["test"] <= 1.0 for look in long.evaluations)


def test_each_row_comes_once_an_epoch_in_the_order_of_the_seed(rows: Vectors) -> None:
    source = VectorBatches(rows, batch_size=16, seed=0)
    seen = [row for update in range(source.updates(0)) for row in source.window(0, update)["labelled"]]
    assert sorted(seen) == list(range(90)) != seen
    assert source.fingerprint() != VectorBatches(rows.flipped(0.5, 0), batch_size=16, seed=0).fingerprint()
    batch = source.collate("labelled", [4, 7])
    assert batch["vectors"].equal(rows.vectors_ND[[4, 7]])
    assert batch["labels"].tolist() == [1, 1]


def test_flipped_labels_are_always_wrong_ones(rows: Vectors) -> None:
    every = rows.flipped(1.0, 0)
    assert not (every.labels_N == rows.labels_N).any()
    assert set(every.labels_N.tolist()) == {0, 1, 2}
    assert rows.flipped(0.0, 0).labels_N.equal(rows.labels_N)
    assert rows.flipped(0.4, 5).labels_N.equal(rows.flipped(0.4, 5).labels_N)


def test_dropout_is_off_in_a_finished_run_and_a_missing_label_is_refused(rows: Vectors) -> None:
    model = fit_head(rows, classes=3, seed=0, updates=2, dropout=0.5).model
    assert judge(model, rows) == judge(model, rows)
    assert judge(VectorHead(3, 3, seed=0, dropout=0.5).train(), rows)["loss"] != judge(model, rows)["loss"]
    with pytest.raises(DataError, match="90 vectors, but 3 labels"):
        Vectors(vectors_ND=rows.vectors_ND, labels_N=torch.arange(3))
