"""Penalties that hold weights where they were: L2-SP and elastic weight consolidation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from companion.adaptation.wrapping import is_added, is_saved_head
from companion.errors import CheckpointError, ConfigError, ObjectiveError
from companion.objectives.contract import Batch, Objective
from companion.objectives.penalty import Penalised
from companion.objectives.terms import beside

if TYPE_CHECKING:
    from torch import Tensor, nn


class Anchored(Penalised):
    """½ · Σ importance · (weight − anchor)²: every weight is held where it was, each as firmly as its importance says.

    The anchors are copies of the weights at the moment at which this object is made; they travel through checkpoints.
    """

    def __init__(
        self,
        objective: Objective,
        anchors: Mapping[str, Tensor],
        importance: Mapping[str, Tensor] | None,
        *,
        term: str,
        weight: float,
    ) -> None:
        super().__init__(objective, term=term, weight=weight)
        if not anchors:
            raise ConfigError(
                "there is no weight to hold on to", remedy="train weights of the body, or leave this term out"
            )
        self.anchors, self.importance = dict(anchors), None if importance is None else dict(importance)

    def penalty(self, model: nn.Module) -> Tensor:
        """The penalty, shape ()."""
        import torch

        own, parts = dict(model.named_parameters()), []
        for name, anchor in self.anchors.items():
            if name not in own or own[name].shape != anchor.shape:
                raise ObjectiveError(
                    f"the anchor {name!r} is no parameter of this model, or has another shape",
                    remedy="anchor the model that is trained",
                )
            apart = (own[name] - anchor.to(own[name].device)).square()
            weight = 1.0 if self.importance is None else self.importance[name].to(apart.device)
            parts.append((apart * weight).sum())
        return 0.5 * torch.stack(parts).sum()

    def state_dict(self) -> dict[str, Tensor]:
        """Anchors and importance, and what the objective inside carries."""
        state = {f"anchor/{name}": tensor for name, tensor in self.anchors.items()}
        state |= {f"importance/{name}": tensor for name, tensor in (self.importance or {}).items()}
        inside = getattr(self.objective, "state_dict", dict)()
        return {**state, **{f"inside/{name}": tensor for name, tensor in inside.items()}}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take up what `state_dict` gave.

        Raises:
            CheckpointError: it holds anchors of another model.
        """
        found: dict[str, dict[str, Tensor]] = {"anchor": {}, "importance": {}, "inside": {}}
        for full_name, tensor in state.items():
            kind, _, name = full_name.partition("/")
            found[kind][name] = tensor
        if found["anchor"].keys() != self.anchors.keys():
            raise CheckpointError(
                "the stored anchors are those of another model", remedy="resume with the model the run was started with"
            )
        # In the order they had: a sum of floating-point numbers in another order ends in other bits.
        self.anchors = {name: found["anchor"][name] for name in self.anchors}
        self.importance = {name: found["importance"][name] for name in self.anchors} if found["importance"] else None
        if found["inside"]:
            self.objective.load_state_dict(found["inside"])  # type: ignore[attr-defined]


class L2SP(Anchored):
    """Weight decay towards the starting point instead of towards zero: ½ · weight · Σ (w − w₀)² over the body.

    A new head has no starting point worth holding on to and is left out.

    Raises:
        ConfigError: the weight is no number from 0 up, or the model has no body.

    Follows: Li, Grandvalet and Davoine (2018), "Explicit Inductive Bias for Transfer Learning with Convolutional
    Networks".
    Taught in: book/hybrid/continual-learning
    """

    def __init__(self, objective: Objective, model: nn.Module, *, weight: float) -> None:
        super().__init__(objective, body_weights(model), None, term="l2_sp", weight=weight)


class EWC(Anchored):
    """Elastic weight consolidation: what the tasks before needed is held by the diagonal of their Fisher information.

    Raises:
        ConfigError: the weight is no number from 0 up.

    Follows: Kirkpatrick et al. (2017), "Overcoming catastrophic forgetting in neural networks", equation 3.
    Taught in: book/hybrid/continual-learning
    """

    def __init__(self, objective: Objective, model: nn.Module, fisher: Mapping[str, Tensor], *, weight: float) -> None:
        own = dict(model.named_parameters())
        anchors = {name: own[name].detach().clone() for name in fisher if name in own}
        if anchors.keys() != fisher.keys():
            raise ConfigError(
                f"the Fisher information names {min(fisher.keys() - anchors.keys())!r}, which the model does not have",
                remedy="measure it on this model: fisher_diagonal(model, objective, batches)",
            )
        super().__init__(objective, anchors, fisher, term="ewc", weight=weight)


def body_weights(model: nn.Module) -> dict[str, Tensor]:
    """Copies of the trainable weights of the body, by their names in the model.

    What an adaptation put into the body, and its copy of the head, were made at random and are none of them.

    Raises:
        ConfigError: the model has no body.
    """
    body = getattr(model, "base_model", None)
    if body is None:
        raise ConfigError(
            f"{type(model).__name__} has no body apart from its head (no base_model)",
            remedy="use a transformers model with a head",
        )
    inside = {id(parameter) for parameter in body.parameters()}
    return {
        name: parameter.detach().clone()
        for name, parameter in model.named_parameters()
        if id(parameter) in inside and parameter.requires_grad and not (is_added(f".{name}") or is_saved_head(name))
    }


def fisher_diagonal(model: nn.Module, objective: Objective, rows: Sequence[Batch]) -> dict[str, Tensor]:
    """The mean over rows of the squared gradient of a row's loss, for every trainable parameter: the empirical Fisher.

    `rows` are batches of one row each: the square of a sum over several rows would be something else. Labels are those
    of the data; the true Fisher information would draw them from the model.

    Raises:
        ObjectiveError: there is no row, or a batch holds more than one.

    Follows: Kirkpatrick et al. (2017); on the difference, Kunstner et al. (2019).
    Taught in: book/hybrid/continual-learning
    """
    import torch

    if not rows:
        raise ObjectiveError("there is no row to measure on", remedy="give batches of one row each")
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    total = {name: torch.zeros_like(parameter) for name, parameter in named}
    was_training = model.training
    model.eval()
    try:
        for batch in rows:
            if any(len(tensor) != 1 for part in batch.values() for tensor in part.values()):
                raise ObjectiveError("a batch holds more than one row", remedy="give batches of one row each")
            losses = objective(model, beside(model, batch))
            loss = sum(objective.weights[term] * value for term, value in losses.items())
            gradients = torch.autograd.grad(loss, [parameter for _, parameter in named], allow_unused=True)
            for (name, _), gradient in zip(named, gradients, strict=True):
                if gradient is not None:
                    total[name] += gradient.square()
    finally:
        model.train(was_training)
    return {name: value / len(rows) for name, value in total.items()}
