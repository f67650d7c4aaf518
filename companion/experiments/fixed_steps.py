"""Training as most experiments do it: a number of updates that is fixed beforehand, and the last weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

    from companion.encoding.contract import BatchSource
    from companion.objectives.contract import Objective
    from companion.training.outcome import Run


def fit(
    model: nn.Module, source: BatchSource, objective: Objective, *, steps: int, rate: float, seed: int, **settings: Any
) -> Run:
    """Train a model for so many updates, in fp32 on the processor; `settings` are further ones of `TrainConfig`."""
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    config = TrainConfig(
        epochs=steps,
        max_updates=steps,
        learning_rate=rate,
        seed=seed,
        precision="fp32",
        device="cpu",
        progress=False,
        **settings,
    )
    return train(model, source, objective, config, say=lambda line: None)
