"""Several models as one: their weights averaged into one model, or their probabilities into one answer."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from companion.errors import ModelError
from companion.models.minibert import Output

if TYPE_CHECKING:
    from torch import Tensor

WHOLE = "multi_label_classification"
NUMBER = "regression"


class RunningAverage:
    """The mean of a model's weights over the moments at which `update` was called.

    `train(…, log=lambda step, values: average.update(model) if step > begin else None)` averages the end of a run: the
    model of one process, not split over several.

    Follows: Izmailov et al. (2018), "Averaging Weights Leads to Wider Optima and Better Generalization".
    """

    def __init__(self) -> None:
        self.count = 0
        """How many times the weights were added."""
        self._mean: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the weights as they are now into the mean.

        Raises:
            ModelError: they have other names or shapes than before; the first is named.
        """
        state = model.state_dict()
        if self.count:
            _check_alike(self._mean, state, "the weights averaged so far", type(model).__name__)
        self.count += 1
        for name, tensor in state.items():
            if name not in self._mean or not tensor.is_floating_point():
                self._mean[name] = tensor.detach().clone()
            else:
                self._mean[name] += (tensor - self._mean[name]) / self.count

    def put(self, model: nn.Module) -> nn.Module:
        """Write the mean into a model, in place, and return it.

        Raises:
            ModelError: nothing was averaged yet, or the model has other names or shapes; the first is named.
        """
        if not self.count:
            raise ModelError("nothing was averaged yet", remedy="call update(model) at least once")
        own = model.state_dict()
        _check_alike(self._mean, own, "the averaged weights", type(model).__name__)
        with torch.no_grad():
            for name, tensor in self._mean.items():
                own[name].copy_(tensor)
        return model


def average_weights(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of several state dictionaries, weight by weight; a whole number must be the same in all.

    Raises:
        ModelError: there is none, or two differ in a name, a shape or a whole number; the first is named.

    Follows: Wortsman et al. (2022), "Model soups: averaging weights of multiple fine-tuned models improves accuracy
    without increasing inference time", the uniform soup.
    """
    if not states:
        raise ModelError("there are no weights to average", remedy="give the state_dict() of one model or more")
    first = states[0]
    for number, state in enumerate(states[1:], start=2):
        _check_alike(first, state, "the first model", f"model {number}")
    found = {}
    for name, tensor in first.items():
        if tensor.is_floating_point():
            # Summed in fp64, so that the mean of equal weights is those weights; Apple's GPU has none.
            found[name] = (sum(state[name].cpu().double() for state in states) / len(states)).to(tensor)
        elif all(torch.equal(tensor, state[name]) for state in states):
            found[name] = tensor.clone()
        else:
            raise ModelError(
                f"{name} is a whole number and differs, so that it has no mean", remedy="average like runs"
            )
    return found


def average_models(models: Sequence[nn.Module]) -> nn.Module:
    """A copy of the first model with the mean of all their weights; the models stay as they are.

    Raises:
        ModelError: as `average_weights`; or the models give different labels.

    Taught in: book/constraints/augmentation-and-ensembles
    """
    found = average_weights([model.state_dict() for model in models])
    _check_labels(models)
    made = copy.deepcopy(models[0])
    made.load_state_dict(found)
    return made


class Ensemble(nn.Module):
    """Models that answer together: the logits are the log of the mean of their probabilities.

    Whatever takes the softmax of logits, or their largest, gets the mean probability, or its label: predictions,
    evaluators and calibration work as for one model. With several labels a text the mean is that of each yes/no
    probability; of a regression it is that of the numbers. It costs as many forward passes as there are members.

    Raises:
        ModelError: there is no member, or their labels differ.

    Taught in: book/constraints/augmentation-and-ensembles
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        if not members:
            raise ModelError("there is no member", remedy="give one model or more")
        _check_labels(members)
        self.members = nn.ModuleList(members)
        # A module is born in training mode, and an evaluator gives it back in the mode it found.
        self.train(any(member.training for member in members))

    @property
    def config(self) -> Any:
        """The configuration of the first member."""
        return self.members[0].config

    def forward(self, **inputs: Any) -> Output:
        """Logits of the shape of a member's."""
        # Decisions are made in at least fp32.
        logits = [_wide(member(**inputs).logits) for member in self.members]
        kind = getattr(getattr(self.members[0], "config", None), "problem_type", None)
        if kind == NUMBER:
            return Output(logits=torch.stack(logits).mean(0))
        if kind == WHOLE:
            yes, no = (
                torch.stack([nn.functional.logsigmoid(sign * one) for one in logits]).logsumexp(0) for sign in (1, -1)
            )
            return Output(logits=yes - no)
        return Output(logits=torch.stack([one.log_softmax(-1) for one in logits]).logsumexp(0) - math.log(len(logits)))


def _wide(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype.itemsize < 4 else logits


def _check_labels(models: Sequence[nn.Module]) -> None:
    found = [getattr(getattr(model, "config", None), "id2label", None) for model in models]
    for number, labels in enumerate(found[1:], start=2):
        if labels != found[0]:
            raise ModelError(
                f"model {number} gives other labels than the first: {labels} and {found[0]}",
                remedy="make all models from one task",
            )


def _check_alike(first: Mapping[str, Tensor], other: Mapping[str, Tensor], called: str, named: str) -> None:
    for name in sorted(first.keys() ^ other.keys()):
        raise ModelError(
            f"{name} is a weight of {called if name in first else named} alone",
            remedy="average models that were made alike",
        )
    for name, tensor in first.items():
        if tensor.shape != other[name].shape:
            raise ModelError(
                f"{name} has shape {tuple(tensor.shape)} in {called} and {tuple(other[name].shape)} in {named}",
                remedy="average models that were made alike",
            )
