"""From logits to one tag and one probability per word, or per text, independent of how the rows are batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from companion.corpora.schemes import repair
from companion.encoding.source import pad_pairs

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.encoding.alignment import Alignment

UNREAD = "O"
"""The tag of a word the tokenizer gives no piece for: nothing can be said about it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TagPrediction:
    """What a tagger says about one sentence."""

    tags: tuple[str, ...]
    """One well-formed IOB2 tag per word."""
    raw_tags: tuple[str, ...]
    """The most probable label of each word's first piece, before `I-` without a beginning was made `B-`."""
    scores: tuple[float, ...]
    """The probability of that label."""


def predict_tags(
    model: nn.Module,
    alignments: Sequence[Alignment],
    labels: Sequence[str],
    *,
    pad_token_id: int,
    piece_budget: int = 2048,
) -> list[TagPrediction]:
    """Tag aligned sentences: the most probable label of each word's first piece, in the window that owns the word.

    A tag sequence that enters an entity with `I-` is repaired to enter it with `B-`, the rule of conlleval and of
    transformers' token-classification pipeline.
    """
    windows = [window for alignment in alignments for window in alignment.windows]
    rows = [window.input_ids for window in windows]
    best: list[list[tuple[int, float]]] = [[] for _ in windows]
    for indices, logits in forward_by_length(model, rows, pad_token_id, piece_budget):
        # Decisions are made in fp32 on the CPU, one row at a time, so that no batch keeps its logits.
        scores, classes = logits.float().softmax(-1).max(-1)
        for row, index in enumerate(indices):
            size = len(windows[index].input_ids)
            best[index] = list(zip(classes[row, :size].tolist(), scores[row, :size].tolist(), strict=True))
    predictions, start = [], 0
    for alignment in alignments:
        end = start + len(alignment.windows)
        words = alignment.per_word(best[start:end])
        raw = tuple(UNREAD if word is None else labels[word[0]] for word in words)
        predictions.append(
            TagPrediction(
                tags=tuple(repair(raw)[0]),
                raw_tags=raw,
                scores=tuple(0.0 if word is None else word[1] for word in words),
            )
        )
        start = end
    return predictions


def forward_by_length(
    model: nn.Module, rows: Sequence[Sequence[int]], pad_token_id: int, piece_budget: int = 2048
) -> Iterator[tuple[list[int], Tensor]]:
    """Places and logits of batches of rows of about equal length, in evaluation mode and without gradients."""
    device = next(model.parameters()).device
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    was_training = model.training
    model.eval()
    try:
        while order:
            size = max(1, piece_budget // len(rows[order[0]]))
            indices, order = order[:size], order[size:]
            inputs = pad_pairs([rows[index] for index in indices], pad_token_id)
            with torch.inference_mode():
                output = model(**{name: tensor.to(device) for name, tensor in inputs.items()})
            # Trained positions before the text (prompt tuning) have logits too: the text's own are the last ones.
            logits = output.logits[:, -inputs["input_ids"].shape[1] :] if output.logits.dim() == 3 else output.logits
            yield indices, logits.cpu()
    finally:
        model.train(was_training)
