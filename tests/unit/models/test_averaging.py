"""Averages of weights and of answers: by hand, with refusals that name the weight, and inside the evaluators."""

from __future__ import annotations

import copy
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from companion.errors import ModelError
from companion.models import Ensemble, RunningAverage, average_models, average_weights
from tests.apple import Apple
from tests.tiny import TinyEvaluator, digest, tiny_batches, tiny_tagger


def inputs():
    batch = tiny_batches().collate("labelled", [0, 1, 2])
    return {name: tensor for name, tensor in batch.items() if name != "labels"}


class Fixed(nn.Module):
    """A model that always gives these logits."""

    def __init__(self, logits, kind=None):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))
        self.config = SimpleNamespace(problem_type=kind, id2label={0: "a"})

    def forward(self, **inputs):
        return SimpleNamespace(logits=self.logits)


LOGITS = st.lists(st.lists(st.floats(-8, 8), min_size=3, max_size=3), min_size=1, max_size=5)


@settings(max_examples=25, deadline=None)
@given(LOGITS)
def test_an_ensemble_gives_the_mean_probability(rows):
    ensemble = Ensemble([Fixed([row]) for row in rows])
    by_hand = torch.stack([torch.tensor([row]).softmax(-1) for row in rows]).mean(0)
    logits = ensemble().logits
    torch.testing.assert_close(logits.softmax(-1), by_hand)
    torch.testing.assert_close(logits.exp(), by_hand)
    several = Ensemble([Fixed([row], "multi_label_classification") for row in rows])().logits
    torch.testing.assert_close(several.sigmoid(), torch.stack([torch.tensor([r]).sigmoid() for r in rows]).mean(0))
    numbers = Ensemble([Fixed([row], "regression") for row in rows])().logits
    torch.testing.assert_close(numbers, torch.tensor([rows]).mean(1), rtol=1e-5, atol=1e-6)


def test_an_ensemble_works_in_an_evaluator_and_comes_back_in_its_mode():
    members = [tiny_tagger(seed=seed).eval() for seed in range(3)]
    ensemble = Ensemble(members)
    assert not ensemble.training
    assert ensemble.config is members[0].config
    scores = TinyEvaluator()(ensemble)
    assert 0 <= scores["accuracy"] <= 1
    alone, same = members[0](**inputs()).logits, Ensemble([members[0]] * 2)(**inputs()).logits
    torch.testing.assert_close(same, alone.log_softmax(-1), rtol=1e-5, atol=1e-6)
    # The log loss of the mean is never above the mean of the log losses (Jensen).
    losses = [TinyEvaluator()(member)["loss"] for member in members]
    assert scores["loss"] <= sum(losses) / 3 + 1e-6
    assert Ensemble([tiny_tagger().train(), tiny_tagger().eval()]).training


def test_averages_by_hand():
    models = [tiny_tagger(seed=seed) for seed in range(3)]
    before = [digest(model.state_dict()) for model in models]
    average = average_models(models)
    for name, tensor in average.state_dict().items():
        by_hand = torch.stack([model.state_dict()[name] for model in models])
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, by_hand.mean(0), rtol=1e-5, atol=1e-7)
        else:
            assert torch.equal(tensor, by_hand[0])
    assert [digest(model.state_dict()) for model in models] == before
    assert digest(average_models([models[0]] * 3).state_dict()) == before[0]
    running = RunningAverage()
    moving = copy.deepcopy(models[0])
    for model in models:
        moving.load_state_dict(model.state_dict())
        running.update(moving)
    assert running.count == 3
    assert running.put(moving) is moving
    for name, tensor in moving.state_dict().items():
        torch.testing.assert_close(tensor, average.state_dict()[name], rtol=1e-5, atol=1e-7)


def test_what_does_not_fit_is_refused_by_name():
    one = tiny_tagger()
    with pytest.raises(ModelError, match="no weights to average"):
        average_weights([])
    with pytest.raises(ModelError, match="there is no member"):
        Ensemble([])
    with pytest.raises(ModelError, match="nothing was averaged yet"):
        RunningAverage().put(one)
    wider = {**one.state_dict(), "classifier.bias": torch.zeros(9)}
    with pytest.raises(ModelError, match=r"classifier\.bias has shape \(5,\) in the first model and \(9,\) in model 2"):
        average_weights([one.state_dict(), wider])
    fewer = {name: tensor for name, tensor in one.state_dict().items() if name != "classifier.bias"}
    with pytest.raises(ModelError, match=r"classifier\.bias is a weight of the first model alone"):
        average_weights([one.state_dict(), fewer])
    running = RunningAverage()
    running.update(one)
    with pytest.raises(
        ModelError, match="is a weight of Linear alone|is a weight of the weights averaged so far alone"
    ):
        running.update(nn.Linear(2, 2))
    counted = [{"seen": torch.tensor(number)} for number in (1, 2)]
    with pytest.raises(ModelError, match="seen is a whole number and differs"):
        average_weights(counted)
    other = tiny_tagger()
    other.config.id2label = dict(enumerate("vwxyz"))
    for make in (lambda: Ensemble([one, other]), lambda: average_models([one, other])):
        with pytest.raises(ModelError, match="model 2 gives other labels"):
            make()


def test_a_mean_of_logits_would_be_another_ensemble():
    """The sabotaged twin: averaging logits instead of probabilities gives a surer member more say."""
    sure, unsure = [[9.0, 0.0, 0.0]], [[0.0, 2.0, 1.0]]
    ours = Ensemble([Fixed(sure), Fixed(unsure)])().logits.softmax(-1)
    logits = (torch.tensor(sure) + torch.tensor(unsure)).div(2).softmax(-1)
    assert logits[0, 0].item() > 0.9 > ours[0, 0].item()
    assert math.isclose(ours.sum().item(), 1.0, rel_tol=1e-6)


def test_weights_on_a_device_without_float64_are_averaged():
    states = [{"w": torch.tensor([1.0, 3.0])}, {"w": torch.tensor([2.0, 5.0])}]
    with Apple():
        found = average_weights(states)["w"]
    assert torch.equal(found, torch.tensor([1.5, 4.0]))
