"""A weighted sum of objectives, each on its own part of the batch: hybrid fine-tuning, multi-task learning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from companion.errors import ConfigError
from companion.objectives.contract import Batch, Objective

if TYPE_CHECKING:
    from torch import Tensor, nn

Combine = Callable[[Mapping[str, "Tensor"]], "Tensor"]


class Mixture:
    """The terms of several objectives side by side; each keeps its own weight, mean and part of the batch.

    `Mixture(task.objective, MaskedLMCrossEntropy(weight=0.5))` minimises supervised + 0.5 · masked-LM: with a
    `SharedBody`, each part of the batch is read by its own head. Every term is averaged over what it counts itself, so
    that its weight does not depend on how many rows the other parts have.

    `combine` merges the gradients of the terms where they are not simply to be added (`pcgrad`).

    Raises:
        ConfigError: there is no objective, or two have a term of the same name.

    Taught in: book/hybrid/hybrid-fine-tuning
    """

    def __init__(self, *objectives: Objective, combine: Combine | None = None) -> None:
        if not objectives:
            raise ConfigError("there is no objective to mix", remedy="give one objective or more")
        self.objectives = objectives
        self.weights: dict[str, float] = {}
        for objective in objectives:
            for term, weight in objective.weights.items():
                if term in self.weights:
                    raise ConfigError(
                        f"two objectives have a term called {term!r}",
                        remedy='name one of them: term="…", and its part of the batch: part="…"',
                    )
                self.weights[term] = weight
        self.merge = combine
        # The loop looks whether an objective has these members at all, so they are there only where they do something.
        if combine is not None:
            self.combine = self._combine
        if any(hasattr(objective, "state_dict") for objective in objectives):
            self.state_dict, self.load_state_dict = self._state_dict, self._load_state_dict

    def __repr__(self) -> str:
        merge = "" if self.merge is None else f", combine={getattr(self.merge, '__name__', repr(self.merge))}"
        return f"{type(self).__name__}({', '.join(map(repr, self.objectives))}{merge})"

    @property
    def row_additive(self) -> bool:
        """Whether every one of them is a sum over rows."""
        return all(getattr(objective, "row_additive", True) for objective in self.objectives)

    def counts(self, batch: Batch) -> dict[str, float]:
        """What each term is divided by."""
        return {term: count for objective in self.objectives for term, count in objective.counts(batch).items()}

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The summed loss of each term."""
        return {term: loss for objective in self.objectives for term, loss in objective(model, batch).items()}

    def parameters(self) -> Iterator[nn.Parameter]:
        """What the objectives have of their own."""
        for objective in self.objectives:
            yield from getattr(objective, "parameters", tuple)()

    def _combine(self, gradients: Mapping[str, Tensor]) -> Tensor:
        return self.merge(gradients)

    def _state_dict(self) -> dict[str, Tensor]:
        return {
            f"{place}/{name}": tensor
            for place, objective in enumerate(self.objectives)
            for name, tensor in getattr(objective, "state_dict", dict)().items()
        }

    def _load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        for place, objective in enumerate(self.objectives):
            if hasattr(objective, "load_state_dict"):
                beginning = f"{place}/"
                own = {name: tensor for name, tensor in state.items() if name.startswith(beginning)}
                objective.load_state_dict({name.removeprefix(beginning): tensor for name, tensor in own.items()})
