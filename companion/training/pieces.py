"""Cut an update into pieces that fit in memory, and read plain iterables of batches as a batch source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING, Any

from companion.errors import ConfigError, DataError
from companion.randomness import torch_stream
from companion.training.workers import starting_workers

if TYPE_CHECKING:
    from torch import Tensor

    from companion.encoding.contract import BatchSource
    from companion.training.config import TrainConfig

Piece = dict[str, list[int]]


def cut(
    source: BatchSource, window: Mapping[str, Sequence[int]], budget: int, *, rank: int = 0, world: int = 1
) -> list[Piece]:
    """This process's share of an update, in pieces of at most `budget` padded word pieces (always at least one row).

    Rows are dealt out by length, so that processes get about equal work and rows of a piece need little padding. Which
    rows form the update never depends on `budget`, `rank` or `world`; a process may get no rows at all.

    Taught in: book/walkthroughs/train-a-tagger
    """
    length = getattr(source, "length", None)
    by_part = []
    for part, rows in window.items():
        if getattr(source, "whole_batches", False):
            by_part.append([{part: [row]} for row in rows[rank::world]])
            continue
        lengths = {row: length(part, row) if length is not None else 1 for row in rows}
        pieces: list[list[int]] = []
        # Longest first: the first row of a piece then decides its padded width.
        for row in sorted(rows, key=lambda row: -lengths[row])[rank::world]:
            if pieces and lengths[pieces[-1][0]] * (len(pieces[-1]) + 1) <= budget:
                pieces[-1].append(row)
            else:
                pieces.append([row])
        by_part.append([{part: piece} for piece in pieces])
    return [
        {part: rows for piece in joint if piece is not None for part, rows in piece.items()}
        for joint in zip_longest(*by_part)
    ]


class IterableBatches:
    """A plain iterable of tensor dictionaries as a batch source, saved between epochs and where a signal stops it.

    Every item is one piece, and `accumulate` items form one update. An item is either `{name: tensor}`, which becomes
    the part "labelled", or already `{part: {name: tensor}}`. Whatever the iterable draws from torch's random state
    (a shuffling DataLoader does) comes from a stream keyed by seed, epoch and item. To go on within an epoch, the
    items before are read again.

    Raises:
        ConfigError: the iterable has no length.
    """

    whole_batches = True

    def __init__(self, batches: Iterable[Mapping[str, Any]], *, accumulate: int, seed: int) -> None:
        if not hasattr(batches, "__len__"):
            raise ConfigError(
                f"the batches are a {type(batches).__name__} without a length, so the schedule has no end",
                remedy="give a list, a DataLoader, or an object with __len__ and __iter__",
            )
        if len(batches) == 0:
            raise DataError("there is no batch to train on", remedy="check the training data")
        self.batches, self.accumulate, self.seed = batches, accumulate, seed
        self._epoch, self._next, self._iterator = -1, 0, iter(())

    def updates(self, epoch: int) -> int:
        """How many updates this epoch has."""
        return -(-len(self.batches) // self.accumulate)  # type: ignore[arg-type]

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The numbers of the items that form this update."""
        if epoch != self._epoch:
            # The first item is drawn with the order: a loader with workers shuffles before it is asked for an item.
            with torch_stream("cpu", self.seed, "iterable", epoch), starting_workers(self.batches):
                iterator = iter(self.batches)
                self._epoch, self._next, self._iterator = epoch, 0, chain(list(islice(iterator, 1)), iterator)
        first = update * self.accumulate
        last = min(first + self.accumulate, len(self.batches))  # type: ignore[arg-type]
        return {"labelled": list(range(first, last))}

    def collate(self, part: str, ids: Sequence[int]) -> Mapping[str, Tensor]:
        """The next item of the iterable; items that belong to other processes are passed over."""
        item = None
        while self._next <= ids[0]:
            with torch_stream("cpu", self.seed, "iterable", self._epoch, self._next):
                try:
                    item = next(self._iterator, None)
                except Exception as error:
                    error.add_note(f"(in batch {self._next} of epoch {self._epoch})")
                    raise
            self._next += 1
        if item is None:
            raise DataError(
                f"the batches ended after {self._next - 1} of {len(self.batches)}",  # type: ignore[arg-type]
                remedy="its length must be the number of batches in every epoch",
            )
        return item

    def close(self) -> None:
        """Let go of the iterator, and with it of the workers of a loader."""
        self._epoch, self._iterator = -1, iter(())

    def fingerprint(self) -> str:
        """What can be said without reading the batches: how many there are."""
        return f"iterable of {len(self.batches)} batches, {self.accumulate} an update"  # type: ignore[arg-type]


def as_source(batches: BatchSource | Iterable[Mapping[str, Any]], config: TrainConfig) -> BatchSource:
    """The batch source itself, on the run's seed, or a plain iterable read as one.

    Raises:
        ConfigError: settings that need a batch source are asked of a plain iterable.
    """
    if all(hasattr(batches, name) for name in ("updates", "window", "collate", "fingerprint")):
        if config.accumulate != 1:
            raise ConfigError(
                f"accumulate is {config.accumulate}, but this batch source decides by itself which rows form an update",
                remedy="set the source's batch_size; piece_budget decides how much of it is in memory at once",
            )
        with_seed = getattr(batches, "with_seed", None)
        return batches if with_seed is None else with_seed(config.seed)  # type: ignore[return-value]
    if config.evaluate_every is not None or config.checkpoint_every is not None:
        raise ConfigError(
            "evaluate_every and checkpoint_every need a batch source; a plain iterable is saved between epochs only",
            remedy="leave both at None, or give the batches of a task",
        )
    return IterableBatches(batches, accumulate=config.accumulate, seed=config.seed)  # type: ignore[arg-type]


def collate(source: BatchSource, piece: Piece) -> dict[str, Mapping[str, Tensor]]:
    """The tensors of one piece, part by part.

    Raises:
        DataError: the source gives something else than named tensors.
    """
    batch: dict[str, Mapping[str, Tensor]] = {}
    for part, rows in piece.items():
        tensors = source.collate(part, rows)
        nested = isinstance(tensors, Mapping) and any(isinstance(value, Mapping) for value in tensors.values())
        batch.update(tensors if nested else {part: tensors})  # type: ignore[arg-type]
    for part, group in batch.items():
        if not isinstance(group, Mapping):
            raise DataError(
                f"{part}: a batch is a {type(group).__name__}, not a dictionary of tensors",
                remedy='give batches such as {"input_ids": tensor, "labels": tensor}',
            )
        for name, value in group.items():
            if not hasattr(value, "to"):
                raise DataError(
                    f"{part}: {name!r} is a {type(value).__name__}, not a tensor",
                    remedy="turn it into one, or leave it out",
                )
    return batch


def rows_of(window: Mapping[str, Sequence[int]]) -> Iterator[str]:
    """The rows of an update as text for an error message."""
    for part, rows in window.items():
        yield f"{part} rows {', '.join(map(str, list(rows)[:32]))}{' …' if len(rows) > 32 else ''}"
