"""AdaLoRA: the budget falls as planned, importance is that of the paper, and a checkpoint holds all of it."""

from __future__ import annotations

import pytest
import torch

from companion.adaptation import AdaLoRA, adapt, adaptation_of, ranks
from companion.errors import CheckpointError
from companion.objectives import Orthogonality, TokenCrossEntropy
from companion.training import TrainConfig, train
from tests.tiny import tiny_batches, tiny_tagger

TARGETS = 4


def run(method, **settings):
    """Twelve updates; the ranks that are left after each of them."""
    model, seen = adapt(tiny_tagger(), method), []
    config = TrainConfig(epochs=3, learning_rate=1e-2, precision="fp32", progress=False, **settings)
    train(
        model,
        tiny_batches(),
        Orthogonality(TokenCrossEntropy()),
        config,
        log=lambda step, values: seen.append(sum(ranks(model).values())),
        say=lambda line: None,
    )
    return model, seen


def test_the_budget_falls_as_a_cube_and_then_stays():
    _, seen = run(AdaLoRA(2, 6, begin=0.25, end=0.75))
    first, last = 6 * TARGETS, 2 * TARGETS
    expected = []
    for step in range(1, 13):
        left = 1 - (step - 3) / (9 - 3)
        expected.append(first if step <= 3 else last if step >= 9 else int(last + (first - last) * left**3))
    assert seen == expected
    assert expected[3:6] != sorted(expected[3:6])


@pytest.mark.parametrize("share", [(0.0, 1.0), (0.0, 0.01), (0.9, 0.95)])
def test_every_plan_ends_with_the_rank_that_was_asked_for(share):
    model, _ = run(AdaLoRA(2, 6, begin=share[0], end=share[1]))
    assert sum(ranks(model).values()) == 2 * TARGETS
    assert len(ranks(model)) == TARGETS


def test_a_run_of_a_single_update_works():
    model, _ = run(AdaLoRA(2, 6), max_updates=1)
    assert len(ranks(model)) == TARGETS


def test_importance_is_the_smoothed_product_of_weight_and_gradient():
    model = adapt(tiny_tagger(), AdaLoRA(2, 4, begin=0.5, end=0.9))
    bound = adaptation_of(model)
    batch = tiny_batches().collate("labelled", [0, 1, 2, 3])
    name = "bert.encoder.layer.0.attention.self.query.lora_A.default"
    smoothed = uncertainty = 0.0
    for update in (1, 2, 3):
        model.zero_grad()
        TokenCrossEntropy()(model, {"labelled": batch})["supervised"].backward()
        parameter = dict(model.base_model.model.named_parameters())[name]
        with torch.no_grad():
            model.base_model.model.bert.encoder.layer[0].attention.self.query.lora_E["default"].add_(0.1 * update)
        now = (parameter * parameter.grad).abs().detach()
        smoothed = 0.85 * smoothed + 0.15 * now
        uncertainty = 0.85 * uncertainty + 0.15 * (now - smoothed).abs()
        bound.after_step(model, update, 100)
    state = bound.state_dict()
    torch.testing.assert_close(state[f"exp_avg_ipt/{name}"], smoothed)
    torch.testing.assert_close(state[f"exp_avg_unc/{name}"], uncertainty)
    assert smoothed.max() > 0


def test_the_state_goes_through_a_checkpoint():
    model, _ = run(AdaLoRA(2, 4, begin=0.0, end=1.0), max_updates=6)
    state = {name: tensor.clone() for name, tensor in adaptation_of(model).state_dict().items()}
    assert {name.split("/")[0] for name in state} == {"ipt", "exp_avg_ipt", "exp_avg_unc", "rank_pattern"} or {
        name.split("/")[0] for name in state
    } == {"rank_pattern"}
    fresh = adapt(tiny_tagger(), AdaLoRA(2, 4, begin=0.0, end=1.0))
    adaptation_of(fresh).load_state_dict(state)
    again = adaptation_of(fresh).state_dict()
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_a_state_of_other_targets_is_refused():
    model, _ = run(AdaLoRA(2, 4), max_updates=3)
    other = adapt(tiny_tagger(), AdaLoRA(2, 4, targets=("key",)))
    with pytest.raises(CheckpointError, match="is no target of this model"):
        adaptation_of(other).load_state_dict(adaptation_of(model).state_dict())


def test_one_method_may_adapt_several_models():
    method = AdaLoRA(2, 4)
    first, second = adapt(tiny_tagger(), method), adapt(tiny_tagger(), method)
    assert adaptation_of(first) is not adaptation_of(second)
    assert repr(adaptation_of(first)) == repr(method)
