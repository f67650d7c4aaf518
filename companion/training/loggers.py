"""`log` functions for experiment trackers: the loop knows only `log(step, values)`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from companion.errors import MissingDependencyError

Log = Callable[[int, Mapping[str, float]], None]

# Both open their run with the first value: where several processes train, only the one that logs has one.


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
    writer = cache(lambda: SummaryWriter(str(folder)))

    def log(step: int, values: Mapping[str, float]) -> None:
        for name, value in _grouped(values).items():
            writer().add_scalar(name, value, step)
        writer().flush()

    return log


def wandb_log(**settings: Any) -> Log:
    """Write every logged value to a Weights & Biases run, named as in TensorBoard; `settings` go to `wandb.init`.

    Nothing leaves the machine and no login is asked for: the run is a folder `wandb/offline-run-…`, under `dir` or the
    current folder, until you send it with `wandb sync`. To send it at once, say `mode="online"` or set `WANDB_MODE`.
    The values of the last step are written when the process ends, or with `wandb.finish()`.

    Raises:
        MissingDependencyError: wandb is not installed.

    Taught in: book/walkthroughs/train-a-tagger
    """
    try:
        import wandb
    except ImportError as error:
        raise _missing("wandb") from error
    settings = {"mode": os.environ.get("WANDB_MODE") or "offline", **settings}
    if settings["mode"] == "offline":
        # Without this, a fault inside wandb itself is reported to its makers, offline mode or not.
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    run = cache(lambda: wandb.init(**settings))
    return lambda step, values: run().log(_grouped(values), step=step)


def _grouped(values: Mapping[str, float]) -> dict[str, float]:
    # An update and an evaluation of the same step may both have a loss; only an update has a learning rate.
    group = "train" if "learning_rate" in values else "evaluation"
    return {f"{group}/{name}": value for name, value in values.items()}


def _missing(package: str) -> MissingDependencyError:
    return MissingDependencyError(f"{package} is not installed", remedy="install the [tracking] extra")
