"""How a run is put down in a checkpoint, stopped, and taken up again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CheckpointError, ConfigError, NonFiniteError
from companion.training.agreement import agree
from companion.training.checkpoint import Checkpoints, read_checkpoint, verify_checkpoint
from companion.training.signals import Interrupted, Stopped, stop_error
from companion.training.state import State, capture, contract_changes, restore, state_from_json, state_to_json

if TYPE_CHECKING:
    import torch

    from companion.training.optimizer import Named
    from companion.training.parallel import Processes
    from companion.training.parts import Parts

STATE, CONTRACT = "state.json", "contract.json"
FILES = ("model.safetensors", "optimizer.safetensors")


def save(parts: Parts, state: State) -> None:
    """Write a checkpoint; it and the best one are kept.

    Raises:
        NonFiniteError: a weight or moment is not a finite number; what was saved before stays the newest.
        ProcessError: that is so on another process.
    """
    model, optimizer, named = parts.gathered()
    spoilt, met = _not_finite(named, optimizer), None
    if spoilt is not None:
        met = NonFiniteError(
            f"update {state.step}: the {spoilt} are not finite numbers any more",
            remedy="the last checkpoint is intact, but the same call would stop here again; a lower learning rate or "
            "fp32 makes another run, in another folder",
        )
    # Each process has numbers of its own: one of them can be spoilt where those that would be written are not.
    agree(met, parts.processes, parts.settings.device)
    store = parts.store
    if store is not None:

        def write() -> None:
            documents = {STATE: state_to_json(state), CONTRACT: parts.contract}
            tensors = capture(model, optimizer, named, parts.extras)
            store.save(state.step, tensors, documents, keep={state.best_step or state.step})

        parts.processes.lead(write)


def stop(parts: Parts, state: State, say: Callable[[str], None]) -> Stopped | Interrupted:
    """Save the last complete update, say how to go on, and return the error that ends the run.

    Raises:
        CheckpointError: it cannot be saved.
    """
    parts.watch.answered = True
    parts.clear_gradients()
    store, processes = parts.store, parts.processes
    number = processes.highest(parts.watch.asked or 0, parts.settings.device)
    if store is not None and state.step and not processes.lead(lambda: _is_whole(store.path(state.step))):
        save(parts, state)
    done = f"{state.step} of {parts.total} updates are done and saved" if state.step else "no update was done yet"
    message = f"stopped by {signal.Signals(number).name}: {done}; the same call goes on from there"
    if processes.leads:
        say(message)
    return stop_error(number, message)


def resume(parts: Parts) -> tuple[State, list[str]]:
    """The state of the newest whole checkpoint, put back into the parts; a fresh state where there is none.

    Raises:
        CheckpointError: no checkpoint is whole, or they belong to another run.
    """
    if parts.store is None:
        return State(), []
    notes = []
    if getattr(parts.source, "whole_batches", False):
        notes.append("a plain iterable of batches is saved between epochs only, unless a signal stops it")
    if parts.found is None:
        if parts.problems:
            raise CheckpointError(
                f"no checkpoint here is whole; the newest: {parts.problems[0]}",
                file=parts.store.folder,
                remedy="remove the run folder to start again",
            )
        return State(), notes
    tensors, documents = read_run(parts.found)
    changed, noted = contract_changes(documents[CONTRACT], parts.contract)
    if changed:
        raise CheckpointError(
            "the run folder belongs to another run: " + "; ".join(changed),
            file=parts.store.folder.parent,
            remedy="use the settings, labels and data it was started with, or choose another run folder",
        )
    state = state_from_json(documents[STATE])
    model, optimizer, named = parts.gathered()
    restore(tensors, model, optimizer, named, parts.extras)
    if parts.shards is not None:
        parts.shards.scatter()
    spoilt = _not_finite(named, optimizer)
    if spoilt is not None:
        raise CheckpointError(
            f"the stored {spoilt} are not finite numbers",
            file=parts.found,
            remedy=f"remove {parts.found.name}; the checkpoint before it will then be used",
        )
    done = "finished" if state.finished else "resumed"
    notes += [f"{done}: {state.step} of {parts.total} updates were done", *parts.problems]
    if noted and not state.finished:
        notes.append(f"cut differently from here on, which moves dropout and the last digits: {'; '.join(noted)}")
    if state.best_step is not None:
        try:
            verify_checkpoint(parts.store.path(state.best_step))
        except CheckpointError as error:
            notes.append(f"the best weights, of update {state.best_step}, are lost; the best is sought anew: {error}")
            state.best_step = state.best_value = None
    if parts.processes.leads:
        parts.store.discard_before(state.step, keep={state.best_step or state.step})
    return state, notes


def open_store(
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

    def look() -> tuple[Path | None, list[str]]:
        store.open()
        return store.newest()

    return store, *processes.lead(look)


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A checkpoint of the loop: that its files are what the manifest says does not mean that all of them are there."""
    tensors, documents = read_checkpoint(folder)
    for name in (*FILES, STATE, CONTRACT):
        if not isinstance((tensors | documents).get(name), dict):
            raise CheckpointError(
                "is not in this checkpoint, so the run cannot go on as it was",
                file=folder / name,
                remedy=f"remove {folder.name}; the checkpoint before it will then be used",
            )
    return tensors, documents


def _is_whole(folder: Path) -> bool:
    try:
        verify_checkpoint(folder)
    except CheckpointError:
        return False
    return True


def _not_finite(named: Named, optimizer: torch.optim.Optimizer) -> str | None:
    """The first weights or moments that hold something else than finite numbers."""
    for name, parameter in named:
        if not parameter.detach().isfinite().all():
            return f"weights of {name}"
        # The square of a large gradient overflows long before the gradient does; its weight would never move again.
        if not all(moment.isfinite().all() for moment in optimizer.state.get(parameter, {}).values()):
            return f"moments of {name}"
    return None
