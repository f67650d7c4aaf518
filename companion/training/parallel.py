"""Several processes on one update: launched by torchrun or accelerate, one flat sum per update, nothing else shared."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Processes:
    """This process among those that train together; a single process is a group of one."""

    rank: int
    """0 to `world` - 1; rank 0 writes files."""
    world: int
    """How many processes there are."""

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """Join the group that the launcher's environment describes; alone when there is none."""
        import torch
        import torch.distributed as distributed

        if int(os.environ.get("WORLD_SIZE", "1")) == 1 and not (
            distributed.is_available() and distributed.is_initialized()
        ):
            return cls(rank=0, world=1)
        if not distributed.is_initialized():
            if device.type == "cuda":
                torch.cuda.set_device(device)
            distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(rank=distributed.get_rank(), world=distributed.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process prints and writes files."""
        return self.rank == 0

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Give every process these tensors as they are on rank 0, in place."""
        if self.world == 1:
            return
        import torch.distributed as distributed

        for tensor in tensors:
            distributed.broadcast(tensor, src=0)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over processes, in place."""
        if self.world > 1:
            import torch.distributed as distributed

            distributed.all_reduce(tensor)
        return tensor

    def share(self, value: object) -> object:
        """Rank 0's value, everywhere."""
        if self.world == 1:
            return value
        import torch.distributed as distributed

        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]

    def wait(self) -> None:
        """Return when every process has come this far."""
        if self.world > 1:
            import torch.distributed as distributed

            distributed.barrier()
