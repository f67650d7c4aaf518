"""Which parameters are optimised, which of them decay, and the learning rate at every step."""

from __future__ import annotations

import math

import pytest
import torch

from companion.adaptation import HeadOnly, adapt
from companion.errors import ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, parameter_groups, schedule_factor, train
from companion.training.optimizer import build_optimizer, trained_parameters
from tests.tiny import tiny_batches, tiny_tagger


def test_biases_and_normalisation_weights_are_not_decayed():
    model = tiny_tagger()
    named = trained_parameters(model, TokenCrossEntropy())
    decayed, spared = parameter_groups(named, TrainConfig(weight_decay=0.03))
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.03, 0.0)
    names = {id(parameter): name for name, parameter in named}
    spared_names = {names[id(parameter)] for parameter in spared["params"]}
    assert spared_names == {name for name in names.values() if name.endswith("bias") or "LayerNorm" in name}
    assert len(spared_names) == 2 + 2 * 10 + 1
    assert len(decayed["params"]) + len(spared["params"]) == len(named) == len(list(model.parameters()))


def test_only_what_is_trainable_is_optimised():
    named = trained_parameters(adapt(tiny_tagger(), HeadOnly()), TokenCrossEntropy())
    assert [name for name, _ in named] == ["classifier.weight", "classifier.bias"]
    biases = [("a", torch.nn.Parameter(torch.zeros(2)))]
    assert [group["weight_decay"] for group in parameter_groups(biases, TrainConfig())] == [0.0]


def test_nothing_trainable_is_refused():
    with pytest.raises(ConfigError, match="no parameter of the model is trainable"):
        trained_parameters(tiny_tagger().requires_grad_(False), TokenCrossEntropy())


def test_the_optimizer_has_the_settings_of_the_run():
    config = TrainConfig(learning_rate=0.125, beta1=0.5, beta2=0.75, epsilon=1e-3)
    named = trained_parameters(tiny_tagger(), TokenCrossEntropy())
    for group in build_optimizer(named, config, torch.device("cpu")).param_groups:
        assert (group["lr"], group["betas"], group["eps"]) == (0.125, (0.5, 0.75), 1e-3)


def closed_form(step: int, total: int, schedule: str, rising: int) -> float:
    """The factor at a 1-based step, written down a second time."""
    if step <= rising:
        return step / rising
    left = (total - step + 1) / (total - rising)
    return {"constant": 1.0, "linear": left, "cosine": (1 - math.cos(math.pi * left)) / 2}[schedule]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
@pytest.mark.parametrize(
    ("total", "warmup", "rising"), [(40, 0.1, 4), (40, 0.0, 0), (1, 0.1, 0), (7, 0.5, 4), (10, 0.99, 10)]
)
def test_the_schedule_is_the_closed_form_at_every_step(schedule, total, warmup, rising):
    factors = [schedule_factor(step, total, schedule=schedule, warmup=warmup) for step in range(total)]
    assert factors == pytest.approx([closed_form(step, total, schedule, rising) for step in range(1, total + 1)])
    assert max(factors) == pytest.approx(1.0)
    assert min(factors) > 0, "every update moves"


@pytest.mark.parametrize("schedule", ["linear", "cosine", "constant"])
def test_the_run_follows_the_schedule(schedule):
    config = TrainConfig(epochs=3, learning_rate=2e-3, schedule=schedule, warmup=0.25, precision="fp32")
    run = train(tiny_tagger(), tiny_batches(14), TokenCrossEntropy(), config, say=lambda line: None)
    rates = [row["learning_rate"] for row in run.history]
    assert rates == pytest.approx([2e-3 * closed_form(step, 12, schedule, 3) for step in range(1, 13)])


def test_max_updates_ends_the_schedule_too():
    config = TrainConfig(epochs=3, max_updates=5, learning_rate=1.0e-3, warmup=0.0, precision="fp32")
    run = train(tiny_tagger(), tiny_batches(16), TokenCrossEntropy(), config, say=lambda line: None)
    assert run.steps == 5
    assert [row["learning_rate"] for row in run.history] == pytest.approx([1e-3, 8e-4, 6e-4, 4e-4, 2e-4])
    assert [row["epoch"] for row in run.history] == [0, 0, 0, 0, 1]


def test_one_update_is_adamw_by_hand():
    config = TrainConfig(
        max_updates=1, learning_rate=0.01, warmup=0.0, weight_decay=0.1, clip_norm=None, precision="fp32"
    )
    torch.manual_seed(0)
    model = torch.nn.Linear(3, 2)
    before = model.weight.detach().clone(), model.bias.detach().clone()
    rows = [{"input": torch.eye(3), "labels": torch.tensor([0, 1, 0])}]
    logits = torch.eye(3) @ before[0].T + before[1]
    residual = (logits.softmax(-1) - torch.nn.functional.one_hot(rows[0]["labels"], 2)) / 3
    expected = before[0] * (1 - 0.01 * 0.1) - 0.01 * residual.T.sign(), before[1] - 0.01 * residual.sum(0).sign()
    train(model, rows, TokenCrossEntropy(), config, say=lambda line: None)
    assert torch.allclose(model.weight, expected[0], atol=1e-6)
    assert torch.allclose(model.bias, expected[1], atol=1e-6)
