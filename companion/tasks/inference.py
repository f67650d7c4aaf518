"""From a tagger's logits to one tag and one probability per word, independent of how the windows are batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from companion.corpora.schemes import repair

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.encoding.alignment import Alignment
    from companion.encoding.windows import Window

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
    piece_budget: int = 8192,
) -> list[TagPrediction]:
    """Tag aligned sentences: the most probable label of each word's first piece, in the window that owns the word.

    A tag sequence that enters an entity with `I-` is repaired to enter it with `B-`, the rule of conlleval and of
    transformers' token-classification pipeline.
    """
    windows = [window for alignment in alignments for window in alignment.windows]
    best: list[list[tuple[int, float]]] = [[] for _ in windows]
    for indices, logits in _forward(model, windows, pad_token_id, piece_budget):
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


def _forward(
    model: nn.Module, windows: Sequence[Window], pad_token_id: int, piece_budget: int
) -> Iterator[tuple[list[int], Tensor]]:
    """Logits of batches of windows of about equal length, in evaluation mode and without gradients."""
    device = next(model.parameters()).device
    order = sorted(range(len(windows)), key=lambda index: -len(windows[index].input_ids))
    was_training = model.training
    model.eval()
    try:
        while order:
            longest = len(windows[order[0]].input_ids)
            size = max(1, piece_budget // longest)
            indices, order = order[:size], order[size:]
            input_ids = torch.full((len(indices), longest), pad_token_id)
            attention_mask = torch.zeros((len(indices), longest), dtype=torch.long)
            for row, index in enumerate(indices):
                pieces = windows[index].input_ids
                input_ids[row, : len(pieces)] = torch.tensor(pieces)
                attention_mask[row, : len(pieces)] = 1
            with torch.inference_mode():
                output = model(input_ids=input_ids.to(device), attention_mask=attention_mask.to(device))
            yield indices, output.logits.cpu()
    finally:
        model.train(was_training)
