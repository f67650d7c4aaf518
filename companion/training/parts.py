"""What a run is made of: built once, before the first update, and closed after the last one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from companion.adaptation.apply import adaptation_of
from companion.errors import ConfigError, DataError, ObjectiveError
from companion.objectives.function import SummedLoss
from companion.training.checkpoint import Checkpoints
from companion.training.forward import open_forward
from companion.training.optimizer import Named, build_optimizer, trained_parameters
from companion.training.parallel import Processes
from companion.training.pieces import IterableBatches, as_source
from companion.training.resolve import Resolved, resolve
from companion.training.rows import RowTables
from companion.training.saving import CONTRACT, open_store, read_run
from companion.training.sharding import Shards, shard
from companion.training.signals import Watch
from companion.training.state import capture_weights, contract_of

if TYPE_CHECKING:
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
    found: Path | None
    problems: list[str]
    contract: dict[str, Any]
    total: int
    tables: RowTables
    watch: Watch
    forward: ExitStack
    shards: Shards | None

    @property
    def extras(self) -> dict[str, Any]:
        """What may carry a state of its own through a checkpoint."""
        return {"objective": self.objective, "adaptation": self.adaptation}

    def gathered(self) -> tuple[nn.Module, torch.optim.Optimizer, Named]:
        """Model, optimiser and trained parameters as a single process has them; all processes ask together."""
        return (self.model, self.optimizer, self.named) if self.shards is None else self.shards.gather()

    def copied(self) -> dict[str, dict[str, torch.Tensor]]:
        """A copy of the weights as they are now, the objective's own among them."""
        model, _, named = self.gathered()
        files = capture_weights(model, named)
        return {file: {name: tensor.detach().clone() for name, tensor in own.items()} for file, own in files.items()}

    def clear_gradients(self) -> None:
        """Forget the gradient of the update that is done."""
        self.optimizer.zero_grad(set_to_none=True)
        self.tables.clear()

    def stopping(self, begun: bool) -> bool:
        """Whether to stop here: before an update always, within one only where it can be redone as if never begun."""
        return self.watch.stopping() and not (begun and _remembers(self.model, self.objective))

    def close(self) -> None:
        """Give the model back as it came, and leave signals, workers and the run folder to others."""
        try:
            self.forward.close()
            self.tables.close()
            if isinstance(self.source, IterableBatches):
                self.source.close()
            if self.store is not None:
                self.store.close()
        finally:
            self.watch.close()


def prepare(
    model: nn.Module,
    batches: BatchSource | Iterable[Mapping[str, Any]],
    objective: Objective,
    config: TrainConfig,
    run_dir: str | Path | None,
) -> Parts:
    """Settle every open choice and build what the run is made of; with a run folder, look for its newest checkpoint."""
    if not isinstance(model, torch.nn.Module):
        raise ConfigError(
            f"the model is a {type(model).__name__}, not an nn.Module",
            remedy="make one, such as task.model(), or give the name to load_encoder and the encoder to a task",
        )
    objective = _as_objective(objective)
    settings = resolve(config, model)
    processes = Processes.join(settings.device)
    store, found, problems = open_store(run_dir, batches, processes)
    try:
        return _assemble(model, batches, objective, config, settings, processes, store, found, problems)
    except BaseException:
        # Whoever mends what was wrong and calls again, in the same notebook, must not find the folder locked.
        if store is not None:
            store.close()
        raise


def _assemble(
    model: nn.Module,
    batches: BatchSource | Iterable[Mapping[str, Any]],
    objective: Objective,
    config: TrainConfig,
    settings: Resolved,
    processes: Processes,
    store: Checkpoints | None,
    found: Path | None,
    problems: list[str],
) -> Parts:
    if found is not None:
        # A run that moved to a machine with other abilities keeps the precision it was started with.
        started = read_run(found)[1][CONTRACT].get("precision")
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
    contract = contract_of(config, model, objective, source, adaptation, processes.world)
    shards = None
    if config.sharding == "full":
        shards = shard(model, objective, adaptation, config, processes, settings.device)
        model, named, optimizer = shards.model, shards.named, shards.optimizer
    else:
        optimizer = build_optimizer(named, config, settings.device)
    # Gradients of the caller's own, or of a run that was broken off, are no part of this one.
    optimizer.zero_grad(set_to_none=True)
    # Several processes add up whole tables, so does an objective that merges the gradients of its terms, and a compiled
    # forward pass knows no rows.
    rowwise = processes.world == 1 and getattr(objective, "combine", None) is None and not config.compile
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
        contract=contract,
        total=total,
        forward=open_forward(model, config, settings.device),
        tables=RowTables(model.modules() if rowwise else ()),
        shards=shards,
        watch=Watch(active=store is not None),
    )


def _remembers(model: nn.Module, objective: Objective) -> bool:
    """Whether a forward pass may change what a checkpoint holds: running statistics, a state of the objective."""
    parameters = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    kept = (tensor for name, tensor in model.state_dict().items() if name not in parameters)
    return hasattr(objective, "state_dict") or any(tensor.is_floating_point() for tensor in kept)


def _reads_model_and_batch(thing: Any) -> bool:
    """Whether this is a function of a model and a batch; torch's own losses are functions of logits and labels."""
    own = str(getattr(thing, "__module__", None)).split(".")[0] == "torch" or isinstance(thing, torch.nn.Module)
    if own or not callable(thing):
        return False
    try:
        signature(thing).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def _as_objective(objective: Any) -> Objective:
    """The objective itself, if it is one, or that of a function that gives a summed loss."""
    if isinstance(objective, type):
        raise ObjectiveError(
            f"the objective is the class {objective.__name__}", remedy=f"make one of it: {objective.__name__}(...)"
        )
    weights = getattr(objective, "weights", None)
    if weights is None and not hasattr(objective, "counts") and _reads_model_and_batch(objective):
        return SummedLoss(objective)
    if not callable(getattr(objective, "counts", None)) or not isinstance(weights, Mapping):
        raise ObjectiveError(
            f"{type(objective).__name__} has no weights or no counts, so its loss cannot be averaged exactly",
            remedy="give an object with weights, counts and __call__, such as TokenCrossEntropy(), or a function "
            "(model, batch) -> loss summed over the rows",
        )
    taken = {"step", "epoch", "loss", "learning_rate", "gradient_norm"} & set(weights)
    if taken:
        raise ObjectiveError(
            f"a term is called {sorted(taken)[0]!r}, which the history calls something else", remedy="rename the term"
        )
    return objective
