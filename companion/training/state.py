"""Where a run stands: three counters, the best so far, the history, and how they travel through a checkpoint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.errors import CheckpointError, DataError
from companion.training.config import TrainConfig

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from companion.adaptation.contract import Adaptation
    from companion.encoding.contract import BatchSource
    from companion.objectives.contract import Objective
    from companion.training.optimizer import Named

# What may differ between the first start of a run and its resumption without changing its course.
FREE_FIELDS = {"progress", "device", "checkpoint_every", "activation_checkpointing"}
# What may differ as well, but then the rows of an update meet in other pieces, which is to be said.
NOTED_FIELDS = {"piece_budget", "processes", "sharding"}

LONG_CALM = 2000
"""After so many fp16 updates without an overflow the loss scale is doubled, as in torch's GradScaler."""


@dataclass(kw_only=True, slots=True)
class State:
    """Everything about a run that is neither a weight nor an optimiser moment."""

    epoch: int = 0
    """The epoch of the next update."""
    update: int = 0
    """The next update within it."""
    step: int = 0
    """How many updates are done."""
    best_step: int | None = None
    """The step of the best evaluation."""
    best_value: float | None = None
    """The metric there."""
    waited: int = 0
    """Evaluations since then."""
    empty_updates: int = 0
    """Updates without a single label, skipped."""
    empty_terms: dict[str, int] = field(default_factory=dict)
    """How often each term of the objective had nothing to count."""
    overflows: int = 0
    """How often an fp16 gradient overflowed and its rows were tried again at half the scale."""
    scale: float = 65536.0
    """The fp16 loss scale."""
    calm: int = 0
    """How many fp16 updates have fitted in a row since the scale last changed."""
    piece_budget: int | None = None
    """The most padded word pieces of a piece, where memory was too short for what the configuration says."""
    finished: bool = False
    """Whether the run has come to its end."""
    updates: list[dict[str, float]] = field(default_factory=list)
    """One row per update: step, loss, learning rate, gradient norm, and each term."""
    evaluations: list[dict[str, float]] = field(default_factory=list)
    """One row per evaluation: step and the evaluator's numbers."""

    def advance(self, row: dict[str, float], updates: int, total: int) -> bool:
        """Note a finished update out of `updates` in its epoch and `total` in all; return whether the epoch ends.

        Raises:
            DataError: a whole epoch went by without a label.
        """
        self.step += 1
        self.updates.append({"step": self.step, "epoch": self.epoch, **row})
        epoch_ends = self.update + 1 == updates
        self.epoch, self.update = (self.epoch + 1, 0) if epoch_ends else (self.epoch, self.update + 1)
        self.finished = self.step == total
        if (epoch_ends or self.finished) and self.empty_updates == self.step:
            raise DataError(
                f"none of the first {self.step} updates had a single label to learn from",
                remedy="check the labels: -100 marks what is left out",
            )
        return epoch_ends

    def overflowed(self) -> None:
        """Halve the fp16 loss scale, at which a gradient left the range."""
        self.scale, self.overflows, self.calm = self.scale / 2, self.overflows + 1, 0

    def fitted(self) -> None:
        """Double the fp16 loss scale after a long calm, since a small one loses the small gradients."""
        self.calm += 1
        if self.calm == LONG_CALM:
            self.scale, self.calm = self.scale * 2, 0

    def remarks(self) -> list[str]:
        """What a careful reader of the result should know."""
        notes = [f"{count} updates had nothing to count for {name!r}" for name, count in self.empty_terms.items()]
        if self.empty_updates:
            notes.append(f"{self.empty_updates} updates without a single label were skipped")
        if self.overflows:
            notes.append(f"{self.overflows} fp16 overflows; the loss scale is now {self.scale:g}")
        if self.piece_budget is not None:
            notes.append(f"out of memory: a piece now holds at most {self.piece_budget} padded word pieces")
        return notes


def contract_of(
    config: TrainConfig,
    model: nn.Module,
    objective: Objective,
    source: BatchSource,
    adaptation: Adaptation | None,
    processes: int = 1,
) -> dict[str, Any]:
    """What must be the same for a run folder to be resumed, as JSON; differences are shown field by field."""
    settings = {name: value for name, value in config.to_dict().items() if name not in FREE_FIELDS}
    shapes = [(name, list(tensor.shape)) for name, tensor in model.state_dict().items()]
    trainable = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    labels = getattr(getattr(model, "config", None), "id2label", None)
    return {
        **settings,
        "labels": list(labels.values()) if isinstance(labels, dict) else None,
        "model": f"{type(model).__name__} {_short(shapes)}",
        "trainable": f"{len(trainable)} parameters {_short(trainable)}",
        "adaptation": None if adaptation is None else _describe(adaptation),
        "objective": f"{_describe(objective)} {json.dumps(dict(objective.weights), sort_keys=True)}",
        "data": source.fingerprint(),
        "processes": processes,
    }


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """The fields in which two documents differ, as `field: before → now`."""
    names = sorted(before.keys() | now.keys())
    changed = (name for name in names if before.get(name) != now.get(name))
    # Of a digest the beginning is enough to tell it from another.
    return [f"{name}: {_brief(before.get(name))} → {_brief(now.get(name))}" for name in changed]


def _brief(value: Any) -> str:
    return re.sub(r"\b([0-9a-f]{12})[0-9a-f]{52}\b", r"\1", str(value))


def contract_changes(before: dict[str, Any], now: dict[str, Any]) -> tuple[list[str], list[str]]:
    """The differences of two contracts: those that may not be, and those that may but are to be said."""
    # A setting that an earlier version did not have is what it did then: the default.
    settings = {name: value for name, value in TrainConfig().to_dict().items() if name in now}
    # Of what may differ, a checkpoint of an earlier version says nothing.
    settings |= {name: now[name] for name in NOTED_FIELDS & now.keys()}
    found = differences(settings | before, now)
    noted = [change for change in found if change.split(":")[0] in NOTED_FIELDS]
    return [change for change in found if change not in noted], noted


def capture(
    model: nn.Module, optimizer: torch.optim.Optimizer, named: Named, extras: dict[str, Any]
) -> dict[str, dict[str, Tensor]]:
    """The tensors of a run by checkpoint file: weights, optimiser moments, and the state of what else has one."""
    names = {id(parameter): name for name, parameter in named}
    moments = {
        f"{names[id(parameter)]}/{key}": value
        for parameter, values in optimizer.state.items()
        for key, value in values.items()
    }
    files = {**capture_weights(model, named), "optimizer.safetensors": moments}
    for name, part in extras.items():
        if part is not None and hasattr(part, "state_dict"):
            files[f"{name}.safetensors"] = part.state_dict()
    return files


def capture_weights(model: nn.Module, named: Named) -> dict[str, dict[str, Tensor]]:
    """The weights of the model and the objective's own parameters, by checkpoint file."""
    weights, seen = {}, set()
    for name, tensor in model.state_dict().items():
        # Tied weights share one storage; safetensors stores it once, and loading fills both names through it.
        identity = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        if identity not in seen:
            seen.add(identity)
            weights[name] = tensor
    files = {"model.safetensors": weights}
    own = {name: parameter for name, parameter in named if name.startswith("objective.")}
    if own:
        files["objective_parameters.safetensors"] = own
    return files


def restore(
    files: dict[str, dict[str, Tensor]],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    named: Named,
    extras: dict[str, Any],
) -> None:
    """Put captured tensors back where they came from.

    Raises:
        CheckpointError: a tensor is missing, or belongs to nothing that is trained.
    """
    restore_weights(files, model, named)
    by_name = dict(named)
    _check_trained({full_name.rsplit("/", 1)[0] for full_name in files["optimizer.safetensors"]}, by_name)
    order = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    places = {id(parameter): place for place, parameter in enumerate(order)}
    moments: dict[int, dict[str, Tensor]] = {}
    for full_name, value in files["optimizer.safetensors"].items():
        name, key = full_name.rsplit("/", 1)
        moments.setdefault(places[id(by_name[name])], {})[key] = value
    # The optimiser itself knows on which device and in which dtype it wants each of its tensors.
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
    for name, part in extras.items():
        if f"{name}.safetensors" in files:
            part.load_state_dict(files[f"{name}.safetensors"])


def restore_weights(files: dict[str, dict[str, Tensor]], model: nn.Module, named: Named) -> None:
    """Put back what `capture_weights` gave, in place.

    Raises:
        CheckpointError: a tensor is missing, or belongs to nothing that is trained.
    """
    _fill(model, files["model.safetensors"])
    by_name, own = dict(named), files.get("objective_parameters.safetensors", {})
    _check_trained(set(own), by_name)
    for name, tensor in own.items():
        by_name[name].data.copy_(tensor)


def _check_trained(names: set[str], by_name: dict[str, nn.Parameter]) -> None:
    for name in sorted(names - by_name.keys()):
        raise CheckpointError(
            f"it holds something for {name!r}, which is not trained here",
            remedy="resume with the model and the objective that the run was started with",
        )


def _fill(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Copy stored weights into the model, in place."""
    import torch

    own = model.state_dict()
    missing = set(own) - set(weights)
    filled = {own[name].data_ptr() for name in weights if name in own}
    lost = sorted(name for name in missing if own[name].numel() and own[name].data_ptr() not in filled)
    if lost or set(weights) - set(own):
        raise CheckpointError(
            f"the stored weights do not fit the model (first: {(lost or sorted(set(weights) - set(own)))[0]})",
            remedy="resume with the model that the run was started with",
        )
    with torch.no_grad():
        for name, tensor in weights.items():
            own[name].copy_(tensor)


def state_to_json(state: State) -> dict[str, Any]:
    """The state as JSON."""
    return dataclasses.asdict(state)


def state_from_json(document: dict[str, Any]) -> State:
    """The state that was stored.

    Raises:
        CheckpointError: another version of the package stored it.
    """
    try:
        return State(**document)
    except TypeError as error:
        raise CheckpointError(
            f"the stored state is not one of this version: {error}",
            remedy="use the version of the package that wrote it, or start a new run folder",
        ) from error


def _describe(thing: Objective | Adaptation) -> str:
    """Its text where its class writes one (dataclasses and modules do), without memory addresses, else its class."""
    if type(thing).__repr__ is object.__repr__:
        return type(thing).__name__
    return re.sub(r" at 0x[0-9a-f]+", "", repr(thing))


def _short(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:12]
