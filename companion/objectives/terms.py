"""A term of an objective and its weight, and an objective with one term more."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from companion.objectives.contract import Batch, Objective


def one_term(term: str, weight: float) -> Mapping[str, float]:
    """The weights of an objective with a single term.

    Raises:
        ConfigError: the weight is no finite number from 0 up.
    """
    if not math.isfinite(weight) or weight < 0:
        raise ConfigError(f"the weight of {term!r} is {weight}", remedy="give a finite number ≥ 0")
    return {term: weight}


def for_part(objective: Objective, part: str, *, term: str | None = None, weight: float = 1.0) -> Objective:
    """A copy of an objective of one term that reads another part of the batch; the term bears its name, or `term`.

    Raises:
        ConfigError: the weight is no finite number from 0 up.
    """
    moved: Any = copy.copy(objective)
    moved.part, moved.term = part, part if term is None else term
    moved.weights = one_term(moved.term, weight)
    return moved


def beside(model: nn.Module, batch: Batch) -> Batch:
    """The batch where the weights are."""
    device = next(model.parameters()).device
    return {part: {name: tensor.to(device) for name, tensor in group.items()} for part, group in batch.items()}


class OneMore:
    """An objective with one term more; what it may have besides (parameters, a state, combine) is still there.

    Raises:
        ConfigError: the weight is no number from 0 up, or the objective has a term of this name.
    """

    def __init__(self, objective: Objective, *, term: str, weight: float) -> None:
        if term in objective.weights:
            raise ConfigError(f"the objective has a term called {term!r} already", remedy="add it once")
        self.objective, self.term = objective, term
        self.weights: Mapping[str, float] = {**objective.weights, **one_term(term, weight)}

    def __getattr__(self, name: str) -> object:
        # Asked for before it is set when an object is copied, which would never end.
        if name == "objective":
            raise AttributeError(name)
        return getattr(self.objective, name)
