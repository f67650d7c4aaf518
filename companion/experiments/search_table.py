"""A table of fine-tuning runs, one a combination of four settings, on which searches are replayed without training.

Newsroom sentiment from few labels: the offline encoder, every weight trained, judged on dev and on test after each
epoch. Which sentences were right is kept bit by bit, so that a smaller dev set can be looked at too. A part of the
combinations is trained with a second seed.

Taught in: book/walkthroughs/honest-experiments
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.experiments.records import Cell, run_cells
from companion.randomness import permutation
from companion.recipes.search_replay import Candidate

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from companion.corpora.texts import Text, TextCorpus
    from companion.tasks.texts import TextTask

NAME = "search-table"
LABELS, EPOCHS = 128, 4
SPACE: dict[str, tuple[Any, ...]] = {
    "learning_rate": (2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3),
    "batch_size": (8, 16),
    "weight_decay": (0.0, 0.1),
    "warmup": (0.0, 0.2),
}
SECOND_SEED = {"batch_size": (8, 16), "weight_decay": (0.0,), "warmup": (0.2,)}
"""The part that is trained twice: every learning rate and batch size."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile has one combination, 16 labels and 20 sentences a split."""
    full = profile == "full"
    names = list(SPACE)
    points = [dict(zip(names, values, strict=True)) for values in product(*SPACE.values())]
    again = [point for point in points if all(point[name] in some for name, some in SECOND_SEED.items())]
    cells = [*({**point, "seed": 0} for point in points), *({**point, "seed": 1} for point in again)]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(
        NAME,
        cells if full else cells[:1],
        lambda **factors: measure(full=full, **factors),
        root=root,
        command=command,
        say=say,
    )


def measure(
    *, learning_rate: float, batch_size: int, weight_decay: float, warmup: float, seed: int, full: bool
) -> dict[str, Any]:
    """Train one combination; after each epoch, which dev and test sentences were right, as hexadecimal bits."""
    from companion.training.config import TrainConfig

    config = TrainConfig(
        epochs=EPOCHS if full else 1,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        warmup=warmup,
        seed=seed,
        precision="fp32",
        device="cpu",
        progress=False,
    )
    answers, updates = trained(config, batch_size, labels=LABELS if full else 16, rows=None if full else 20)
    return {
        "dev": [to_hex(dev) for dev, _ in answers],
        "test": [to_hex(test) for _, test in answers],
        "dev_rows": len(answers[0][0]),
        "test_rows": len(answers[0][1]),
        "updates": updates,
    }


def trained(
    config: Any, batch_size: int, *, labels: int, rows: int | None = None
) -> tuple[list[tuple[list[bool], list[bool]]], int]:
    """Fine-tune on the first `labels` drawn sentences; what was right on dev and test at each evaluation."""
    from companion.adaptation.apply import adapt
    from companion.adaptation.methods import Full
    from companion.models.encoder import load_encoder
    from companion.tasks.texts import TextTask
    from companion.training.loop import train

    texts = corpus()
    task = TextTask(texts.labels, load_encoder())
    witness = Witness(task, texts.dev[:rows], texts.test[:rows])
    run = train(
        adapt(task.model(seed=config.seed), Full()),
        task.batches(draw(texts.train, labels), batch_size=batch_size),
        task.objective,
        config,
        evaluate=witness,
        say=lambda line: None,
    )
    return witness.answers, run.steps


class Witness:
    """An evaluator that remembers which sentences of dev and test were right at each evaluation; dev decides."""

    metric, greater_is_better = "accuracy", True

    def __init__(self, task: TextTask, dev: Sequence[Text], test: Sequence[Text]) -> None:
        self.task, self.size, texts = task, len(dev), [*dev, *test]
        self.gold, self.rows = [text.label for text in texts], task.encode(texts)
        self.answers: list[tuple[list[bool], list[bool]]] = []

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The accuracy on dev."""
        said = self.task.predict_rows(model, self.rows)
        right = [answer.label == label for answer, label in zip(said, self.gold, strict=True)]
        self.answers.append((right[: self.size], right[self.size :]))
        return {"accuracy": sum(right[: self.size]) / self.size}


@cache
def corpus() -> TextCorpus:
    """Newsroom's sentences with their sentiment."""
    from companion.corpora.catalog import load_corpus

    return load_corpus("newsroom").texts("sentiment")


def draw(texts: Sequence[Text], count: int) -> list[Text]:
    """The sentences that every run is trained on: `count` of the texts, the same for all seeds."""
    return [texts[place] for place in permutation(len(texts), 0, NAME)[:count]]


def candidates(
    cells: Iterable[Cell],
    *,
    seed: int = 0,
    dev_rows: Sequence[int] | None = None,
    test_rows: Sequence[int] | None = None,
) -> list[Candidate]:
    """The recorded runs of one seed as a table for replays, judged on dev and on test as they are, or on other rows.

    No run was trained on either, so any rows of both may play dev and any others test. Rows are numbered through: dev
    from 0, then test. `split_rows` draws some.

    Taught in: book/walkthroughs/honest-experiments
    """
    table = []
    for cell in cells:
        if cell.factors["seed"] == seed:
            result = cell.result
            sizes = result["dev_rows"], result["test_rows"]
            right = [_pooled(dev, test, *sizes) for dev, test in zip(result["dev"], result["test"], strict=True)]
            parts = (
                range(sizes[0]) if dev_rows is None else dev_rows,
                range(sizes[0], sum(sizes)) if test_rows is None else test_rows,
            )
            dev, test = (tuple(float(answers[list(rows)].mean()) for answers in right) for rows in parts)
            factors = {name: value for name, value in cell.factors.items() if name != "seed"}
            table.append(Candidate(settings=factors, dev=dev, test=test))
    return table


# Averages over many drawings read the same few cells again and again.
@cache
def _pooled(dev: str, test: str, dev_rows: int, test_rows: int) -> np.ndarray:
    import numpy as np

    return np.array(from_hex(dev, dev_rows) + from_hex(test, test_rows), dtype=float)


def split_rows(cell: Cell, count: int, draw: int) -> tuple[list[int], list[int]]:
    """`count` of a cell's dev and test rows to play dev, and all others to play test; each `draw` another drawing.

    Taught in: book/walkthroughs/honest-experiments
    """
    order = permutation(cell.result["dev_rows"] + cell.result["test_rows"], draw, f"{NAME} rows")
    return order[:count], order[count:]


def to_hex(right: Sequence[bool]) -> str:
    """Bits as hexadecimal digits, the first row first, filled up with zeros at the end."""
    bits = "".join("1" if value else "0" for value in right)
    bits += "0" * (-len(bits) % 4)
    return "".join(f"{int(bits[place : place + 4], 2):x}" for place in range(0, len(bits), 4))


def from_hex(text: str, rows: int) -> list[bool]:
    """The bits that `to_hex` wrote."""
    bits = "".join(f"{int(digit, 16):04b}" for digit in text)
    return [bit == "1" for bit in bits[:rows]]
