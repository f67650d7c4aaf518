"""Word embeddings take their gradient as the few rows that were looked up, not as a fresh table of zeros.

A batch of a few hundred word pieces looks up a few hundred of 30,000 rows, yet autograd answers with a whole table: for
the offline encoder 47 MB of zeros are written, page by page, for every micro-batch. PyTorch's own `sparse=True` gives
rows instead; they are written into one table that stays, and only they are cleared again. The numbers are the same to
rounding: rows that were looked up more than once are added in another order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 2**20
"""Tables with fewer values than this are left alone: writing their zeros costs less than sorting rows."""


class RowTables:
    """The large embedding tables of a model on a CPU, for the time of one run.

    A table that is also another layer's weight (the tied output of a language model) gets a gradient everywhere and is
    left alone; so is one that does not learn. What is set on the model is taken back after each pass, so that a copy
    made between two updates, by an evaluator say, is a model like any other.
    """

    def __init__(self, modules: Iterable[nn.Module]) -> None:
        modules = list(modules)
        uses = [id(weight) for module in modules for weight in module._parameters.values()]
        self.tables = [
            module
            for module in modules
            if type(module) is nn.Embedding
            and module.weight.device.type == "cpu"
            and module.weight.requires_grad
            and module.weight.numel() >= SMALLEST
            and uses.count(id(module.weight)) == 1
            and not (module.sparse or module.scale_grad_by_freq or module.max_norm is not None)
        ]
        self._gradients: dict[int, tuple[Tensor, Tensor | None]] = {}

    @contextmanager
    def by_rows(self) -> Iterator[None]:
        """Inside this block, passes through the model leave the rows that were looked up."""
        for table in self.tables:
            table.sparse = True
        try:
            yield
        finally:
            for table in self.tables:
                table.sparse = False

    def settle(self) -> None:
        """Turn the rows that a backward pass left into the full gradient that clipping and the optimiser expect."""
        for number, table in enumerate(self.tables):
            found = table.weight.grad
            if found is None or not found.is_sparse:
                continue
            found = found.coalesce()
            rows = found.indices()[0]
            dense = self._gradients[number][0] if number in self._gradients else torch.zeros_like(table.weight)
            dense[rows] = found.values()
            table.weight.grad, self._gradients[number] = dense, (dense, rows)

    def clear(self) -> None:
        """Write zeros back into the rows that were settled, so that the table can be used again."""
        for number, (dense, rows) in self._gradients.items():
            if rows is not None:
                dense[rows] = 0
                self._gradients[number] = dense, None

    def close(self) -> None:
        """Let go of the tables of gradients."""
        self._gradients.clear()
