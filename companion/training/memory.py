"""Out of memory: the same update is tried again in smaller pieces, and the run keeps that size.

Which rows form an update does not depend on how they are cut, so its gradient stays what it was, to rounding (with
dropout, whose masks follow the pieces, in distribution).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from companion.errors import MemoryLimitError
from companion.training.pieces import Piece, collate, cut, rows_of
from companion.training.sharding import pad

if TYPE_CHECKING:
    from companion.objectives.contract import Batch
    from companion.training.parts import Parts
    from companion.training.state import State

# What torch's allocators say on the CPU, on Apple's GPU, and in libraries that raise no type of their own.
WORDS = ("DefaultCPUAllocator", "can't allocate memory", "out of memory", "bad_alloc")


def is_memory_shortage(error: BaseException) -> bool:
    """Whether this error says that there was not enough memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in WORDS)


def fetch(parts: Parts, state: State) -> list[Batch]:
    """This process's tensors of the next update, piece by piece."""
    batches = [collate(parts.source, piece) for piece in _pieces(parts, state)]
    return batches if parts.shards is None else pad(parts, state, batches)


def fetch_smaller(parts: Parts, state: State, failed: int | None) -> list[Batch]:
    """The tensors of the next update in pieces of at most half the largest, after piece `failed` did not fit.

    All processes call it together; `failed` is None where the piece was another's. The new size stands in the state.

    Raises:
        MemoryLimitError: the piece is a single row, or cannot be cut.
    """
    parts.clear_gradients()
    if parts.settings.device.type == "cuda":
        torch.cuda.empty_cache()
    pieces, device = _pieces(parts, state), parts.settings.device
    whole = getattr(parts.source, "whole_batches", False) or not getattr(parts.objective, "row_additive", True)
    alone = failed is not None and all(len(rows) == 1 for rows in pieces[failed].values())
    if parts.processes.highest(int(whole or alone), device):
        problem, remedy = _explain(parts, state, pieces, failed, whole=whole)
        raise MemoryLimitError(problem, remedy=remedy)
    largest = parts.processes.highest(max((_size(parts, piece) for piece in pieces), default=0), device)
    state.piece_budget = max(1, largest // 2)
    return fetch(parts, state)


def _pieces(parts: Parts, state: State) -> list[Piece]:
    budget = min(parts.settings.config.piece_budget, state.piece_budget or parts.settings.config.piece_budget)
    window = parts.source.window(state.epoch, state.update)
    return cut(parts.source, window, budget, rank=parts.processes.rank, world=parts.processes.world)


def _size(parts: Parts, piece: Piece) -> int:
    """The padded word pieces of a piece's largest part."""
    length = getattr(parts.source, "length", None)
    return max(
        len(rows) * max((length(part, row) for row in rows) if length is not None else [1])
        for part, rows in piece.items()
    )


def _explain(parts: Parts, state: State, pieces: list[Piece], failed: int | None, *, whole: bool) -> tuple[str, str]:
    rows = "a piece of another process" if failed is None else "; ".join(rows_of(pieces[failed]))
    problem = f"update {state.step + 1}: there is not enough memory for {rows}"
    if not whole:
        return problem, "shorten the longest texts, or take a smaller model; the last checkpoint is intact"
    if getattr(parts.source, "whole_batches", False):
        return problem, "a plain iterable cannot be cut: make its batches smaller and raise accumulate"
    return problem, "this objective needs the update as one piece: take a smaller batch_size"
