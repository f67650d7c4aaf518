"""Weights, gradients and moments split over processes by torch's `fully_shard`.

This is the mechanism for models that outgrow a device, and not yet the saving: the whole model still stands on every
device beside its share, and from the first checkpoint on so do the whole moments.

The model that the caller gave stays as it is and where it is; a copy of it is split, trained and evaluated. Each pass
of the copy is a meeting of all processes, in which they collect one layer after another. So all of them must run
equally many: who has fewer pieces of an update runs one again that counts nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError
from companion.training.depth import LAYER
from companion.training.optimizer import Named, build_optimizer, trained_parameters
from companion.training.pieces import collate

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from companion.adaptation.contract import Adaptation
    from companion.objectives.contract import Batch, Objective
    from companion.training.config import TrainConfig
    from companion.training.parallel import Processes
    from companion.training.parts import Parts
    from companion.training.state import State


READS = 'sharding is "full", but the objective reads parameters, of which each process holds a part only'
WHOLE = 'leave sharding at "none", or choose an objective that reads the model\'s output only'


class Padding(dict[str, Any]):
    """A batch that is run for company: it counts nothing, and its loss weighs nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shards:
    """The split copy of a model, and the whole of it as checkpoints and the caller know it."""

    whole: tuple[nn.Module, torch.optim.Optimizer, Named]
    """The caller's model with an optimiser that never steps; filled by `gather`, read by `scatter`."""
    model: nn.Module
    """The split copy."""
    named: Named
    """Its trained parameters, each a DTensor."""
    optimizer: torch.optim.Optimizer
    """What steps them."""

    def gather(self) -> tuple[nn.Module, torch.optim.Optimizer, Named]:
        """Fill the whole model and its moments from all processes' shards; all of them call it together."""
        import torch

        model, optimizer, named = self.whole
        shards = dict(self.named)
        with torch.no_grad():
            for name, parameter in named:
                parameter.copy_(shards[name].full_tensor())
                moments = self.optimizer.state.get(shards[name], {})
                optimizer.state[parameter] = {key: _full(value) for key, value in moments.items()}
            buffers = dict(self.model.named_buffers())
            for name, buffer in model.named_buffers():
                buffer.copy_(buffers[name])
        return self.whole

    def scatter(self) -> None:
        """Fill the shards and their moments from the whole model, which every process has read from the checkpoint."""
        import torch

        model, optimizer, named = self.whole
        shards = dict(self.named)
        with torch.no_grad():
            for name, parameter in named:
                shards[name].copy_(_split(parameter, shards[name]))
                moments = optimizer.state.get(parameter, {})
                self.optimizer.state[shards[name]] = {
                    key: _split(value, shards[name]) if value.shape == parameter.shape and value.dim() else value
                    for key, value in moments.items()
                }
            buffers = dict(self.model.named_buffers())
            for name, buffer in model.named_buffers():
                buffers[name].copy_(buffer)


def shard(
    model: nn.Module,
    objective: Objective,
    adaptation: Adaptation | None,
    config: TrainConfig,
    processes: Processes,
    device: torch.device,
) -> Shards:
    """A copy of the model, split over all processes layer by layer, with its optimiser.

    Gradients are added up over processes, as the loop has it, and not averaged, as `fully_shard` does by itself.

    Raises:
        ConfigError: there is one process, or something reads or changes parameters, of which none is whole here.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    if processes.world == 1:
        raise ConfigError(
            'sharding is "full", but there is one process to share with',
            remedy='start several with torchrun or accelerate launch, or leave sharding at "none"',
        )
    for thing, member in ((objective, "parameters"), (objective, "combine"), (adaptation, "after_step")):
        if hasattr(thing, member):
            raise ConfigError(
                f'sharding is "full", but {type(thing).__name__} has {member}, which needs whole parameters',
                remedy='leave sharding at "none", or choose another objective or adaptation',
            )
    if config.compile:
        raise ConfigError("compile and sharding cannot go together", remedy="leave one of them out")
    whole = trained_parameters(model, objective)
    split, mesh = copy.deepcopy(model), init_device_mesh(device.type, (processes.world,))
    for name, module in split.named_modules():
        found = LAYER.match(f"{name}.")
        if found and found.end() == len(name) + 1:
            fully_shard(module, mesh=mesh)
    fully_shard(split, mesh=mesh, reshard_after_forward=True)
    for module in split.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)
            # gloo cannot multiply on the way, not even by 1.
            module.set_force_sum_reduction_for_comms(True)
    split.set_reduce_scatter_unused_params(True)
    named = trained_parameters(split, objective)
    return Shards(
        whole=(model, build_optimizer(whole, config, whole[0][1].device), whole),
        model=split,
        named=named,
        optimizer=build_optimizer(named, config, device),
    )


def is_sharded(named: Named) -> bool:
    """Whether these parameters are split over processes."""
    return hasattr(named[0][1], "full_tensor")


def pad(parts: Parts, state: State, batches: list[Batch]) -> list[Batch]:
    """This process's batches of the next update, and as many idle ones as the busiest process has more.

    Raises:
        ConfigError: the update has several parts, each of which may take a pass of its own.
    """
    window = {part: rows for part, rows in parts.source.window(state.epoch, state.update).items() if len(rows)}
    if len(window) > 1:
        raise ConfigError(
            f'sharding is "full", but an update has several parts ({", ".join(window)}), so passes cannot be matched',
            remedy='leave sharding at "none"',
        )
    missing = parts.processes.highest(len(batches), parts.settings.device) - len(batches)
    if missing:
        [(part, rows)] = window.items()
        spare = batches[0] if batches else collate(parts.source, {part: list(rows[:1])})
        batches = [*batches, *[Padding(spare)] * missing]
    return batches


def check_whole(losses: Mapping[str, Tensor]) -> None:
    """Refuse a loss that was computed from the shards themselves.

    Raises:
        ConfigError: the objective read parameters, of which every process holds a part.
    """
    if any(hasattr(loss, "full_tensor") for loss in losses.values()):
        raise ConfigError(READS, remedy=WHOLE)


def explain(error: Exception) -> None:
    """Say in a sentence that a whole tensor met a shard, if it is that.

    Raises:
        ConfigError: the objective read parameters, of which every process holds a part.
    """
    if "mixed torch.Tensor and DTensor" in str(error):
        raise ConfigError(READS, remedy=WHOLE) from error


def _full(value: Tensor) -> Tensor:
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def _split(value: Tensor, like: Tensor) -> Tensor:
    """This process's part of a tensor that all processes have, without asking the others."""
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(value.detach().to(like.device), like.device_mesh, like.placements, src_data_rank=None)
