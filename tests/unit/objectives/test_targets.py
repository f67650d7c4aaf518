"""Yes/no answers and numbers: the loss by hand, its count, and labels that do not fit."""

from __future__ import annotations

import math
import random

import pytest
import torch
from torch import nn

from companion.errors import ConfigError, ObjectiveError
from companion.objectives import MultiLabelCrossEntropy, SquaredError


class Fixed(nn.Module):
    """A model whose logits are its input."""

    def forward(self, logits):
        return logits


def batch(logits, labels) -> dict:
    return {"labelled": {"logits": torch.tensor(logits), "labels": torch.tensor(labels)}}


@pytest.mark.parametrize("weights", [None, (1.0, 0.0, 2.5)])
def test_binary_cross_entropy_by_hand(weights) -> None:
    draw = random.Random(0)
    objective = MultiLabelCrossEntropy(class_weights=weights)
    for _ in range(200):
        rows = draw.randint(1, 5)
        logits = [[draw.uniform(-6, 6) for _ in range(3)] for _ in range(rows)]
        labels = [[float(draw.random() < 0.4) for _ in range(3)] for _ in range(rows)]
        expected = 0.0
        for scores, answers in zip(logits, labels, strict=True):
            for place, (score, answer) in enumerate(zip(scores, answers, strict=True)):
                chance = 1 / (1 + math.exp(-score))
                expected -= (weights or (1.0,) * 3)[place] * math.log(chance if answer else 1 - chance)
        given = batch(logits, labels)
        assert objective(Fixed(), given)["supervised"].item() == pytest.approx(expected, rel=1e-4, abs=1e-5)
        assert objective.counts(given) == {"supervised": rows * (3.0 if weights is None else 3.5)}


def test_squared_error_by_hand() -> None:
    draw = random.Random(1)
    objective = SquaredError(term="stars", weight=0.5)
    for _ in range(200):
        rows = draw.randint(1, 6)
        said = [[draw.uniform(-3, 3)] for _ in range(rows)]
        gold = [draw.uniform(-3, 3) for _ in range(rows)]
        expected = sum((one[0] - other) ** 2 for one, other in zip(said, gold, strict=True))
        given = batch(said, gold)
        assert objective(Fixed(), given)["stars"].item() == pytest.approx(expected, rel=1e-5)
        assert objective.counts(given) == {"stars": float(rows)}
    assert objective.weights == {"stars": 0.5}


@pytest.mark.parametrize("objective", [MultiLabelCrossEntropy(), SquaredError()])
def test_a_part_that_is_not_there_has_no_term(objective) -> None:
    assert objective.counts({"unlabelled": {}}) == {} and objective(Fixed(), {"unlabelled": {}}) == {}
    assert "labelled" in repr(objective)


def test_half_precision_logits_are_summed_in_single_precision() -> None:
    logits = torch.full((4096, 1), 0.1, dtype=torch.bfloat16)
    for objective, labels in ((MultiLabelCrossEntropy(), torch.zeros(4096, 1)), (SquaredError(), torch.zeros(4096))):
        loss = objective(Fixed(), {"labelled": {"logits": logits, "labels": labels}})["supervised"]
        assert loss.dtype == torch.float32
        exact = objective(Fixed(), {"labelled": {"logits": logits.double(), "labels": labels}})["supervised"]
        assert loss.item() == pytest.approx(exact.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("objective", "logits", "labels"),
    [
        (MultiLabelCrossEntropy(), [[0.0, 1.0]], [[1.0]]),
        (MultiLabelCrossEntropy(), [[0.0, 1.0]], [[1.0, 2.0]]),
        (MultiLabelCrossEntropy(), [[0.0, 1.0]], [[1.0, -100.0]]),
        (MultiLabelCrossEntropy(class_weights=(1.0,)), [[0.0, 1.0]], [[1.0, 0.0]]),
        (SquaredError(), [[0.0, 1.0]], [1.0]),
        (SquaredError(), [[0.0]], [[1.0]]),
        (SquaredError(), [[0.0], [1.0]], [1.0]),
    ],
)
def test_labels_that_do_not_fit_the_logits_are_refused(objective, logits, labels) -> None:
    with pytest.raises(ObjectiveError) as caught:
        objective(Fixed(), batch(logits, labels))
    assert caught.value.remedy


def test_weights_outside_their_range_are_refused() -> None:
    for wrong in (-1.0, math.inf, math.nan):
        with pytest.raises(ConfigError, match="class_weights"):
            MultiLabelCrossEntropy(class_weights=[1.0, wrong])
        for kind in (MultiLabelCrossEntropy, SquaredError):
            with pytest.raises(ConfigError, match="the weight of 'supervised'"):
                kind(weight=wrong)
