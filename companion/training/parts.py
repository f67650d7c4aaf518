"""What a run is made of, and how it is put down in a checkpoint and taken up again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adaptation_of
from companion.errors import CheckpointError, ConfigError, DataError, NonFiniteError, ObjectiveError
from companion.training.checkpoint import Checkpoints, read_checkpoint, verify_checkpoint
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

STATE, CONTRACT = "state.json", "contract.json"


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
    found: Path | None
    problems: list[str]
    contract: dict[str, Any]
    total: int

    @property
    def extras(self) -> dict[str, Any]:
        """What may carry a state of its own through a checkpoint."""
        return {"objective": self.objective, "adaptation": self.adaptation}

    def close(self) -> None:
        """Leave the run folder to other processes."""
        if self.store is not None:
            self.store.close()


def prepare(
    model: nn.Module,
    batches: BatchSource | Iterable[Mapping[str, Any]],
    objective: Objective,
    config: TrainConfig,
    run_dir: str | Path | None,
) -> Parts:
    """Settle every open choice and build what the run is made of; with a run folder, look for its newest checkpoint."""
    _check_terms(objective)
    settings = resolve(config, model)
    processes = Processes.join(settings.device)
    store, found, problems = _open_store(run_dir, batches, processes)
    if found is not None:
        # A run that moved to a machine with other abilities keeps the precision it was started with.
        started = read_checkpoint(found)[1][CONTRACT].get("precision")
        settings = resolve(config, model, started_with=started)
    config, adaptation = settings.config, adaptation_of(model)
    source = as_source(batches, config)
    total = min(sum(source.updates(epoch) for epoch in range(config.epochs)), config.max_updates or 2**62)
    if total < 1:
        raise DataError("there is no update in any epoch", remedy="check the training data")
    model.to(settings.device)
    named = trained_parameters(model, objective)
    for _, parameter in named:
        parameter.data = parameter.data.to(settings.device)
    processes.broadcast([*model.state_dict().values(), *(parameter.data for _, parameter in named)])
    optimizer = build_optimizer(named, config, settings.device)
    # Gradients of the caller's own, or of a run that was broken off, are no part of this one.
    optimizer.zero_grad(set_to_none=True)
    return Parts(
        model=model,
        source=source,
        objective=objective,
        adaptation=adaptation,
        named=named,
        optimizer=optimizer,
        settings=settings,
        processes=processes,
        store=store,
        found=found,
        problems=problems,
        contract=contract_of(config, model, objective, source, adaptation),
        total=total,
    )


def save(parts: Parts, state: State) -> None:
    """Write a checkpoint; it and the best one are kept.

    Raises:
        NonFiniteError: a weight is not a finite number; what was saved before stays the newest.
    """
    for name, parameter in parts.named:
        if not parameter.detach().isfinite().all():
            raise NonFiniteError(
                f"update {state.step}: the weights of {name} are not finite numbers any more",
                remedy="lower the learning rate, or train in fp32; the last checkpoint is intact",
            )
    store = parts.store
    if store is not None and parts.processes.leads:
        documents = {STATE: state_to_json(state), CONTRACT: parts.contract}
        tensors = capture(parts.model, parts.optimizer, parts.named, parts.extras)
        store.save(state.step, tensors, documents, keep={state.best_step or state.step})
    parts.processes.wait()


def resume(parts: Parts) -> tuple[State, list[str]]:
    """The state of the newest whole checkpoint, put back into the parts; a fresh state where there is none.

    Raises:
        CheckpointError: no checkpoint is whole, or they belong to another run.
    """
    if parts.store is None:
        return State(), []
    notes = []
    if getattr(parts.source, "whole_batches", False):
        notes.append("a plain iterable of batches is resumed between epochs only")
    if parts.found is None:
        if parts.problems:
            raise CheckpointError(
                f"no checkpoint here is whole; the newest: {parts.problems[0]}",
                file=parts.store.folder,
                remedy="remove the run folder to start again",
            )
        return State(), notes
    tensors, documents = read_checkpoint(parts.found)
    changed = differences(documents[CONTRACT], parts.contract)
    if changed:
        raise CheckpointError(
            "the run folder belongs to another run: " + "; ".join(changed),
            file=parts.store.folder.parent,
            remedy="use the settings, labels and data it was started with, or choose another run folder",
        )
    state = state_from_json(documents[STATE])
    restore(tensors, parts.model, parts.optimizer, parts.named, parts.extras)
    done = "finished" if state.finished else "resumed"
    notes += [f"{done}: {state.step} of {parts.total} updates were done", *parts.problems]
    if state.best_step is not None:
        try:
            verify_checkpoint(parts.store.path(state.best_step))
        except CheckpointError as error:
            notes.append(f"the best weights, of update {state.best_step}, are lost; the best is sought anew: {error}")
            state.best_step = state.best_value = None
    if parts.processes.leads:
        parts.store.discard_before(state.step, keep={state.best_step or state.step})
    return state, notes


def _open_store(
    run_dir: str | Path | None, batches: object, processes: Processes
) -> tuple[Checkpoints | None, Path | None, list[str]]:
    """The checkpoints of a run folder, the newest one that can be read, and what is wrong with newer ones."""
    if run_dir is None:
        return None, None, []
    if getattr(batches, "generator", None) is not None:
        raise ConfigError(
            f"this {type(batches).__name__} draws from a generator of its own, which a checkpoint cannot bring back",
            remedy="leave the generator out: the run's seed then decides the order",
        )
    store = Checkpoints(Path(run_dir) / "checkpoints")
    if processes.leads:
        store.open()
    return store, *processes.share(store.newest() if processes.leads else None)  # type: ignore[misc]


def _check_terms(objective: Objective) -> None:
    weights = getattr(objective, "weights", None)
    if not callable(getattr(objective, "counts", None)) or not isinstance(weights, Mapping):
        raise ObjectiveError(
            f"{type(objective).__name__} has no weights or no counts, so its loss cannot be averaged exactly",
            remedy="give an object with weights, counts and __call__, such as TokenCrossEntropy()",
        )
    taken = {"step", "epoch", "loss", "learning_rate", "gradient_norm"} & set(weights)
    if taken:
        raise ObjectiveError(
            f"a term is called {sorted(taken)[0]!r}, which the history calls something else", remedy="rename the term"
        )
