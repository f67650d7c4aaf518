"""What a run leaves: the model with its best weights, the history, and the folders of best and last."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from companion.errors import ExportError
from companion.models.origin import exporter_of

if TYPE_CHECKING:
    from torch import nn

    from companion.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """A finished run.

    Taught in: book/walkthroughs/train-a-tagger
    """

    model: nn.Module = field(repr=False)
    """The trained model in evaluation mode: best weights where there was an evaluation, else the last ones."""
    config: TrainConfig
    """The configuration with nothing left open."""
    reasons: dict[str, str]
    """Why each value that was left open became what it is."""
    history: list[dict[str, float]] = field(repr=False)
    """One row per update: step, epoch, loss, learning rate, gradient norm, and each term of the objective."""
    evaluations: list[dict[str, float]] = field(repr=False)
    """One row per evaluation: step and the evaluator's numbers."""
    steps: int
    """How many updates were made."""
    best_step: int | None = None
    """The step whose weights `model` holds, if there was an evaluation."""
    best_value: float | None = None
    """The metric at that step."""
    best: Path | None = None
    """The checkpoint folder of the best evaluation, with a run folder."""
    last: Path | None = None
    """The checkpoint folder of the last update, with a run folder."""
    notes: tuple[str, ...] = ()
    """What happened on the way that a careful reader should know: skipped updates, damaged checkpoints, resumption."""

    @property
    def losses(self) -> list[float]:
        """The training loss of each update."""
        return [row["loss"] for row in self.history]

    def export(self, folder: str | Path, *, adapter_only: bool = False) -> Path:
        """Write the model, tokenizer, labels and card as a plain transformers folder.

        An adapted model is merged first. With `adapter_only`, what was trained is written alone, in the format of
        `peft`.

        Raises:
            ExportError: the model was not made by a task, so nobody knows its tokenizer and labels; or there is no
                adapter, or none that can be merged.
        """
        export = exporter_of(self.model)
        if export is None:
            raise ExportError(
                f"this {type(self.model).__name__} was not made by a task, so its tokenizer and labels are unknown",
                remedy="use your own save method, or make the model with task.model()",
            )
        return export(self.model, Path(folder), adapter_only=adapter_only)
