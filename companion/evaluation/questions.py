"""A question to a model: one label of one row, as a function of the row's word vectors.

What explains an answer asks many of them: along a path, with words taken away, or for the slope.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from companion.errors import ConfigError, EvaluationError
from companion.evaluation.passages import Passage, passage_of
from companion.objectives.adversarial import word_tables

if TYPE_CHECKING:
    from torch import Tensor, nn

ROWS_AT_ONCE = 32
BASELINES = ("mask", "pad", "mean", "zero")


class Question:
    """One label of one row, as a function of the row's word vectors."""

    def __init__(self, task: Any, model: nn.Module, passage: Passage, label: str | None, word: int | None) -> None:
        self.task, self.model, self.passage = task, model, passage
        tables = word_tables(model)
        if len(tables) != 1:
            raise EvaluationError(f"the model has {len(tables)} word tables", remedy="explain one model at a time")
        self.table = tables[0]
        self.device = next(model.parameters()).device
        self.position = passage.first_piece(word) if word is not None else None
        self.kind = "single" if task.name == "tokens" else task.settings.kind
        self.column = self._column(label)
        self.label = task.labels[self.column]

    def ends(self, baseline: str) -> tuple[Tensor, Tensor]:
        """Word vectors of the blanks and of the row, each of shape (positions, width)."""
        if baseline not in BASELINES:
            raise ConfigError(f"baseline is {baseline!r}", remedy=f"choose one of {', '.join(BASELINES)}")
        with torch.no_grad():
            end_TD = self.table(torch.tensor(self.passage.input_ids, device=self.device))
            blank_D = self._blank(baseline, end_TD)
        real_T1 = torch.tensor([[word is not None] for word in self.passage.word_of_piece], device=self.device)
        return torch.where(real_T1, blank_D, end_TD), end_TD

    def _blank(self, baseline: str, end_TD: Tensor) -> Tensor:
        if baseline == "zero":
            return torch.zeros_like(end_TD[0])
        if baseline == "mean":
            return self.table.weight.mean(0)
        piece = getattr(self.task.encoder.tokenizer, f"{baseline}_token_id")
        if piece is None:
            raise ConfigError(f"the tokenizer has no {baseline} piece", remedy='choose baseline="zero"')
        return self.table(torch.tensor(piece, device=self.device))

    def log_odds_at(self, rows: list[Tensor]) -> list[float]:
        """The log-odds of the label where the model reads these word vectors."""
        with torch.no_grad():
            return torch.cat([self._log_odds(vectors_KTD) for vectors_KTD in _few(rows)]).tolist()

    def slopes(self, rows: list[Tensor]) -> Tensor:
        """Their gradients, shape (rows, positions, width); no weight gets one."""
        found = []
        for vectors_KTD in _few(rows):
            with torch.enable_grad():
                leaf_KTD = vectors_KTD.detach().requires_grad_()
                # Of a sum over rows, each row's gradient is its own.
                found += torch.autograd.grad(self._log_odds(leaf_KTD).sum(), [leaf_KTD])
        return torch.cat(found)

    def _log_odds(self, vectors_KTD: Tensor) -> Tensor:
        logits_KC = self._logits(vectors_KTD)
        own_K = logits_KC[:, self.column]
        if self.kind != "single":
            return own_K  # of a yes/no answer the logit is the log-odds; a regression has no odds, but a number
        others = [column for column in range(logits_KC.shape[1]) if column != self.column]
        return own_K - logits_KC[:, others].logsumexp(-1)

    def _logits(self, vectors_KTD: Tensor) -> Tensor:
        ids_KT = torch.tensor([self.passage.input_ids] * len(vectors_KTD), device=self.device)
        with _reads(self.table, vectors_KTD):
            logits = self.model(input_ids=ids_KT, attention_mask=torch.ones_like(ids_KT)).logits
        if logits.dim() == 2:
            return logits
        # Trained positions before the text (prompt tuning) have logits too: the text's own are the last ones.
        return logits[:, -ids_KT.shape[1] :][:, self.position]

    def _column(self, label: str | None) -> int:
        if label is None:
            with torch.no_grad():
                return int(self._logits(self.table(torch.tensor([self.passage.input_ids]).to(self.device))).argmax())
        if label not in self.task.labels:
            raise ConfigError(f"there is no label {label!r}", remedy=f"choose one of {', '.join(self.task.labels)}")
        return self.task.labels.index(label)


@contextmanager
def asked(task: Any, model: nn.Module, row: Any, label: str | None, word: int | None) -> Iterator[Question]:
    """A question to the model in evaluation mode; afterwards it is in the mode it was in."""
    if (task.name == "tokens") != (word is not None):
        raise ConfigError(
            "a tagger's answer is about a word, and a classifier's is not",
            remedy="give word= for a TokenTask, and leave it out for a TextTask",
        )
    passage, was_training = passage_of(task, row), model.training
    model.eval()
    try:
        yield Question(task, model, passage, label, word)
    finally:
        model.train(was_training)


@contextmanager
def _reads(table: nn.Module, vectors_KTD: Tensor) -> Iterator[None]:
    """Inside this block, the table gives these vectors, once, whatever it is asked for."""
    reads = 0

    def instead(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
        nonlocal reads
        reads += 1
        if output.shape != vectors_KTD.shape or reads > 1:
            raise EvaluationError(
                "the model reads its word vectors more than once, or others", remedy="give it input_ids alone"
            )
        return vectors_KTD

    handle = table.register_forward_hook(instead)
    try:
        yield
    finally:
        handle.remove()


def _few(rows: list[Tensor]) -> Iterator[Tensor]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield torch.stack(rows[start : start + ROWS_AT_ONCE])
