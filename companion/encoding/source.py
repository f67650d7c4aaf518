"""Batch sources of labelled rows: shuffled or in length buckets, padded no further than needed."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.pairs import PairRow
from companion.errors import ConfigError, DataError
from companion.randomness import permutation

if TYPE_CHECKING:
    from torch import Tensor

    from companion.encoding.windows import Window

PART = "labelled"
POOL = 32
"""How many updates' worth of rows are sorted by length together: enough to save padding, few enough to stay random."""


class RowBatches:
    """Rows of word pieces as updates of `batch_size` rows, a pure function of (seed, epoch, update).

    `order="bucketed"` sorts pools of 32 updates by length before it cuts them, so that rows of about the same length
    meet; `order="random"` shuffles only. Either way each row appears exactly once an epoch, and the last update holds
    what is left over. `seed=None` leaves the seed to the run (`TrainConfig.seed`).

    What a row carries beside its pieces is the subclass's: it sets the labels in `collate` and in `fingerprint`.

    Raises:
        ConfigError: the batch size or the order is not one there is.
        DataError: there are no rows.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(
        self,
        rows: Sequence[Sequence[int]],
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
        if not rows:
            raise DataError(
                "there is no sentence or text to train on", remedy="check the training file and its filters"
            )
        self.rows, self.pad_token_id = rows, pad_token_id
        self.batch_size, self.order, self.seed = batch_size, order, seed
        self._plan: tuple[int, list[list[int]]] | None = None

    def with_seed(self, seed: int) -> Self:
        """The same rows in the order of the run's seed; a source with a seed of its own stays as it is."""
        if self.seed is not None:
            return self
        seeded = copy.copy(self)
        seeded.seed, seeded._plan = seed, None
        return seeded

    def updates(self, epoch: int) -> int:
        """How many updates this epoch has: all rows, the last update possibly smaller."""
        return -(-len(self.rows) // self.batch_size)

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The rows of one update."""
        if self._plan is None or self._plan[0] != epoch:
            self._plan = (epoch, self._order_epoch(epoch))
        return {PART: list(self._plan[1][update])}

    def length(self, part: str, row: int) -> int:
        """How many word pieces the row has, special tokens included."""
        return len(self.rows[row])

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask`, of pairs also `token_type_ids`, of shape (rows, longest row), dtype long."""
        return pad_pairs([self.rows[row] for row in ids], self.pad_token_id)

    def fingerprint(self) -> str:
        """A digest of every row and of the settings that decide the order."""
        digest = hashlib.sha256(f"{self.batch_size} {self.order} {self.seed} {self.pad_token_id}".encode())
        for row in range(len(self.rows)):
            digest.update(self._identity(row).encode())
        return digest.hexdigest()

    def _identity(self, row: int) -> str:
        return f"{self.rows[row]}"

    def _order_epoch(self, epoch: int) -> list[list[int]]:
        seed = 0 if self.seed is None else self.seed
        rows = permutation(len(self.rows), seed, "rows", epoch)
        if self.order == "random":
            return _cut(rows, self.batch_size)
        updates = []
        for pool in _cut(rows, self.batch_size * POOL):
            # Python's sort is stable, so rows of equal length keep their shuffled order.
            updates += _cut(sorted(pool, key=lambda row: len(self.rows[row])), self.batch_size)
        return [updates[index] for index in permutation(len(updates), seed, "updates", epoch)]


class TokenBatches(RowBatches):
    """Windows of labelled word pieces, in the order of `RowBatches`; a label per piece.

    Raises:
        ConfigError: the batch size or the order is not one there is.
        DataError: there are no rows, or no labels.

    Taught in: book/walkthroughs/train-a-tagger
    """

    def __init__(self, windows: Sequence[Window], **options: Any) -> None:
        super().__init__([window.input_ids for window in windows], **options)
        if not any(label != IGNORE_INDEX for row in windows for label in row.labels):
            raise DataError(
                f"not one word piece of the {len(windows)} rows carries a label", remedy="check the column of the tags"
            )
        self.windows = windows

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels` of shape (rows, longest row), dtype long."""
        labels = pad([self.windows[row].labels for row in ids], IGNORE_INDEX)["input_ids"]
        return {**super().collate(part, ids), "labels": labels}

    def _identity(self, row: int) -> str:
        return f"{self.windows[row].input_ids}{self.windows[row].labels}"


class TextBatches(RowBatches):
    """Texts as rows of word pieces, in the order of `RowBatches`; one label number per row.

    Raises:
        ConfigError: the batch size or the order is not one there is.
        DataError: there are no rows, or not as many labels.

    Taught in: book/reference/helpdesk
    """

    def __init__(self, rows: Sequence[Sequence[int]], labels: Sequence[int], **options: Any) -> None:
        super().__init__(rows, **options)
        if len(rows) != len(labels):
            raise DataError(f"{len(rows)} texts, but {len(labels)} labels", remedy="give one label per text")
        self.labels = labels

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """What `pad_pairs` gives, of shape (rows, longest row), and `labels` of shape (rows,), dtype long."""
        import torch

        return {**super().collate(part, ids), "labels": torch.tensor([self.labels[row] for row in ids])}

    def _identity(self, row: int) -> str:
        return f"{self.rows[row]}{getattr(self.rows[row], 'types', '')}{self.labels[row]}"


def pad(rows: Sequence[Sequence[int]], value: int) -> dict[str, Tensor]:
    """Ragged rows as one tensor `input_ids`, filled up with `value`, and the `attention_mask` that says what is real.

    Taught in: book/foundations/text-to-tensors
    """
    import torch

    longest = max(map(len, rows))
    input_ids = torch.full((len(rows), longest), value)
    attention_mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for index, row in enumerate(rows):
        input_ids[index, : len(row)] = torch.tensor(row)
        attention_mask[index, : len(row)] = 1
    return {"input_ids": input_ids, "attention_mask": attention_mask}


def pad_pairs(rows: Sequence[Sequence[int]], value: int) -> dict[str, Tensor]:
    """What `pad` gives and, of pairs whose texts are numbered (`PairRow`), `token_type_ids`.

    Taught in: book/reference/helpdesk
    """
    types = [row.types for row in rows if isinstance(row, PairRow)]
    return pad(rows, value) | ({"token_type_ids": pad(types, 0)["input_ids"]} if types else {})


def _cut(rows: list[int], size: int) -> list[list[int]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]
