"""What a batch source is: which rows form an update, and how rows become tensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


IGNORE_INDEX = -100
"""The label of a position that is neither trained nor scored (PyTorch's cross-entropy default)."""


class BatchSource(Protocol):
    """The first choice, as a pure function of (seed, epoch, update): nothing has to be saved to resume it.

    Optional members, used by the loop when they are there:
    `length(part, row)` in word pieces, so that an update can be cut into pieces of about equal cost, and
    `with_seed(seed)`, which returns the same source on the run's seed when it was given none of its own.
    """

    def updates(self, epoch: int) -> int:
        """How many updates this epoch has."""
        ...

    def window(self, epoch: int, update: int) -> Mapping[str, Sequence[int]]:
        """The rows of one update, part by part; the whole update, for all processes together."""
        ...

    def collate(self, part: str, ids: Sequence[int]) -> Mapping[str, Tensor]:
        """These rows of one part as padded tensors; the first dimension is the row."""
        ...

    def fingerprint(self) -> str:
        """A digest of the rows and of every setting that decides their order."""
        ...
