"""The batch source of labelled windows: shuffled or in length buckets, padded no further than needed."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from companion.encoding.contract import IGNORE_INDEX
from companion.errors import ConfigError, DataError
from companion.randomness import permutation

if TYPE_CHECKING:
    from torch import Tensor

    from companion.encoding.windows import Window

PART = "labelled"
POOL = 32
"""How many updates' worth of rows are sorted by length together: enough to save padding, few enough to stay random."""


class TokenBatches:
    """Windows of labelled word pieces as updates of `batch_size` rows, a pure function of (seed, epoch, update).

    `order="bucketed"` sorts pools of 32 updates by length before it cuts them, so that rows of about the same length
    meet; `order="random"` shuffles only. Either way each row appears exactly once an epoch, and the last update holds
    what is left over. `seed=None` leaves the seed to the run (`TrainConfig.seed`).

    Raises:
        ConfigError: the batch size or the order is not one there is.
        DataError: there are no rows, or no labels.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(
        self,
        windows: Sequence[Window],
        *,
        pad_token_id: int,
        batch_size: int = 32,
        order: str = "bucketed",
        seed: int | None = None,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(
                f"batch_size is {batch_size!r}", remedy="give a whole number of rows per update, 1 or more"
            )
        if order not in {"bucketed", "random"}:
            raise ConfigError(f"order is {order!r}", remedy='choose "bucketed" or "random"')
        if not windows:
            raise DataError("there is no sentence to train on", remedy="check the training file and its filters")
        if not any(label != IGNORE_INDEX for row in windows for label in row.labels):
            raise DataError(
                f"not one word piece of the {len(windows)} rows carries a label", remedy="check the column of the tags"
            )
        self.windows, self.pad_token_id = windows, pad_token_id
        self.batch_size, self.order, self.seed = batch_size, order, seed
        self._plan: tuple[int, list[list[int]]] | None = None

    def with_seed(self, seed: int) -> TokenBatches:
        """The same rows in the order of the run's seed; a source with a seed of its own stays as it is."""
        if self.seed is not None:
            return self
        seeded = copy.copy(self)
        seeded.seed, seeded._plan = seed, None
        return seeded

    def updates(self, epoch: int) -> int:
        """How many updates this epoch has: all rows, the last update possibly smaller."""
        return -(-len(self.windows) // self.batch_size)

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The rows of one update."""
        if self._plan is None or self._plan[0] != epoch:
            self._plan = (epoch, self._order_epoch(epoch))
        return {PART: list(self._plan[1][update])}

    def length(self, part: str, row: int) -> int:
        """How many word pieces the row has, special tokens included."""
        return len(self.windows[row].input_ids)

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels` of shape (rows, longest row), dtype long."""
        import torch

        rows = [self.windows[row] for row in ids]
        longest = max(len(row.input_ids) for row in rows)
        input_ids = torch.full((len(rows), longest), self.pad_token_id)
        attention_mask = torch.zeros((len(rows), longest), dtype=torch.long)
        labels = torch.full((len(rows), longest), IGNORE_INDEX)
        for index, row in enumerate(rows):
            size = len(row.input_ids)
            input_ids[index, :size] = torch.tensor(row.input_ids)
            attention_mask[index, :size] = 1
            labels[index, :size] = torch.tensor(row.labels)
        return {"input_ids": input_ids, "attention_mask": attention_mask, "labels": labels}

    def fingerprint(self) -> str:
        """A digest of every row and of the settings that decide the order."""
        digest = hashlib.sha256(f"{self.batch_size} {self.order} {self.seed} {self.pad_token_id}".encode())
        for row in self.windows:
            digest.update(f"{row.input_ids}{row.labels}".encode())
        return digest.hexdigest()

    def _order_epoch(self, epoch: int) -> list[list[int]]:
        seed = 0 if self.seed is None else self.seed
        rows = permutation(len(self.windows), seed, "rows", epoch)
        if self.order == "random":
            return _cut(rows, self.batch_size)
        updates = []
        for pool in _cut(rows, self.batch_size * POOL):
            # Python's sort is stable, so rows of equal length keep their shuffled order.
            updates += _cut(sorted(pool, key=lambda row: len(self.windows[row].input_ids)), self.batch_size)
        return [updates[index] for index in permutation(len(updates), seed, "updates", epoch)]


def _cut(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
