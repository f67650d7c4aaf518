"""A small network on what a frozen encoder reads: real sentences, and a training run in the blink of an eye.

The sentences are read once. What is trained is one hidden layer and one output layer on their vectors, through the
same loop as everything else, so that ten draws of every arm fit into a chapter. It is the last part of fine-tuning and
not the whole of it: the body cannot over-fit here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from companion.encoding.source import RowBatches
from companion.errors import DataError
from companion.models.minibert import Output
from companion.objectives.supervised import TokenCrossEntropy
from companion.randomness import generator, torch_stream
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from companion.training.outcome import Run

HIDDEN, BATCH, UPDATES, RATE = 256, 16, 120, 3e-3
"""Width of the hidden layer, rows an update, updates a run, and the constant learning rate after the warm-up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vectors:
    """Rows as a frozen encoder reads them, each with the number of its label.

    Raises:
        DataError: not as many labels as vectors.

    Taught in: book/constraints/over-fitting
    """

    vectors_ND: Tensor
    """One vector for each row, fp32."""
    labels_N: Tensor
    """The number of each row's label, dtype long."""

    def __post_init__(self) -> None:
        if len(self.vectors_ND) != len(self.labels_N):
            raise DataError(
                f"{len(self.vectors_ND)} vectors, but {len(self.labels_N)} labels", remedy="give one label a row"
            )

    def __len__(self) -> int:
        return len(self.labels_N)

    def take(self, places: Sequence[int] | range) -> Vectors:
        """These rows, in this order."""
        chosen = torch.tensor(list(places), dtype=torch.long)
        return Vectors(vectors_ND=self.vectors_ND[chosen], labels_N=self.labels_N[chosen])

    def flipped(self, share: float, seed: int) -> Vectors:
        """The same rows; each label is, with probability `share`, one of the other labels of these rows.

        Taught in: book/constraints/over-fitting
        """
        classes, draw = int(self.labels_N.max()) + 1, generator(seed, "flip")
        wrong_N = torch.rand(len(self), generator=draw) < share
        other_N = (self.labels_N + torch.randint(1, classes, (len(self),), generator=draw)) % classes
        return Vectors(vectors_ND=self.vectors_ND, labels_N=torch.where(wrong_N, other_N, self.labels_N))

    @classmethod
    def read(cls, reader: Callable[..., Any], texts: Sequence[Any], labels: Sequence[str]) -> Vectors:
        """The texts through a `VectorReader`; a label's number is its place in `labels`."""
        return cls(
            vectors_ND=torch.as_tensor(reader(texts)), labels_N=torch.tensor([labels.index(one.label) for one in texts])
        )


class VectorHead(nn.Module):
    """Dropout, a hidden layer, dropout, an output layer; the first weights depend on `seed` alone."""

    def __init__(self, width: int, classes: int, *, seed: int, dropout: float = 0.0, hidden: int = HIDDEN) -> None:
        super().__init__()
        with torch_stream("cpu", seed, "head"):
            self.hidden, self.output = nn.Linear(width, hidden), nn.Linear(hidden, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, vectors: Tensor) -> Output:
        """Logits of shape (rows, classes)."""
        return Output(logits=self.output(self.dropout(torch.relu(self.hidden(self.dropout(vectors))))))


class VectorBatches(RowBatches):
    """Updates of rows in an order that the seed and the epoch decide."""

    def __init__(self, rows: Vectors, *, batch_size: int = BATCH, seed: int | None = None) -> None:
        places = [[row] for row in range(len(rows))]
        super().__init__(places, pad_token_id=0, batch_size=batch_size, order="random", seed=seed)
        self.data = rows

    def collate(self, part: str, ids: Sequence[int]) -> dict[str, Tensor]:
        """`vectors` of shape (rows, width) and `labels` of shape (rows,)."""
        chosen = self.data.take(ids)
        return {"vectors": chosen.vectors_ND, "labels": chosen.labels_N}

    def _identity(self, row: int) -> str:
        vector = self.data.vectors_ND[row].numpy().tobytes()
        return f"{hashlib.sha256(vector).hexdigest()}{int(self.data.labels_N[row])}"


def fit_head(
    rows: Vectors,
    *,
    classes: int,
    seed: int,
    updates: int = UPDATES,
    dropout: float = 0.0,
    weight_decay: float = 0.0,
    smoothing: float = 0.0,
    dev: Vectors | None = None,
    watch: str = "accuracy",
    every: int = 4,
    patience: int | None = None,
    test: Vectors | None = None,
) -> Run:
    """Train a head on these rows; the seed decides first weights, order and dropout.

    With `dev` it is looked at `every` so many updates: the weights of the best look by `watch` ("accuracy" or "loss")
    are kept, and with `patience` the run ends after so many looks in vain. The accuracy on `test` is written down at
    each look and decides nothing. The learning rate is constant, so that a run that ends early is the beginning of a
    longer one.

    Taught in: book/constraints/over-fitting
    """
    looks: dict[str, Any] = {}
    if dev is not None:
        looks = {"evaluate_every": every, "patience": patience, "metric": watch}

    def look(model: nn.Module) -> dict[str, float]:
        seen = {} if test is None else {"test": judge(model, test)["accuracy"]}
        return {**judge(model, dev), **seen}  # type: ignore[arg-type]

    config = TrainConfig(
        epochs=updates,
        max_updates=updates,
        learning_rate=RATE,
        schedule="constant",
        weight_decay=weight_decay,
        clip_norm=None,
        seed=seed,
        precision="fp32",
        device="cpu",
        progress=False,
        **looks,
    )
    return train(
        VectorHead(rows.vectors_ND.shape[1], classes, seed=seed, dropout=dropout),
        VectorBatches(rows),
        TokenCrossEntropy(label_smoothing=smoothing),
        config,
        evaluate=None if dev is None else look,
        say=lambda line: None,
    )


def judge(model: nn.Module, rows: Vectors) -> dict[str, float]:
    """Accuracy and mean loss on these rows.

    Taught in: book/constraints/over-fitting
    """
    with torch.no_grad():
        logits_NC = model(vectors=rows.vectors_ND).logits
        right = (logits_NC.argmax(-1) == rows.labels_N).double().mean()
        return {"accuracy": float(right), "loss": float(functional.cross_entropy(logits_NC, rows.labels_N))}
