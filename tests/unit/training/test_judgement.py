"""Which evaluation is the best: metric, direction, ties, gains, patience."""

from __future__ import annotations

import math
from typing import Any

import numpy
import pytest
import torch

from companion.errors import ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.judgement import check_evaluation, evaluate_model, judge
from companion.training.state import State
from tests.tiny import TinyEvaluator, digest, tiny_batches, tiny_tagger


class Scripted:
    """An evaluator that says what the script says, one entry an evaluation."""

    def __init__(self, *values: Any, metric: str | None = None, greater_is_better: bool | None = None) -> None:
        self.values = list(values)
        if metric is not None:
            self.metric = metric
        if greater_is_better is not None:
            self.greater_is_better = greater_is_better

    def __call__(self, model):
        return self.values.pop(0)


def judged(evaluator: Scripted, **settings: Any) -> tuple[State, list[bool]]:
    """The state and the verdicts after all evaluations of a script."""
    config, state, verdicts = TrainConfig(device="cpu", **settings), State(), []
    while evaluator.values:
        state.step += 1
        values = evaluate_model(torch.nn.Linear(1, 1), evaluator, config, state.step)
        verdicts.append(judge(state, values, evaluator, config))
    return state, verdicts


def test_the_highest_accuracy_is_the_best_and_a_tie_keeps_the_earlier():
    state, verdicts = judged(Scripted(*({"accuracy": value} for value in (0.1, 0.3, 0.3, 0.2, 0.4))))
    assert verdicts == [True, True, False, False, True]
    assert (state.best_step, state.best_value, state.waited) == (5, 0.4, 0)


def test_the_lowest_loss_is_the_best():
    state, verdicts = judged(Scripted(*({"dev_loss": value} for value in (0.3, 0.4, 0.1, 0.1))))
    assert verdicts == [True, False, True, False]
    assert (state.best_step, state.best_value, state.waited) == (3, 0.1, 1)


def test_a_gain_is_measured_from_the_best_that_was_accepted():
    creeping = [{"accuracy": 0.5 + 0.04 * step} for step in range(6)]
    state, verdicts = judged(Scripted(*creeping), minimum_gain=0.1)
    assert verdicts == [True, False, False, True, False, False]
    assert (state.best_step, state.best_value) == (4, pytest.approx(0.62))
    _, verdicts = judged(Scripted({"accuracy": 0.25}, {"accuracy": 0.5}), minimum_gain=0.25)
    assert verdicts == [True, False], "a gain must exceed the minimum"


@pytest.mark.parametrize(
    ("name", "greater"),
    [
        ("entity_f1", True),
        ("Accuracy", True),
        ("macro_precision", True),
        ("recall", True),
        ("loss", False),
        ("dev_loss", False),
        ("word_error_rate", False),
        ("perplexity", False),
        ("rmse", False),
    ],
)
def test_the_direction_of_well_known_metrics_is_inferred(name, greater):
    state, _ = judged(Scripted({name: 0.2}, {name: 0.7}))
    assert state.best_value == (0.7 if greater else 0.2)


@pytest.mark.parametrize("name", ["kendall", "latency", "f1_loss", "brier_score"])
def test_the_direction_of_others_is_not_guessed(name):
    with pytest.raises(ConfigError, match=f"whether more of '{name}' is better is not known\n.*greater_is_better"):
        judged(Scripted({name: 0.2}))
    for greater in (True, False):
        by_setting, _ = judged(Scripted({name: 0.2}, {name: 0.7}), greater_is_better=greater)
        by_evaluator, _ = judged(Scripted({name: 0.2}, {name: 0.7}, greater_is_better=greater))
        assert by_setting.best_value == by_evaluator.best_value == (0.7 if greater else 0.2)


def test_a_setting_goes_before_the_evaluators_own():
    values = [{"accuracy": 0.2, "loss": 3.0}, {"accuracy": 0.7, "loss": 4.0}]
    own, _ = judged(Scripted(*values, metric="accuracy", greater_is_better=True))
    assert own.best_step == 2
    chosen, _ = judged(Scripted(*values, metric="accuracy"), metric="loss")
    assert chosen.best_step == 1
    turned, _ = judged(Scripted(*values, metric="accuracy", greater_is_better=True), greater_is_better=False)
    assert turned.best_step == 1


def test_a_bare_number_has_no_name_to_infer_from():
    with pytest.raises(ConfigError, match="whether more of 'value' is better"):
        judged(Scripted(0.3))
    state, _ = judged(Scripted(0.3, 0.2), greater_is_better=False)
    assert state.evaluations == [{"step": 1, "value": 0.3}, {"step": 2, "value": 0.2}]
    assert judged(Scripted(0.3, 0.4, metric="accuracy"))[0].best_value == 0.4
    assert judged(Scripted(0.3, 0.4), metric="loss")[0].best_value == 0.3


def test_numbers_of_numpy_and_torch_count():
    values = {"accuracy": numpy.float32(0.5), "loss": torch.tensor(0.25), "words": numpy.int64(7), "note": "dev set"}
    state, _ = judged(Scripted(values), metric="accuracy")
    assert state.evaluations == [{"step": 1, "accuracy": 0.5, "loss": 0.25, "words": 7.0}]
    assert {type(value) for value in state.evaluations[0].values()} == {int, float}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, torch.tensor(math.nan)])
def test_a_metric_that_is_not_finite_is_never_the_best(value):
    with pytest.raises(ConfigError, match="update 2: the evaluation gives loss, not the metric 'accuracy'"):
        judged(Scripted({"accuracy": 0.1, "loss": 1.0}, {"accuracy": value, "loss": 1.0}), metric="accuracy")
    with pytest.raises(ConfigError, match="gives no finite number"):
        judged(Scripted({"accuracy": value}))
    state, verdicts = judged(Scripted({"accuracy": 0.5, "precision": value}), metric="accuracy")
    assert (state.evaluations, verdicts) == ([{"step": 1, "accuracy": 0.5}], [True])


def test_among_several_numbers_one_must_be_named():
    with pytest.raises(ConfigError, match="gives accuracy, loss; which of them decides what is best is not said"):
        judged(Scripted({"accuracy": 0.5, "loss": 1.0}))
    with pytest.raises(ConfigError, match="not the metric 'f1'"):
        judged(Scripted({"accuracy": 0.5, "loss": 1.0}), metric="f1")


def test_what_can_be_refused_is_refused_before_the_first_update():
    for settings in ({"patience": 2}, {"evaluate_every": 2}, {"metric": "loss"}, {"greater_is_better": True}):
        name = next(iter(settings))
        with pytest.raises(ConfigError, match=f"{name} is .*, but there is no evaluation"):
            check_evaluation(None, TrainConfig(**settings))
    with pytest.raises(ConfigError, match="whether more of 'kendall'"):
        train(tiny_tagger(), tiny_batches(4), None, TrainConfig(metric="kendall"), evaluate=Scripted())


def test_the_model_is_put_back_as_it_was():
    model = tiny_tagger(dropout=0.5)
    seen = []

    def evaluator(model):
        seen.append((model.training, torch.is_grad_enabled()))
        raise KeyError

    for mode in (True, False):
        model.train(mode)
        with pytest.raises(KeyError):
            evaluate_model(model, evaluator, TrainConfig(device="cpu"), 1)
        assert model.training is mode
    assert seen == [(False, False)] * 2


def go(**options: Any):
    settings = {"epochs": 3, "learning_rate": 3e-3, "precision": "fp32"} | options.pop("settings", {})
    return train(
        tiny_tagger(dropout=0.1),
        tiny_batches(16),
        TokenCrossEntropy(),
        TrainConfig(**settings),
        say=lambda line: None,
        **options,
    )


class Disturbing(TinyEvaluator):
    """An evaluator that draws random numbers and seeds the generator, as some do."""

    def __call__(self, model):
        torch.rand(100)
        torch.manual_seed(7)
        return super().__call__(model)


def test_evaluating_does_not_change_training():
    without = go()
    for evaluator in (TinyEvaluator(), Disturbing()):
        for every in (None, 1, 5):
            with_one = go(evaluate=evaluator, settings={"evaluate_every": every})
            assert with_one.history == without.history
    assert digest(without.model.state_dict()) == digest(go().model.state_dict())


def test_what_an_evaluator_draws_leaves_the_callers_random_state():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    go(evaluate=Disturbing())
    assert torch.equal(before, torch.get_rng_state())


def test_the_run_evaluates_when_it_is_told_and_at_the_end():
    assert [row["step"] for row in go(evaluate=TinyEvaluator()).evaluations] == [4, 8, 12]
    settings = {"evaluate_every": 5}
    assert [row["step"] for row in go(evaluate=TinyEvaluator(), settings=settings).evaluations] == [5, 10, 12]


def test_the_best_weights_come_back():
    weights = []

    def evaluator(model):
        weights.append(digest(model.state_dict()))
        return {"accuracy": [0.1, 0.9, 0.9, 0.3][len(weights) - 1]}

    run = go(evaluate=evaluator, settings={"evaluate_every": 3})
    assert (run.best_step, run.best_value) == (6, 0.9)
    assert digest(run.model.state_dict()) == weights[1]
    assert len(set(weights)) == 4
    assert not run.model.training


@pytest.mark.parametrize(("patience", "steps"), [(1, 3), (2, 6), (3, 7), (None, 12)])
def test_patience_counts_evaluations_without_a_gain(patience, steps):
    script = Scripted(*({"accuracy": value} for value in (0.5, 0.6, 0.6, 0.7, 0.6, 0.6, 0.6, 0.9, 0.9, 0.9, 0.9, 0.9)))
    run = go(evaluate=script, settings={"evaluate_every": 1, "patience": patience})
    assert run.steps == steps
    assert len(run.evaluations) == steps
