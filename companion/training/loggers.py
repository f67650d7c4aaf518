"""`log` functions for experiment trackers: the loop knows only `log(step, values)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from companion.errors import MissingDependencyError

Log = Callable[[int, Mapping[str, float]], None]


def tensorboard_log(folder: str | Path) -> Log:
    """Write every logged value as a TensorBoard scalar under `folder`: `train/loss`, `evaluation/entity_f1`.

    Raises:
        MissingDependencyError: tensorboard is not installed.

    Taught in: book/walkthroughs/train-a-tagger
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise _missing("tensorboard") from error
    writer = SummaryWriter(str(folder))

    def log(step: int, values: Mapping[str, float]) -> None:
        for name, value in _grouped(values).items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return log


def wandb_log(**settings: Any) -> Log:
    """Send every logged value to Weights & Biases, named as in TensorBoard; `settings` go to `wandb.init`.

    Raises:
        MissingDependencyError: wandb is not installed.

    Taught in: book/walkthroughs/train-a-tagger
    """
    try:
        import wandb
    except ImportError as error:
        raise _missing("wandb") from error
    run = wandb.init(**settings)
    return lambda step, values: run.log(_grouped(values), step=step)


def _grouped(values: Mapping[str, float]) -> dict[str, float]:
    # An update and an evaluation of the same step may both have a loss; only an update has a learning rate.
    group = "train" if "learning_rate" in values else "evaluation"
    return {f"{group}/{name}": value for name, value in values.items()}


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"{package} is not installed", remedy="install the [tracking] extra")
