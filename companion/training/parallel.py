"""Several processes on one update: launched by torchrun or accelerate, one flat sum per update, nothing else shared."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from companion.errors import CompanionError, ProcessError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Value = TypeVar("Value")


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

        with _together():
            for tensor in tensors:
                distributed.broadcast(tensor, src=0)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over processes, in place."""
        if self.world > 1:
            import torch.distributed as distributed

            with _together():
                distributed.all_reduce(tensor)
        return tensor

    def highest(self, value: int, device: torch.device) -> int:
        """The highest of the processes' values, everywhere."""
        if self.world == 1:
            return value
        import torch
        import torch.distributed as distributed

        highest = torch.tensor(value, device=device)
        with _together():
            distributed.all_reduce(highest, distributed.ReduceOp.MAX)
        return int(highest)

    def share(self, value: Value) -> Value:
        """Rank 0's value, everywhere."""
        if self.world == 1:
            return value
        import torch.distributed as distributed

        box = [value]
        with _together():
            distributed.broadcast_object_list(box, src=0)
        return box[0]

    def lead(self, act: Callable[[], Value]) -> Value:
        """What `act` gives on rank 0, which alone calls it, everywhere; an error of ours is raised everywhere too.

        Raises:
            CompanionError: whatever it raised on rank 0.
        """
        if self.world == 1:
            return act()
        value, error = None, None
        if self.leads:
            try:
                value = act()
            except CompanionError as caught:
                error = caught
        value, error = self.share((value, error))
        if error is not None:
            raise error
        return value  # type: ignore[return-value]


@contextmanager
def _together() -> Iterator[None]:
    """Say it in a sentence where the connection to another process breaks."""
    try:
        yield
    except RuntimeError as error:
        raise _gone(error) from error


@contextmanager
def connected() -> Iterator[None]:
    """Say it in a sentence where that happens in a meeting of torch's own, such as a pass of a split model."""
    import torch.distributed as distributed

    try:
        yield
    except RuntimeError as error:
        known = distributed.is_available() and isinstance(error, distributed.DistError)
        if known or "/gloo/" in str(error):
            raise _gone(error) from error
        raise


def _gone(error: RuntimeError) -> ProcessError:
    return ProcessError(
        f"another process of this run ended or cannot be reached ({str(error).splitlines()[0]})",
        remedy="start all processes again: the run goes on from its last checkpoint",
    )
