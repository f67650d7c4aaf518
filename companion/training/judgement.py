"""Decide whether an evaluation is the best so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch

from companion.errors import ConfigError, NonFiniteError
from companion.randomness import torch_stream

if TYPE_CHECKING:
    from torch import nn

    from companion.training.config import TrainConfig
    from companion.training.state import State

Evaluator = Callable[["nn.Module"], "Mapping[str, float] | float"]
HIGHER = ("f1", "accuracy", "precision", "recall", "bleu", "auc", "score")
LOWER = ("loss", "error", "perplexity", "rmse", "mse")


def evaluate_model(model: nn.Module, evaluate: Evaluator, config: TrainConfig, step: int) -> dict[str, float]:
    """Run the evaluator in evaluation mode without gradients; the training mode is put back afterwards.

    It runs on a random stream of its own, so that whatever it draws cannot disturb training or the caller.
    """
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch_stream("cpu", config.seed, "evaluate", step):
            values = evaluate(model)
    finally:
        model.train(was_training)
    numbers = values if isinstance(values, Mapping) else {config.metric or "score": values}
    return {name: float(value) for name, value in numbers.items() if isinstance(value, int | float)}


def judge(state: State, values: Mapping[str, float], evaluate: Evaluator, config: TrainConfig) -> bool:
    """Note the evaluation in the state and return whether it is the best so far; a tie keeps the earlier one.

    Raises:
        ConfigError: the metric is not among the numbers, or its direction is unknown.
        NonFiniteError: the metric is not a finite number.
    """
    name = config.metric or getattr(evaluate, "metric", None) or (next(iter(values)) if len(values) == 1 else None)
    if name not in values:
        raise ConfigError(
            f"the evaluation gives {', '.join(values) or 'nothing'}, not the metric {name!r}",
            remedy="set TrainConfig(metric=...) to one of them",
        )
    value, greater = values[name], _direction(name, evaluate, config)
    if not math.isfinite(value):
        raise NonFiniteError(f"update {state.step}: the metric {name} is {value:g}", remedy="look at the evaluator")
    state.evaluations.append({"step": state.step, **values})
    gain = math.inf if state.best_value is None else (value - state.best_value) * (1 if greater else -1)
    if gain > config.minimum_gain:
        state.best_step, state.best_value, state.waited = state.step, value, 0
        return True
    state.waited += 1
    return False


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
