"""What a strategy carries from task to task, and the triple that it makes of a new one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from companion.corpora.reservoir import Reservoir
from companion.encoding.mixing import JointBatches
from companion.objectives.anchors import EWC, L2SP, fisher_diagonal
from companion.objectives.distillation import Distillation
from companion.objectives.mixture import Mixture
from companion.objectives.terms import for_part
from companion.randomness import permutation

if TYPE_CHECKING:
    from torch import Tensor, nn

    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.encoding.source import RowBatches
    from companion.objectives.contract import Objective
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

LABELLED, REPLAY = "labelled", "replay"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A strategy and its settings."""

    strategy: str
    """Its name."""
    own_heads: bool
    """Whether every task has a head of its own (task-aware), or all share one (class-incremental)."""
    weight: float
    """The weight of the term that is added."""
    memory: int
    """How many rows are remembered, of all tasks together."""
    temperature: float
    """How much the old answers are softened."""
    fisher_rows: int
    """How many rows the Fisher information is measured on, of each task."""
    batch_size: int
    """Rows of the new task in an update."""
    seed: int
    """Decides what is remembered and what is measured on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Triple:
    """The first two choices of a stage, and both in words."""

    source: JointBatches | RowBatches
    """What is in the batch."""
    objective: Objective
    """What is minimised."""
    batch: str
    """What is in the batch, in words."""
    minimised: str
    """What is minimised, in words."""


class Remembering:
    """The state of a strategy between tasks: a memory of rows, Fisher information, or the model as it was.

    All of it follows from the plan, the rows and the models of the stages before, so that a sequence that is resumed
    comes to the same.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.tasks: dict[str, TokenTask | TextTask] = {}
        """The tasks learned so far, each as it was learned."""
        self.memory: Reservoir[tuple[str, Any]] = Reservoir(plan.memory, seed=plan.seed)
        """Rows of the tasks so far, each with the name of its task."""
        self.fisher: dict[str, Tensor] = {}
        """The Fisher information of all tasks so far, added up: one anchor, which moves on (Huszár 2018)."""
        self.before: nn.Module | None = None
        """The model after the last stage."""

    def triple(self, name: str, task: TokenTask | TextTask, corpus: Corpus | TextCorpus, model: nn.Module) -> Triple:
        """What a stage puts into the batch and minimises; `model` is the one that it is going to train."""
        plan, part = self.plan, self._part(name)
        new = task.batches(corpus.train, batch_size=plan.batch_size)
        objective: Objective = for_part(task.objective, part, term="supervised")
        if self.before is None or plan.strategy in ("naive", "adapters"):
            return self._made({part: new}, objective, f"rows of {name}", "supervised")
        if plan.strategy == "replay":
            return self._with_memory(name, task, new, objective)
        weight, rows = f"supervised + {plan.weight:g} · ", f"rows of {name}"
        if plan.strategy == "ewc":
            held = EWC(objective, model, padded(self.fisher, model), weight=plan.weight)
            return self._made({part: new}, held, rows, weight + "½ Σ Fisher · (w − w before)²")
        if plan.strategy == "l2_sp":
            return self._made(
                {part: new}, L2SP(objective, model, weight=plan.weight), rows, weight + "½ Σ (w − w before)²"
            )
        for old, teacher in self._teachers():
            objective = Distillation(
                objective,
                teacher,
                weight=plan.weight / len(self._teachers()),
                temperature=plan.temperature,
                part=part,
                head=old,
                term=f"distillation {old}" if plan.own_heads else "distillation",
            )
        return self._made({part: new}, objective, rows, weight + "T² KL(before ‖ now)")

    def together(self, tasks: Mapping[str, TokenTask | TextTask], corpora: Mapping[str, Any]) -> Triple:
        """The upper bound: the rows of all tasks so far, from the start; `tasks` and `corpora` name the same ones."""
        words = f"rows of {', '.join(tasks)}, from the start"
        if not self.plan.own_heads:
            task = list(tasks.values())[-1]
            rows = [row for corpus in corpora.values() for row in corpus.train]
            source = task.batches(rows, batch_size=self.plan.batch_size)
            return self._made({LABELLED: source}, task.objective, words, "supervised")
        share = -(-self.plan.batch_size // len(tasks))
        sources = {name: task.batches(corpora[name].train, batch_size=share) for name, task in tasks.items()}
        terms = [
            for_part(task.objective, name, term=f"supervised {name}", weight=1 / len(tasks))
            for name, task in tasks.items()
        ]
        return self._made(sources, Mixture(*terms), words, "the mean of the supervised losses")

    def learned(self, name: str, task: TokenTask | TextTask, corpus: Corpus | TextCorpus, model: nn.Module) -> None:
        """Take in what the strategy has to carry on from a task that was learned."""
        self.tasks[name] = task
        if self.plan.strategy == "replay":
            self.memory.extend((name, row) for row in corpus.train)
        if self.plan.strategy == "ewc":
            found = self._measure(name, task, corpus, model)
            old = padded(self.fisher, model)
            self.fisher = {key: value + old[key] if key in old else value for key, value in found.items()}
        self.before = copy.deepcopy(model)

    def _part(self, name: str) -> str:
        return name if self.plan.own_heads else LABELLED

    def _made(self, sources: Mapping[str, RowBatches], objective: Objective, batch: str, minimised: str) -> Triple:
        alone = sources.get(LABELLED) if len(sources) == 1 else None
        return Triple(source=alone or JointBatches(sources), objective=objective, batch=batch, minimised=minimised)

    def _with_memory(self, name: str, task: TokenTask | TextTask, new: RowBatches, objective: Objective) -> Triple:
        plan, held = self.plan, self.memory.rows
        sources, terms = {self._part(name): new}, [objective]
        groups = {old: [row for of, row in held if of == old] for old in self.tasks} if plan.own_heads else {}
        groups = {old: rows for old, rows in groups.items() if rows} or {REPLAY: [row for _, row in held]}
        share = -(-plan.batch_size // len(groups))
        for old, rows in groups.items():
            # One head numbers its labels as it did before, so that old rows can be read by the task of today.
            reader = self.tasks[old] if plan.own_heads else task
            sources[old] = reader.batches(rows, batch_size=share)
            term = f"replay {old}" if plan.own_heads else REPLAY
            terms.append(for_part(reader.objective, old, term=term, weight=plan.weight / len(groups)))
        words = f"rows of {name} and up to as many of {len(held)} remembered ones"
        return self._made(
            sources, Mixture(*terms), words, f"supervised + {plan.weight:g} · supervised on what is remembered"
        )

    def _teachers(self) -> list[tuple[str, nn.Module]]:
        """The heads of before by the name of the part that they answer for."""
        if self.plan.own_heads:
            return [(old, self.before.part(old)) for old in self.tasks]  # type: ignore[union-attr]
        return [(LABELLED, self.before)]  # type: ignore[list-item]

    def _measure(
        self, name: str, task: TokenTask | TextTask, corpus: Corpus | TextCorpus, model: nn.Module
    ) -> dict[str, Tensor]:
        part, source = self._part(name), task.batches(corpus.train, batch_size=1)
        chosen = permutation(len(source.rows), self.plan.seed, "fisher", name)[: self.plan.fisher_rows]
        rows = [{part: source.collate(LABELLED, [row])} for row in chosen]
        return fisher_diagonal(model, for_part(task.objective, part, term="supervised"), rows)


def padded(importance: Mapping[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Importance for a head that has grown: rows of weights that are new are of none.

    A parameter that the model does not have is left out.
    """
    import torch

    own, found = dict(model.named_parameters()), {}
    for name, value in importance.items():
        if name in own:
            found[name] = torch.zeros_like(own[name])
            found[name][: len(value)] = value
    return found
