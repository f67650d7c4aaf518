"""Decide whether an evaluation is the best so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Real
from typing import TYPE_CHECKING

import torch

from companion.errors import ConfigError
from companion.randomness import torch_stream
from companion.training.agreement import StopAsked
from companion.training.config import TrainConfig

if TYPE_CHECKING:
    from torch import nn

    from companion.training.state import State

Evaluator = Callable[["nn.Module"], "Mapping[str, float] | float"]
HIGHER = ("f1", "accuracy", "precision", "recall", "bleu", "auc", "score")
UNNAMED = "value"
# A Brier score is an error that calls itself a score: the name says both, so its direction has to be said.
LOWER = ("loss", "error", "perplexity", "rmse", "mse", "brier")


def check_evaluation(evaluate: Evaluator | None, config: TrainConfig) -> None:
    """Refuse before the first update what an evaluation would stumble over later.

    Raises:
        ConfigError: no configuration, settings of an evaluation without one, or a named metric of unknown direction.
    """
    if not isinstance(config, TrainConfig):
        raise ConfigError(f"the config is a {type(config).__name__}", remedy="give companion.TrainConfig(epochs=…, …)")
    if evaluate is None:
        for name in ("evaluate_every", "metric", "greater_is_better", "patience"):
            if getattr(config, name) is not None:
                raise ConfigError(
                    f"{name} is {getattr(config, name)!r}, but there is no evaluation",
                    remedy="give train(evaluate=...)",
                )
        return
    name = config.metric or getattr(evaluate, "metric", None)
    if name is not None:
        _direction(name, evaluate, config)


def evaluation_due(state: State, evaluate: Evaluator | None, config: TrainConfig) -> bool:
    """Whether the model as it stands is to be evaluated and has not been, perhaps because a signal came in between."""
    if evaluate is None or state.step == 0 or (state.evaluations and state.evaluations[-1]["step"] == state.step):
        return False
    every = config.evaluate_every
    return state.finished or (state.update == 0 if every is None else state.step % every == 0)


def evaluate_model(
    model: nn.Module,
    evaluate: Evaluator,
    config: TrainConfig,
    step: int,
    stopping: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """Run the evaluator in evaluation mode without gradients; the training mode is put back afterwards.

    It runs on a random stream of its own, so that whatever it draws cannot disturb training or the caller. What is not
    a number is left out, and so is what is not finite: a score that is 0/0 has nothing to log or to compare.

    Raises:
        StopAsked: `stopping`, which is asked before each forward pass, said so.
    """

    def check(*_: object) -> None:
        if stopping():
            raise StopAsked

    was_training, hook = model.training, model.register_forward_pre_hook(check)
    model.eval()
    try:
        with torch.no_grad(), torch_stream(config.device, config.seed, "evaluate", step):
            values = evaluate(model)
    finally:
        hook.remove()
        model.train(was_training)
    name = config.metric or getattr(evaluate, "metric", None) or UNNAMED
    numbers = values if isinstance(values, Mapping) else {name: values}
    return {name: float(value) for name, value in numbers.items() if _is_number(value) and math.isfinite(value)}


def judge(state: State, values: Mapping[str, float], evaluate: Evaluator, config: TrainConfig) -> bool:
    """Note the evaluation in the state and return whether it is the best so far; a tie keeps the earlier one.

    Raises:
        ConfigError: the metric is not among the finite numbers, or its direction is unknown.
    """
    name = config.metric or getattr(evaluate, "metric", None) or (next(iter(values)) if len(values) == 1 else None)
    if name not in values:
        found = ", ".join(values) or "no finite number"
        raise ConfigError(
            f"update {state.step}: the evaluation gives {found}"
            + (f", not the metric {name!r}" if name else "; which of them decides what is best is not said"),
            remedy="set TrainConfig(metric=...) to one of its finite numbers, or look at the evaluator",
        )
    value, greater = values[name], _direction(name, evaluate, config)
    state.evaluations.append({"step": state.step, **values})
    gain = math.inf if state.best_value is None else (value - state.best_value) * (1 if greater else -1)
    if gain > config.minimum_gain:
        state.best_step, state.best_value, state.waited = state.step, value, 0
        return True
    state.waited += 1
    return False


def _is_number(value: object) -> bool:
    # Python's and numpy's numbers, and tensors with one element.
    return isinstance(value, Real) or (isinstance(value, torch.Tensor) and value.numel() == 1)


def _direction(name: str, evaluate: Evaluator, config: TrainConfig) -> bool:
    for choice in (config.greater_is_better, getattr(evaluate, "greater_is_better", None)):
        if choice is not None:
            return choice
    higher, lower = (any(word in name.lower() for word in words) for words in (HIGHER, LOWER))
    if higher == lower:
        raise ConfigError(
            f"whether more of {name!r} is better is not known", remedy="set TrainConfig(greater_is_better=...)"
        )
    return higher
