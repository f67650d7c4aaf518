"""The losses of one tiny run, pinned: a refactoring of the loop must reproduce them."""

from __future__ import annotations

import pytest

from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger

LOSSES = [1.611760, 1.582502, 1.518994, 1.446219, 1.449809]
EVALUATIONS = [1.481684, 1.424427]


def test_the_pinned_run():
    run = train(
        tiny_tagger(),
        tiny_batches(24, batch_size=8),
        TokenCrossEntropy(class_weights=[0.5, 1.0, 1.0, 1.0, 1.0]),
        TrainConfig(epochs=2, learning_rate=3e-3, precision="fp32", device="cpu", piece_budget=60),
        evaluate=TinyEvaluator(),
        say=lambda line: None,
    )
    assert run.losses[:5] == pytest.approx(LOSSES, rel=1e-4)
    assert [row["loss"] for row in run.evaluations] == pytest.approx(EVALUATIONS, rel=1e-4)
