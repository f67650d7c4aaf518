"""The settings of a run: frozen, checked before anything is loaded, stored with the run."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from companion.errors import ConfigError

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
SCHEDULES = ("linear", "cosine", "constant")
SHARDINGS = ("none", "full")


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainConfig:
    """How to train. Every default is meant for fine-tuning a pre-trained encoder on a few thousand sentences.

    Raises:
        ConfigError: a field is outside its range; the message names the field and the range.

    Taught in: book/walkthroughs/train-a-tagger
    """

    epochs: int = 4
    """How often every row is seen."""
    max_updates: int | None = None
    """Stop after this many updates, whatever `epochs` says; the schedule ends there too."""
    learning_rate: float | None = None
    """Peak learning rate; None resolves it from the model's size and from what is trainable, and prints the reason."""
    schedule: str = "linear"
    """What follows the warm-up: "linear" or "cosine" down to 0, or "constant"."""
    layer_decay: float = 1.0
    """Each layer's learning rate is this many times that of the layer above it, the head's is 1; 1.0 is off."""
    warmup: float = 0.1
    """The share of all updates in which the learning rate rises from 0 to its peak."""
    weight_decay: float = 0.01
    """Decoupled weight decay (AdamW); biases and normalisation weights are never decayed."""
    beta1: float = 0.9
    """Adam's decay of the gradient's running mean."""
    beta2: float = 0.999
    """Adam's decay of the squared gradient's running mean."""
    epsilon: float = 1e-8
    """Adam's guard against division by zero."""
    clip_norm: float | None = 1.0
    """Scale the gradient down to this Euclidean norm where it is longer; None never does."""
    piece_budget: int = 8192
    """How many padded word pieces one forward pass may hold: it decides memory, never which rows form an update."""
    activation_checkpointing: bool = False
    """Keep only each layer's input for the backward pass and compute the rest again: less memory, same gradient."""
    compile: bool = False
    """Train through `torch.compile`: faster where it pays for its own minutes, and not bit for bit the same."""
    sharding: str = "none"
    """"full" splits weights, gradients and moments over the processes of the run (torch's `fully_shard`)."""
    accumulate: int = 1
    """For plain iterables of batches only: how many of its batches form one update."""
    evaluate_every: int | None = None
    """Evaluate after this many updates; None evaluates at the end of each epoch."""
    checkpoint_every: int | None = None
    """With a run folder, also save after this many updates; it is always saved at an evaluation and an epoch's end."""
    metric: str | None = None
    """Which of the evaluation's numbers decides what is best; None takes the evaluator's own."""
    greater_is_better: bool | None = None
    """The metric's direction; None infers it for well-known names and refuses to guess for others."""
    patience: int | None = None
    """Stop after this many evaluations in a row without improvement; None trains to the end."""
    minimum_gain: float = 0.0
    """What counts as an improvement must exceed the best so far by more than this."""
    precision: str = "auto"
    """"fp32", "bf16", "fp16", or "auto": bf16 where this machine computes in it, else fp32."""
    device: str = "auto"
    """A torch device, or "auto": CUDA, else Apple's MPS, else the CPU."""
    seed: int = 0
    """Decides the order of rows, dropout, and nothing outside the run."""
    progress: bool | None = None
    """Show a progress bar; None shows it in a terminal and in a live notebook."""

    def __post_init__(self) -> None:
        for name, lowest in (("epochs", 1), ("accumulate", 1), ("piece_budget", 1)):
            _whole(name, getattr(self, name), lowest)
        for name in ("max_updates", "evaluate_every", "checkpoint_every", "patience"):
            if getattr(self, name) is not None:
                _whole(name, getattr(self, name), 1)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise ConfigError(f"seed is {self.seed!r}", remedy="give a whole number")
        if self.learning_rate is not None:
            _number("learning_rate", self.learning_rate, above=0.0)
        if self.clip_norm is not None:
            _number("clip_norm", self.clip_norm, above=0.0)
        _number("weight_decay", self.weight_decay, at_least=0.0)
        _number("minimum_gain", self.minimum_gain, at_least=0.0)
        _number("epsilon", self.epsilon, above=0.0)
        _number("warmup", self.warmup, at_least=0.0, below=1.0)
        _number("layer_decay", self.layer_decay, above=0.0)
        if self.layer_decay > 1.0:
            raise ConfigError(f"layer_decay is {self.layer_decay!r}", remedy="give a number above 0, 1.0 at most")
        _number("beta1", self.beta1, at_least=0.0, below=1.0)
        _number("beta2", self.beta2, at_least=0.0, below=1.0)
        for name in ("greater_is_better", "progress"):
            if not isinstance(getattr(self, name), bool | None):
                raise ConfigError(f"{name} is {getattr(self, name)!r}", remedy="give True, False or None")
        for name in ("activation_checkpointing", "compile"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} is {getattr(self, name)!r}", remedy="give True or False")
        for name, value in (("device", self.device), ("metric", "any" if self.metric is None else self.metric)):
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{name} is {value!r}", remedy="give a name")
        _choice("precision", self.precision, PRECISIONS)
        _choice("schedule", self.schedule, SCHEDULES)
        _choice("sharding", self.sharding, SHARDINGS)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return dataclasses.asdict(self)


def _whole(name: str, value: object, lowest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise ConfigError(f"{name} is {value!r}", remedy=f"give a whole number, {lowest} or more")


def _number(
    name: str, value: object, *, above: float | None = None, at_least: float | None = None, below: float | None = None
) -> None:
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    low = (above is None or number > above) and (at_least is None or number >= at_least)
    if math.isfinite(number) and low and (below is None or number < below):
        return
    bounds = [f"above {above:g}"] if above is not None else []
    bounds += [f"{at_least:g} or more"] if at_least is not None else []
    bounds += [f"below {below:g}"] if below is not None else []
    raise ConfigError(f"{name} is {value!r}", remedy=f"give a finite number {' and '.join(bounds)}")


def _choice(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}", remedy=f"choose one of {', '.join(map(repr, allowed))}")
