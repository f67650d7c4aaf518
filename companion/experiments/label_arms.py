"""Where labels stand decides everything: aligned, misaligned, and padding taught as "O", with the same steps and seeds.

The arms differ in what is in the batch and in nothing else. Each is scored twice: by entity F1, and by the accuracy
that many tutorials print, over every position of a padded grid, against the labels that the tutorial made itself.

Taught in: book/walkthroughs/train-a-tagger
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.encoding.audit import positional_labels
from companion.encoding.contract import IGNORE_INDEX
from companion.encoding.source import PART, TokenBatches
from companion.encoding.windows import Window
from companion.experiments.records import Cell, run_cells

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.corpora.records import Sentence
    from companion.tasks.tokens import TokenTask

NAME = "label-arms"
ARMS = ("aligned", "aligned-padding-as-O", "misaligned-padding-as-O")
SEEDS = (0, 1, 2, 3, 4)
GRID = 64
"""Positions of a padded row. Many tutorials pad to 128, which is harsher; 64 holds nearly every WNUT-17 sentence."""
UPDATES = 100
SCORED = 400
"""How many dev sentences the arms are scored on: forward passes over padding are slow."""
BATCH_SIZE = 16
LEARNING_RATE = 2e-4


class PaddedBatches(TokenBatches):
    """Rows padded to a grid of 64 positions, with "O" taught wherever nothing should be learned."""

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """As `TokenBatches.collate`, of shape (rows, 64); label 0 is "O"."""
        from torch.nn.functional import pad

        tensors = super().collate(part, ids)
        missing = max(0, GRID - tensors["input_ids"].shape[1])
        labels = pad(tensors["labels"], (0, missing), value=IGNORE_INDEX)
        return {
            "input_ids": pad(tensors["input_ids"], (0, missing), value=self.pad_token_id),
            "attention_mask": pad(tensors["attention_mask"], (0, missing), value=0),
            "labels": labels.masked_fill(labels == IGNORE_INDEX, 0),
        }


def misaligned_windows(task: TokenTask, sentences: Sequence[Sentence], *, max_length: int = GRID) -> list[Window]:
    """Rows as many tutorials label them: tag i on position i, whatever stands there; padding is cut off.

    Taught in: book/walkthroughs/train-a-tagger
    """
    tokenizer = task.encoder.tokenizer
    windows = []
    for sentence in sentences:
        labelled = positional_labels(sentence.words, sentence.tags, tokenizer, max_length)
        pieces = [piece for piece in labelled.pieces if piece != tokenizer.pad_token]
        windows.append(
            Window(
                input_ids=tokenizer.convert_tokens_to_ids(pieces),
                labels=[task.label_ids[label] for label in labelled.labels[: len(pieces)]],
                word_of_piece=list(labelled.word_of_piece[: len(pieces)]),
                owned=range(len(sentence.words)),
            )
        )
    return windows


def arm_batches(arm: str, task: TokenTask, sentences: Sequence[Sentence], *, batch_size: int) -> TokenBatches:
    """The batch source of one arm, the only thing in which the arms differ; "misaligned" leaves padding alone."""
    if arm.startswith("misaligned"):
        windows = misaligned_windows(task, sentences)
    else:
        windows = [window for alignment in task.align(sentences)[0] for window in alignment.windows]
    kind = PaddedBatches if arm.endswith("padding-as-O") else TokenBatches
    return kind(windows, pad_token_id=task.pad_token_id, batch_size=batch_size)


def grid_accuracy(model: nn.Module, task: TokenTask, sentences: Sequence[Sentence]) -> tuple[float, float]:
    """The tutorial's own score on the tutorial's own labels, and that of a model that always says "O"."""
    import torch

    grid = PaddedBatches(misaligned_windows(task, sentences), pad_token_id=task.pad_token_id, batch_size=32)
    right = always_o = total = 0
    for update in range(grid.updates(0)):
        batch = grid.collate(PART, grid.window(0, update)[PART])
        labels = batch.pop("labels")
        with torch.inference_mode():
            predicted = model(**batch).logits.argmax(-1)
        right += int((predicted == labels).sum())
        always_o += int((labels == 0).sum())
        total += labels.numel()
    return right / total, always_o / total


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record: all arms and seeds on WNUT-17, or (fast) two arms, 4 updates, Newsroom."""
    full = profile == "full"
    corpus = "wnut17" if full else "newsroom"
    arms, seeds = (ARMS, SEEDS) if full else (ARMS[::2], SEEDS[:1])
    cells = [{"corpus": corpus, "arm": arm, "seed": seed} for seed in seeds for arm in arms]
    updates = UPDATES if full else 4
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(
        NAME, cells, lambda **factors: measure(updates=updates, **factors), root=root, command=command, say=say
    )


def measure(*, corpus: str, arm: str, seed: int, updates: int) -> dict[str, Any]:
    """Train one arm for a fixed number of updates and score it on dev by both measures."""
    from companion.corpora import load_corpus
    from companion.models.encoder import load_encoder
    from companion.tasks.tokens import TokenTask
    from companion.training.config import TrainConfig
    from companion.training.loop import train

    data = load_corpus(corpus)
    task = TokenTask(data.labels, load_encoder(), max_length=GRID)
    config = TrainConfig(epochs=100, max_updates=updates, learning_rate=LEARNING_RATE, seed=seed, piece_budget=4096)
    # So few updates are spent on sentences that have a name; every arm sees the same ones.
    with_names = [sentence for sentence in data.train if sentence.entities()]
    batches = arm_batches(arm, task, with_names, batch_size=BATCH_SIZE)
    run = train(task.model(seed=seed), batches, task.objective, config, say=lambda line: None)
    report = task.evaluator(data.dev[:SCORED]).report(run.model, bootstrap=0)
    accuracy, always_o = grid_accuracy(run.model, task, data.dev[:SCORED])
    return {
        "entity_f1": report.entity_f1 or 0.0,
        "predicted_entities": report.micro.predicted,
        "gold_entities": report.micro.gold,
        "grid_accuracy": accuracy,
        "always_o_grid_accuracy": always_o,
        "sentences": report.sentences,
        "updates": run.steps,
        "batch_size": BATCH_SIZE,
        "learning_rate": LEARNING_RATE,
        "last_loss": run.losses[-1],
    }
