"""What a run is made of, and how it is put down in a checkpoint and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adaptation_of
from companion.errors import CheckpointError
from companion.training.checkpoint import Checkpoints, read_checkpoint
from companion.training.optimizer import Named, build_optimizer, trained_parameters
from companion.training.parallel import Processes
from companion.training.pieces import as_source
from companion.training.resolve import Resolved, resolve
from companion.training.state import (
    State,
    capture,
    contract_of,
    differences,
    restore,
    state_from_json,
    state_to_json,
)

if TYPE_CHECKING:
    import torch
    from torch import nn

    from companion.adaptation.contract import Adaptation
    from companion.encoding.contract import BatchSource
    from companion.objectives.contract import Objective
    from companion.training.config import TrainConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What one run is made of; nothing here changes while it goes."""

    model: nn.Module
    source: BatchSource
    objective: Objective
    adaptation: Adaptation | None
    named: Named
    optimizer: torch.optim.Optimizer
    settings: Resolved
    processes: Processes
    store: Checkpoints | None
    contract: dict[str, Any]
    total: int

    @property
    def extras(self) -> dict[str, Any]:
        """What may carry a state of its own through a checkpoint."""
        return {"objective": self.objective, "adaptation": self.adaptation}


def prepare(
    model: nn.Module,
    batches: BatchSource | Iterable[Mapping[str, Any]],
    objective: Objective,
    config: TrainConfig,
    run_dir: str | Path | None,
) -> Parts:
    """Settle every open choice and build what the run is made of."""
    settings = resolve(config, model)
    config, adaptation = settings.config, adaptation_of(model)
    source = as_source(batches, config)
    processes = Processes.join(settings.device)
    model.to(settings.device)
    processes.broadcast(model)
    named = trained_parameters(model, objective)
    return Parts(
        model=model,
        source=source,
        objective=objective,
        adaptation=adaptation,
        named=named,
        optimizer=build_optimizer(named, config, settings.device),
        settings=settings,
        processes=processes,
        store=None if run_dir is None else Checkpoints(Path(run_dir) / "checkpoints"),
        contract=contract_of(config, model, objective, source, adaptation),
        total=min(sum(source.updates(epoch) for epoch in range(config.epochs)), config.max_updates or 2**62),
    )


def save(parts: Parts, state: State) -> None:
    """Write a checkpoint; it and the best one are kept."""
    store = parts.store
    if store is not None and parts.processes.leads:
        documents = {"state.json": state_to_json(state), "contract.json": parts.contract}
        tensors = capture(parts.model, parts.optimizer, parts.named, parts.extras)
        store.save(state.step, tensors, documents, keep={state.best_step or state.step})
    parts.processes.wait()


def resume(parts: Parts) -> tuple[State, list[str]]:
    """The state of the newest whole checkpoint, put back into the parts; a fresh state where there is none."""
    if parts.store is None:
        return State(), []
    folder, problems = parts.processes.share(parts.store.newest() if parts.processes.leads else None)
    if folder is None:
        if problems:
            raise CheckpointError(
                f"no checkpoint here is whole; the newest: {problems[0]}",
                file=parts.store.folder,
                remedy="remove the run folder to start again",
            )
        return State(), []
    tensors, documents = read_checkpoint(folder)
    changed = differences(documents["contract.json"], parts.contract)
    if changed:
        raise CheckpointError(
            "the run folder belongs to another run: " + "; ".join(changed),
            file=parts.store.folder.parent,
            remedy="use the settings, labels and data it was started with, or choose another run folder",
        )
    state = state_from_json(documents["state.json"])
    restore(tensors, parts.model, parts.optimizer, parts.named, parts.extras)
    done = "finished" if state.finished else "resumed"
    return state, [f"{done}: {state.step} of {parts.total} updates were done", *problems]
