"""Read the first batches of anyone's loader, and leave it where it was."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from companion.doctor.batches import to_device
from companion.doctor.keeping import Keeper, seed_everything
from companion.doctor.patient import SEED
from companion.doctor.probe import CannotCheck


def batches_of(loader: Any, most: int, device: Any, keeper: Keeper) -> Iterator[Any]:
    """The first batches of a loader, on the device of the model; the loader is put back by its keeper.

    Raises:
        CannotCheck: the loader is an iterator, which cannot be read without moving it on.
    """
    for place, batch in enumerate(_iterate(loader, keeper)):
        if place == most:
            return
        yield to_device(batch, device)


def _iterate(loader: Any, keeper: Keeper) -> Iterator[Any]:
    if all(hasattr(loader, name) for name in ("updates", "window", "collate")):
        for update in range(loader.updates(0)):
            yield {part: loader.collate(part, ids) for part, ids in loader.window(0, update).items()}
        return
    data = getattr(loader, "dataset", None)
    for thing, word in ((loader, "loader"), (data, "loader's data set")):
        if hasattr(thing, "__next__"):
            raise CannotCheck(f"the {word} is an iterator, which cannot be read without moving it on; give the loader")
    keeper.keep_loader(loader)
    loader = getattr(loader, "base_dataloader", loader)  # accelerate wraps it
    keeper.keep_loader(loader)
    if isinstance(loader, DataLoader):
        # Read in this process, by a copy: workers that are at work stay where they are.
        loader = _alone(loader)
    seed_everything(SEED)
    yield from loader


def _alone(loader: DataLoader) -> DataLoader:
    plain = object.__new__(DataLoader)
    plain.__dict__.update(loader.__dict__)
    plain.__dict__.update(
        num_workers=0, persistent_workers=False, prefetch_factor=None, _iterator=None, timeout=0, pin_memory=False
    )
    return plain
