"""What one process may meet within an update, and how all processes of a run act on it together.

A process that raised while the others went on to the sum of gradients would leave them waiting there. So each first
says what it met, and then all of them raise. torchtitan reduces its flag of a finite loss in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.errors import ProcessError

if TYPE_CHECKING:
    import torch

    from companion.training.parallel import Processes


class StopAsked(BaseException):
    """A signal asked the run to stop; no `Exception`, so that no evaluator takes it for a failure of its own."""


class PieceTooLarge(Exception):
    """There was not enough memory for a piece; `index` is its number on the process that met it, None on others."""

    def __init__(self, index: int | None = None) -> None:
        super().__init__(index)
        self.index = index


# The higher one goes first: an update that is tried again is also one that a signal can stop.
RANKS = {StopAsked: 1, PieceTooLarge: 2}
FAILED = 3


def agree(met: BaseException | None, processes: Processes, device: torch.device) -> None:
    """Raise on every process what the worst off of them met, or return where all of them met nothing.

    Raises:
        StopAsked, PieceTooLarge: some process met it, and none met worse.
        ProcessError: another process failed.
    """
    own = 0 if met is None else RANKS.get(type(met), FAILED)
    worst = processes.highest(own, device)
    if met is not None and own == worst:
        raise met
    if worst == FAILED:
        raise ProcessError("another process of this run failed", remedy="read the message of that process")
    for kind, rank in RANKS.items():
        if worst == rank:
            raise kind
