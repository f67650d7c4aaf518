"""What autograd really keeps of a forward pass: the measurement beside the estimate of `footprint`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn


def saved_bytes(model: nn.Module, run: Callable[[], object]) -> int:
    """The bytes that autograd puts aside while `run` computes a loss, without the model's own tensors.

    Each storage is counted once, however many tensors look at it.

    Taught in: book/engineering/memory-and-speed
    """
    from torch.autograd.graph import saved_tensors_hooks

    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    storages = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            # Held on to, so that no other tensor gets the same address before all are counted.
            storages[storage.data_ptr()] = storage
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() for storage in storages.values())
