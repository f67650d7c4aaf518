"""A tagger small enough to train in a second: random weights, made-up rows, and a digest to compare two of them.

Import as `from tests.tiny import tiny_tagger, tiny_batches`.
"""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

from companion.encoding.source import TokenBatches
from companion.encoding.windows import Window
from companion.objectives.supervised import TokenCrossEntropy

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import BertForTokenClassification

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
VOCABULARY = 60


def tiny_tagger(*, seed: int = 0, dropout: float = 0.0, **config: Any) -> BertForTokenClassification:
    """A BERT tagger, 2 layers, 32 wide, whose weights depend on `seed` alone."""
    import torch
    from transformers import BertConfig, BertForTokenClassification

    settings = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        id2label=dict(enumerate(LABELS)),
        label2id={label: index for index, label in enumerate(LABELS)},
        **config,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return BertForTokenClassification(settings)


def tiny_windows(count: int = 16, *, seed: int = 0, longest: int = 20) -> list[Window]:
    """Ragged rows of 3 to `longest` pieces; a piece's label follows from its id, and a third carry none."""
    draw = random.Random(seed)
    windows = []
    for _ in range(count):
        inner = [draw.randrange(5, VOCABULARY) for _ in range(draw.randint(1, longest - 2))]
        labels = [piece % len(LABELS) if draw.random() < 2 / 3 else -100 for piece in inner]
        labels[0] = inner[0] % len(LABELS)
        windows.append(
            Window(
                input_ids=[1, *inner, 2],
                labels=[-100, *labels, -100],
                word_of_piece=[None, *range(len(inner)), None],
                owned=range(len(inner)),
            )
        )
    return windows


def tiny_batches(count: int = 16, *, batch_size: int = 4, longest: int = 20, **options: Any) -> TokenBatches:
    """A batch source of `tiny_windows`."""
    return TokenBatches(tiny_windows(count, longest=longest), pad_token_id=0, batch_size=batch_size, **options)


class TinyEvaluator:
    """Loss and accuracy per labelled piece on rows of their own."""

    metric = "accuracy"
    greater_is_better = True

    def __init__(self, count: int = 12) -> None:
        self.source = tiny_batches(count, batch_size=count, seed=99)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        batch = {"labelled": self.source.collate("labelled", range(len(self.source.windows)))}
        objective = TokenCrossEntropy()
        count = objective.counts(batch)["supervised"]
        inputs = {name: tensor for name, tensor in batch["labelled"].items() if name != "labels"}
        right = (model(**inputs).logits.argmax(-1) == batch["labelled"]["labels"]).sum()
        return {
            "loss": objective(model, batch)["supervised"].item() / count,
            "accuracy": right.item() / count,
        }


def digest(tensors: dict[str, torch.Tensor]) -> str:
    """The sha256 of names, shapes and bytes of tensors: equal only where every bit is."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.numpy().tobytes())
    return total.hexdigest()
