"""A patient: what was handed over, read once, and the few ways in which probes may use it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from companion.doctor.batches import View, model_inputs, view_of
from companion.doctor.keeping import Keeper, random_state, seed_everything
from companion.doctor.probe import CannotCheck
from companion.doctor.watch import Watched, base_of, logits_of, silence, watching

if TYPE_CHECKING:
    from companion.doctor.rows import Row

SEED = 7_340_033
FEW = 4
"""Rows on which a step is tried."""


@dataclass(kw_only=True)
class Patient:
    """Everything that was handed over; what is missing is None or empty.

    Whatever a method of this class runs, it puts back before it returns.
    """

    keeper: Keeper
    """Holds the state that is put back."""
    model: nn.Module | None = None
    """The model."""
    batches: Sequence[Any] = ()
    """The first batches of the loader."""
    every_batch: bool = False
    """Whether `batches` is all that the loader holds."""
    no_batches: str = "no loader was given (loader=)"
    """Why there are none."""
    step: Callable[[Any], Any] | None = None
    """One training step on a batch."""
    loss: Callable[[nn.Module, Any], Tensor] | None = None
    """The mean loss of a batch."""
    window: Callable[[Sequence[Any]], Any] | None = None
    """The forward and backward passes of one update made of several batches."""
    accumulate: int = 1
    """How many batches make one update."""
    processes: int = 1
    """How many processes share an update."""
    epoch: Callable[[Sequence[Any]], Any] | None = None
    """A whole pass over batches, which gives their mean loss back."""
    checkpoints: Mapping[str | Path, float] | None = None
    """The score of each checkpoint's folder."""
    evaluate: Callable[[nn.Module], Any] | None = None
    """The evaluation."""
    metric: Callable[..., Any] | None = None
    """The metric, called with gold and predicted."""
    metric_takes: str = "auto"
    """What the metric is called with."""
    score: str | None = None
    """The score that was reported, as it was written."""
    tokenizer: Any = None
    """The tokenizer."""
    rows: Mapping[str, list[Row]] = field(default_factory=dict)
    """Labelled rows by split."""
    unreadable: Mapping[str, str] = field(default_factory=dict)
    """Why a split could not be read."""
    labels: tuple[str, ...] = ()
    """The label names in the order of their numbers."""
    optimizers: list[torch.optim.Optimizer] = field(default_factory=list)
    """The optimisers that were given or found."""
    learning_rate: float | None = None
    """The learning rate, where no optimiser says it."""
    folder: Path | None = None
    """The folder of the saved model."""
    fields: Mapping[str, str | int] | None = None
    """Names of the parts of a batch."""
    reached: Sequence[object] = ()
    """Objects that the step can reach."""

    @cached_property
    def modules(self) -> list[nn.Module]:
        """The model and the modules that the step can reach, none inside another."""
        found = [self.model] if self.model is not None else []
        found += [thing for thing in self.reached if isinstance(thing, nn.Module)]
        inner = {id(part) for module in found for part in list(module.modules())[1:]}
        return [m for place, m in enumerate(found) if id(m) not in inner and not any(m is o for o in found[:place])]

    @cached_property
    def parameters(self) -> list[nn.Parameter]:
        """All parameters of `modules` and of the optimisers, each once."""
        known: dict[int, nn.Parameter] = {id(p): p for module in self.modules for p in module.parameters()}
        for optimizer in self.optimizers:
            known |= {id(p): p for group in optimizer.param_groups for p in group["params"]}
        return list(known.values())

    @cached_property
    def pad_id(self) -> int | None:
        """The id of padding, by the tokenizer or the model's configuration."""
        for thing in (self.tokenizer, getattr(self.model, "config", None)):
            number = getattr(thing, "pad_token_id", None)
            if isinstance(number, int):
                return number
        return None

    @cached_property
    def views(self) -> list[View]:
        """The first batches with their parts found.

        Raises:
            CannotCheck: there are none, or they are not understood.
        """
        if not len(self.batches):
            raise CannotCheck(self.no_batches)
        return [view_of(batch, self.fields) for batch in self.batches]

    @cached_property
    def is_language_model(self) -> bool:
        """Whether the labels are word pieces, as in masked and causal language modelling."""
        name = type(base_of(self.model)).__name__
        return any(part in name for part in ("LM", "PreTraining", "Conditional"))

    @cached_property
    def class_count(self) -> int:
        """How many classes there are: label names, or the highest label in the batches."""
        known = len(self.labels) or int(getattr(getattr(self.model, "config", None), "num_labels", 0) or 0)
        highest = max((int(view.labels[view.scored()].max()) for view in self.views if view.scored().any()), default=0)
        return max(known, highest + 1)

    def needs_loss(self) -> None:
        """Refuse where there is nothing that computes a loss.

        Raises:
            CannotCheck: there is neither a step nor a loss, nor a model that gives one with these batches.
        """
        if self.step is None and self.loss is None and not self._model_gives_loss:
            raise CannotCheck("nothing computes a loss: give step= or loss=")

    def run(self, batch: Any, **how: bool) -> Watched:
        """The user's own arithmetic on a batch, as `watch` does it: the step, or the loss without a backward pass.

        Raises:
            CannotCheck: nothing computes a loss.
        """
        self.needs_loss()
        return self.watch(lambda: self._compute(batch), **how)

    def watch(
        self,
        action: Callable[[], Any],
        *,
        quiet: bool = False,
        forward_only: bool = False,
        keep_gradients: bool = False,
    ) -> Watched:
        """Run something of the user's, watched, with the same random numbers every time, and undo it.

        `quiet` switches dropout off beforehand; `forward_only` stops where it goes backward. With `keep_gradients`
        gradients stay as they were left, everything else is put back.
        """
        try:
            seed_everything(SEED)
            if quiet:
                silence(self.modules)
            watched = watching(self.modules, self.parameters, before_update=self.meet, forward_only=forward_only)
            with watched as seen:
                seen.returned = action()
            return seen
        finally:
            left = self.parameters if keep_gradients else []
            gradients = [None if parameter.grad is None else parameter.grad.detach().clone() for parameter in left]
            self.keeper.restore()
            for parameter, gradient in zip(left, gradients, strict=True):
                parameter.grad = gradient

    @cached_property
    def small(self) -> View:
        """A few rows of the first batch: enough for a step where it does not matter what is learnt.

        Raises:
            CannotCheck: there are no batches, or they are not understood.
        """
        return self.fewer(self.views[0])

    def fewer(self, view: View) -> View:
        """The first rows of a batch, or the whole where something besides tensors goes with the rows."""
        count = view.ids.shape[0]
        return view if count <= FEW or not view.is_all_tensors else view_of(view.rows(range(FEW)), self.fields)

    @cached_property
    def evaluated(self) -> tuple[Watched, dict[str, Any], dict[str, Any]]:
        """One run of the evaluation, watched, with the random states before and after it.

        Raises:
            CannotCheck: there is no evaluation.
        """
        if self.evaluate is None:
            raise CannotCheck("no evaluation was given (evaluate=)")
        return self.evaluate_from(SEED)

    def evaluate_from(self, seed: int) -> tuple[Watched, dict[str, Any], dict[str, Any]]:
        """The evaluation, started from a seed, watched and undone, with the random states before and after it."""
        states = []

        def evaluation() -> None:
            seed_everything(seed)
            states.append(random_state())
            self.evaluate(self.model)
            states.append(random_state())

        return self.watch(evaluation), *states

    def loss_value(self, batch: Any) -> float:
        """The loss of a batch with dropout off.

        Raises:
            CannotCheck: nothing computes a loss, or it gives no number.
        """
        seen = self.run(batch, quiet=True, forward_only=True)
        if seen.losses:
            return sum(seen.losses)
        value = seen.returned
        value = value.get("loss") if isinstance(value, Mapping) else value
        value = value[0] if isinstance(value, tuple) and value else value
        if isinstance(value, Tensor | int | float) and (not isinstance(value, Tensor) or value.numel() == 1):
            return float(value.detach()) if isinstance(value, Tensor) else float(value)
        raise CannotCheck("the step neither went backward nor gave a loss back")

    def mean_loss(self, batch: Any) -> Tensor:
        """The loss of a batch with its graph, from `loss` or from the model itself.

        Raises:
            CannotCheck: there is neither.
        """
        if self.loss is not None:
            value = self.loss(self.model, batch)
        elif self._model_gives_loss:
            value = self.model(**batch).loss
        else:
            raise CannotCheck("give loss=, a function of (model, batch): there is nothing to compare with")
        return value.get("loss") if isinstance(value, Mapping) else value

    def logits(self, view: View) -> Tensor:
        """What the model gives out for a batch, in evaluation mode, without gradients; everything is put back.

        Raises:
            CannotCheck: there is no model, or no logits are found in what it gives back.
        """
        if self.model is None:
            raise CannotCheck("no model was given")
        try:
            self.model.eval()
            with torch.no_grad():
                found = logits_of(self.model(**model_inputs(view)))
        finally:
            self.keeper.restore()
        if found is None:
            raise CannotCheck("no logits are found in what the model gives back")
        return found

    def first_split(self, *order: str) -> tuple[str, list[Row]]:
        """The first of these splits that there is, by name and rows.

        Raises:
            CannotCheck: there is none of them, or it could not be read.
        """
        for name in order:
            if self.rows.get(name):
                return name, self.rows[name]
        told = [f"{name}: {self.unreadable[name]}" for name in order if name in self.unreadable]
        raise CannotCheck("; ".join(told) or f"no rows were given ({' or '.join(f'{name}=' for name in order)})")

    @cached_property
    def _model_gives_loss(self) -> bool:
        """Whether the batch is a dictionary from which the model computes a loss of its own."""
        if self.model is None or not len(self.batches) or not isinstance(self.batches[0], Mapping):
            return False
        return "labels" in self.batches[0] and "labels" in inspect.signature(base_of(self.model).forward).parameters

    def _compute(self, batch: Any) -> Any:
        if self.step is not None:
            return self.step(batch)
        for module in self.modules:
            module.eval()
        with torch.no_grad():
            return self.mean_loss(batch)

    def meet(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimiser that nobody named, about to step for the first time."""
        self.keeper.keep_optimizer(optimizer)
        if not any(optimizer is known for known in self.optimizers):
            self.optimizers.append(optimizer)
