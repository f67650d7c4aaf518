"""Adversarial training: the loss once more where every sentence's word vectors were moved to hurt it most.

The perturbation is added to what the word-embedding table gives, in a forward hook, for one pass, and is normalised for
each sentence. No weight is ever written, so there is nothing to restore and nothing that an exception could leave
behind; and a sentence is perturbed alike whatever rows it meets in a batch, so that any split of an update has the same
gradient. (The usual recipe adds a step to the table itself, normalised over the batch, and takes it back afterwards.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from companion.errors import ConfigError, ObjectiveError
from companion.objectives.contract import Batch, Objective
from companion.objectives.terms import OneMore

if TYPE_CHECKING:
    from torch import Tensor, nn

TABLE = "word_embeddings"


class PGD(OneMore):
    """An objective of one term and, beside it, its loss at x + r, a term called "adversarial".

    r is found by `steps` steps of projected gradient ascent from 0: each of length `step_size` along the gradient of a
    sentence, then brought back into the ball of radius `epsilon` (Euclidean norm over all word vectors of the
    sentence). A sentence whose gradient is 0 is not moved. Both terms count the same, and the gradient flows through
    the weights of both passes, not through r. An update costs `steps` + 1 forward passes and `steps` backward passes
    to the word vectors beside the usual one.

    It works with every body that has a table of word embeddings, adapted, frozen, computed again in the backward pass
    (activation checkpointing) or in bf16.

    Raises:
        ConfigError: a number is outside its range; the objective has several terms; the forward pass is compiled, or
            the model is split over processes.
        ObjectiveError: the model has no table of word embeddings, or does not read it exactly once in a pass.

    Follows: Madry et al. (2018), "Towards Deep Learning Models Resistant to Adversarial Attacks"; on word vectors and
    with the Euclidean norm, Miyato, Dai and Goodfellow (2017), "Adversarial Training Methods for Semi-Supervised Text
    Classification", without their rescaling of the embeddings.
    Taught in: book/constraints/augmentation-and-ensembles
    """

    def __init__(
        self,
        objective: Objective,
        *,
        epsilon: float = 1.0,
        steps: int = 3,
        step_size: float | None = None,
        weight: float = 1.0,
        term: str = "adversarial",
    ) -> None:
        if len(objective.weights) != 1:
            raise ConfigError(
                f"the objective has the terms {', '.join(objective.weights)}, and one is needed",
                remedy="wrap the one objective that reads the labels, and mix or add terms afterwards",
            )
        super().__init__(objective, term=term, weight=weight)
        self.epsilon = _positive("epsilon", epsilon)
        if isinstance(steps, bool) or not isinstance(steps, int) or steps < 1:
            raise ConfigError(f"steps is {steps!r}", remedy="give a whole number, 1 or more")
        self.steps = steps
        # The same default as in Madry et al.: the steps together reach two and a half radii.
        self.step_size = _positive("step_size", 2.5 * epsilon / steps if step_size is None else step_size)
        [self.clean] = objective.weights

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.objective!r}, epsilon={self.epsilon}, steps={self.steps}, "
            f"step_size={self.step_size:g}, weight={self.weights[self.term]})"
        )

    def counts(self, batch: Batch) -> dict[str, float]:
        """What the objective counts, for both passes."""
        found = dict(self.objective.counts(batch))
        return {**found, self.term: found[self.clean]} if self.clean in found else found

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss at x and at x + r."""
        if self.clean not in self.objective.counts(batch):
            return dict(self.objective(model, batch))
        tables = word_tables(model)
        _check_forward(model, tables)
        with _moved(tables) as place:
            clean = dict(self.objective(model, batch))
        found_BTD = self._climb(model, batch, tables, place.slope(clean[self.clean], keep=True))
        with _moved(tables, found_BTD):
            hurt = self.objective(model, batch)[self.clean]
        return {**clean, self.term: hurt}

    def perturbation(self, model: nn.Module, batch: Batch) -> Tensor:
        """r of each sentence, shape (rows, positions, width), for the model in the mode it is in."""
        import torch

        tables = word_tables(model)
        _check_forward(model, tables)
        with torch.enable_grad():
            with _moved(tables) as place:
                loss = self.objective(model, batch)[self.clean]
            return self._climb(model, batch, tables, place.slope(loss))

    def _climb(self, model: nn.Module, batch: Batch, tables: list[nn.Module], slope_BTD: Tensor) -> Tensor:
        """r after all steps, the first of them along a slope that is known already."""
        found_BTD = _within(_along(slope_BTD, self.step_size), self.epsilon)
        for _ in range(self.steps - 1):
            with _moved(tables, found_BTD) as place:
                loss = self.objective(model, batch)[self.clean]
            found_BTD = _within(found_BTD + _along(place.slope(loss), self.step_size), self.epsilon)
        return found_BTD


class FGM(PGD):
    """An objective of one term and, beside it, its loss at x + ε · g / ‖g‖, g being a sentence's gradient at x.

    One step of `PGD`, all the way: every sentence's word vectors are moved by exactly `epsilon`. An update costs two
    forward passes, a backward pass to the word vectors, and the usual backward pass through both.

    Raises:
        ConfigError, ObjectiveError: as `PGD`.

    Follows: Miyato, Dai and Goodfellow (2017), as `PGD` does.
    Taught in: book/constraints/augmentation-and-ensembles
    """

    def __init__(
        self, objective: Objective, *, epsilon: float = 1.0, weight: float = 1.0, term: str = "adversarial"
    ) -> None:
        super().__init__(objective, epsilon=epsilon, steps=1, step_size=epsilon, weight=weight, term=term)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.objective!r}, epsilon={self.epsilon}, weight={self.weights[self.term]})"


def word_tables(model: nn.Module) -> list[nn.Module]:
    """The table that gives the model its word vectors; of an ensemble, that of each member.

    Raises:
        ObjectiveError: there is none.
    """
    from torch import nn

    found: dict[int, nn.Module] = {}
    for name, module in model.named_modules():
        table = module if name.rpartition(".")[2] == TABLE else None
        if hasattr(type(module), "get_input_embeddings"):
            try:
                table = module.get_input_embeddings()
            except (AttributeError, NotImplementedError):
                continue
        if isinstance(table, nn.Module):
            found[id(table)] = table
    if not found:
        raise ObjectiveError(
            f"{type(model).__name__} has no table of word embeddings, so there is nothing to perturb",
            remedy=f"give a transformers body, or call the table {TABLE}",
        )
    return list(found.values())


@contextmanager
def perturbed(model: nn.Module, moved_BTD: Tensor) -> Iterator[None]:
    """Inside this block, the model reads its word vectors moved by `moved_BTD`, shape (rows, positions, width).

    Raises:
        ObjectiveError: the model has no table of word embeddings, or reads another number of words.
    """
    with _moved(word_tables(model), moved_BTD):
        yield


class _Place:
    """What is added to the word vectors of one pass: a leaf that gradients reach, the same for every table."""

    def __init__(self, moved_BTD: Tensor | None) -> None:
        self.moved_BTD, self.leaf_BTD = moved_BTD, None
        self.reads: Counter[int] = Counter()

    def add(self, table: nn.Module, inputs: object, output_BTD: Tensor) -> Tensor:
        """The forward hook."""
        import torch

        if self.moved_BTD is not None and self.moved_BTD.shape != output_BTD.shape:
            raise ObjectiveError(
                f"word vectors of shape {tuple(output_BTD.shape)}, but a perturbation of shape "
                f"{tuple(self.moved_BTD.shape)}",
                remedy="perturb the rows that the perturbation was made for",
            )
        self.reads[id(table)] += 1
        if self.leaf_BTD is None:
            start = torch.zeros_like(output_BTD) if self.moved_BTD is None else self.moved_BTD.to(output_BTD.dtype)
            self.leaf_BTD = start.detach().requires_grad_(torch.is_grad_enabled())
        return output_BTD + self.leaf_BTD

    def slope(self, loss: Tensor, *, keep: bool = False) -> Tensor:
        """The gradient of the loss with respect to what was added; `keep` leaves the graph for another backward pass.

        Raises:
            ObjectiveError: the pass read no words, or some more than once.
        """
        import torch

        if self.leaf_BTD is None or max(self.reads.values()) > 1:
            raise ObjectiveError(
                f"the model read its word embeddings {sum(self.reads.values())} times in a pass, and once is needed",
                remedy="give it input_ids, and wrap an objective that calls the model once",
            )
        # Of a sum over sentences, each sentence's gradient is its own: no other reads its word vectors.
        [slope_BTD] = torch.autograd.grad(loss, [self.leaf_BTD], retain_graph=keep, allow_unused=True)
        return torch.zeros_like(self.leaf_BTD) if slope_BTD is None else slope_BTD


@contextmanager
def _moved(tables: list[nn.Module], moved_BTD: Tensor | None = None) -> Iterator[_Place]:
    """Add `moved_BTD`, or nothing yet, to what the tables give."""
    place, handles = _Place(moved_BTD), []
    try:
        handles += [table.register_forward_hook(place.add) for table in tables]
        yield place
    finally:
        for handle in handles:
            handle.remove()


def _along(slope_BTD: Tensor, length: float) -> Tensor:
    """The slope of each sentence, brought to a length; one that is 0 stays 0."""
    # First by the largest value, so that the squares of a tiny slope do not vanish.
    largest_B11 = slope_BTD.abs().amax((1, 2), keepdim=True)
    scaled_BTD = slope_BTD / largest_B11.masked_fill(largest_B11 == 0, 1.0)
    norm_B11 = _norm(scaled_BTD)
    return length * scaled_BTD / norm_B11.masked_fill(norm_B11 == 0, 1.0)


def _within(moved_BTD: Tensor, radius: float) -> Tensor:
    """What is farther away than the radius, brought back onto it, sentence by sentence."""
    return moved_BTD * (radius / _norm(moved_BTD).clamp(min=1e-30)).clamp(max=1.0)


def _norm(values_BTD: Tensor) -> Tensor:
    return values_BTD.flatten(1).norm(dim=1)[:, None, None]


def _positive(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise ConfigError(f"{name} is {value!r}", remedy="give a finite number above 0")
    return float(value)


def _check_forward(model: nn.Module, tables: list[nn.Module]) -> None:
    if getattr(model, "_compiled_call_impl", None) is not None:
        # A hook that is set after compiling is passed over in silence.
        raise ConfigError(
            "adversarial training cannot reach into a compiled forward pass", remedy="leave compile at False"
        )
    if any(type(weight).__name__ == "DTensor" for table in tables for weight in table.parameters(recurse=False)):
        raise ConfigError(
            "adversarial training does not work on a model that is split over processes",
            remedy='leave sharding at "none"',
        )
