"""Masking for masked-language training, keyed by (seed, epoch, row): the same row is masked anew in every epoch."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.source import RowBatches, pad
from companion.errors import ConfigError
from companion.randomness import key

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

UNLABELLED = "unlabelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Masking:
    """Which pieces are hidden, and behind what.

    The defaults are BERT's: 15 % of the real pieces; of these 80 % become `[MASK]`, 10 % a random piece, 10 % stay.

    Raises:
        ConfigError: a share is outside its range.

    Follows: Devlin et al. (2019), section 3.1 and appendix A.1.
    Taught in: book/foundations/a-bert-from-scratch
    """

    share: float = 0.15
    """The share of a row's real pieces that the model has to guess; at least one piece per row."""
    masked: float = 0.8
    """Of these, the share that becomes `[MASK]`."""
    random: float = 0.1
    """Of these, the share that becomes a random piece; what is left over stays as it is."""

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0:
            raise ConfigError(f"share is {self.share!r}", remedy="give a share above 0, at most 1")
        if min(self.masked, self.random) < 0.0 or self.masked + self.random > 1.0 + 1e-12:
            raise ConfigError(
                f"masked is {self.masked!r}, random is {self.random!r}", remedy="give shares that add up to 1 at most"
            )


class MaskedRow(NamedTuple):
    """A row with some pieces hidden."""

    input_ids: list[int]
    """What the model reads."""
    labels: list[int]
    """The hidden piece where the model has to guess, the ignore index elsewhere."""


def mask_row(
    row: Sequence[int],
    masking: Masking,
    *,
    special: Collection[int],
    mask_id: int,
    vocabulary: Sequence[int],
    draw: random.Random,
) -> MaskedRow:
    """Hide pieces of one row; special pieces are never chosen, and random pieces come from `vocabulary`.

    How many pieces are chosen is the share of the row's real pieces, rounded up or down at random so that the share
    holds on average, and at least one.

    Taught in: book/foundations/a-bert-from-scratch
    """
    real = [place for place, piece in enumerate(row) if piece not in special]
    exact = masking.share * len(real)
    count = int(exact) + (draw.random() < exact - int(exact))
    input_ids, labels = list(row), [IGNORE_INDEX] * len(row)
    for place in draw.sample(real, min(len(real), max(1, count))):
        labels[place] = row[place]
        chance = draw.random()
        if chance < masking.masked:
            input_ids[place] = mask_id
        elif chance < masking.masked + masking.random:
            input_ids[place] = draw.choice(vocabulary)
    return MaskedRow(input_ids, labels)


class MaskedBatches(RowBatches):
    """Unlabelled rows, masked anew in every epoch; the part is called "unlabelled".

    A row's number says its epoch too (`epoch · rows + row`), so that `collate` stays a pure function of the numbers.

    Raises:
        ConfigError: the tokenizer has no mask token, the batch size or the order is not one there is.
        DataError: there are no rows.

    Taught in: book/foundations/a-bert-from-scratch
    """

    def __init__(
        self,
        rows: Sequence[Sequence[int]],
        tokenizer: PreTrainedTokenizerBase,
        *,
        masking: Masking | None = None,
        **options: Any,
    ) -> None:
        if tokenizer.mask_token_id is None:
            raise ConfigError("the tokenizer has no mask token", remedy="use an encoder that was trained by masking")
        super().__init__(rows, pad_token_id=tokenizer.pad_token_id or 0, **options)
        self.masking = masking or Masking()
        self.special = frozenset(tokenizer.all_special_ids)
        self.mask_id = tokenizer.mask_token_id
        self.vocabulary = [number for number in range(len(tokenizer)) if number not in self.special]

    def window(self, epoch: int, update: int) -> dict[str, list[int]]:
        """The rows of one update, numbered so that they carry their epoch."""
        [rows] = super().window(epoch, update).values()
        return {UNLABELLED: [epoch * len(self.rows) + row for row in rows]}

    def length(self, part: str, row: int) -> int:
        """How many word pieces the row has, special tokens included."""
        return len(self.rows[row % len(self.rows)])

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """`input_ids`, `attention_mask` and `labels` of shape (rows, longest row), dtype long."""
        rows = [self.masked(number) for number in ids]
        labels = pad([row.labels for row in rows], IGNORE_INDEX)["input_ids"]
        return {**pad([row.input_ids for row in rows], self.pad_token_id), "labels": labels}

    def masked(self, number: int) -> MaskedRow:
        """One row as it is masked in its epoch."""
        epoch, row = divmod(number, len(self.rows))
        return mask_row(
            self.rows[row],
            self.masking,
            special=self.special,
            mask_id=self.mask_id,
            vocabulary=self.vocabulary,
            draw=random.Random(key(0 if self.seed is None else self.seed, "mask", epoch, row)),
        )

    def _identity(self, row: int) -> str:
        return f"{self.rows[row]}{self.masking if row == 0 else ''}"
