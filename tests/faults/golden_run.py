"""The run whose checkpoint lies in `golden/`, written by the version of the package that first had its schema.

Later versions must take it up where it was left. `python -m tests.faults.golden_run FOLDER` writes another one, for
a schema to come; what lies there already is never written again.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import torch
from safetensors.torch import save_file
from torch import nn

from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.outcome import Run
from tests.tiny import LABELS, VOCABULARY, TinyEvaluator, tiny_batches

GOLDEN = Path(__file__).parent / "golden"
ROWS, EPOCHS, LEFT_AT = 16, 3, 6


class PieceTagger(nn.Module):
    """A tagger that looks at each piece alone: three tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces, self.classifier = nn.Embedding(VOCABULARY, 4), nn.Linear(4, len(LABELS))
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                values = torch.arange(parameter.numel(), dtype=torch.float64)
                parameter.copy_(torch.sin(values + number).reshape(parameter.shape))

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        return SimpleNamespace(logits=self.classifier(self.pieces(input_ids)))


class BrokenOff(Exception):
    """Where the run was left."""


def go(folder: Path | None, left_at: int | None = None) -> Run:
    """Train twelve updates, saved after every second; or leave after some of them.

    With so large an epsilon, Adam does not make whole steps of what processors round differently.
    """

    def log(step: int, values: dict[str, float]) -> None:
        if step == left_at:
            raise BrokenOff

    return train(
        PieceTagger(),
        tiny_batches(ROWS),
        TokenCrossEntropy(),
        TrainConfig(
            epochs=EPOCHS, learning_rate=0.05, epsilon=0.01, precision="fp32", device="cpu", checkpoint_every=2
        ),
        evaluate=TinyEvaluator(),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )


def write(folder: Path) -> None:
    """The checkpoints of a run that was left half way, and how the whole run ends."""
    folder.mkdir(parents=True)
    with suppress(BrokenOff):
        go(folder, LEFT_AT + 1)
    (folder / "checkpoints" / "lock").unlink()
    run = go(None)
    save_file(run.model.state_dict(), folder / "expected.safetensors")
    expected = {"steps": run.steps, "losses": run.losses, "evaluations": run.evaluations, "best_step": run.best_step}
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
