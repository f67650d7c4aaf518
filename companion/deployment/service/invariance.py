"""Batches that change no answer: a shape is computed in company once it has been seen to give the same bits."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from torch import Tensor, nn


class SameBits(nn.Module):
    """A model whose rows of one length are computed together only where that changes not a bit of their logits.

    A matrix product may take another path for few rows than for many, and then the last bits differ: with the offline
    encoder on the processors that were tried, for rows of three pieces and no others. So each shape, rows times pieces
    with the number of rows a power of two, is computed both ways the first time; where the bits differ, its rows are
    computed one at a time from then on. The order of a product's sums depends on shapes alone, not on the numbers.

    Rows of different lengths go through as they are: padding does change bits, so the service gives none.

    Taught in: book/engineering/serving
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.proved: dict[tuple[int, int], bool] = {}
        """For each shape that was tried, whether its rows keep their bits."""
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, **numbers: Tensor) -> SimpleNamespace:
        """Logits with a first axis of rows; `numbers` are the `token_type_ids` of pairs of texts."""
        given = {"input_ids": input_ids, "attention_mask": attention_mask, **numbers}
        if len(input_ids) == 1 or not bool(attention_mask.all()):
            return SimpleNamespace(logits=self._ask(given))
        parts, start = [], 0
        while start < len(input_ids):
            size = 1 << ((len(input_ids) - start).bit_length() - 1)
            parts.append(self._together(_rows(given, start, size)))
            start += size
        return SimpleNamespace(logits=torch.cat(parts))

    def _together(self, given: dict[str, Tensor]) -> Tensor:
        shape = (given["input_ids"].shape[0], given["input_ids"].shape[1])
        if shape[0] == 1:
            return self._ask(given)
        if self.proved.get(shape):
            return self._ask(given)
        alone = torch.cat([self._ask(_rows(given, row, 1)) for row in range(shape[0])])
        if shape not in self.proved:
            self.proved[shape] = torch.equal(alone, self._ask(given))
        return alone

    def _ask(self, given: dict[str, Tensor]) -> Tensor:
        return self.model(**given).logits


def _rows(given: dict[str, Tensor], start: int, size: int) -> dict[str, Tensor]:
    return {name: tensor[start : start + size] for name, tensor in given.items()}
