"""Multi-task learning in one call: several corpora, a head for each, and one body under all of them.

"joint" puts rows of every task into each update and minimises the weighted sum of their mean losses. "sampled" draws
one task for each update; the temperature decides how often a small one comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.encoding.mixing import JointBatches, SampledBatches
from companion.errors import ConfigError, DataError
from companion.models.encoder import OFFLINE, load_encoder
from companion.models.shared import SharedBody
from companion.objectives.mixture import Combine, Mixture
from companion.objectives.surgery import pcgrad
from companion.objectives.terms import for_part
from companion.recipes.supervised import make_task
from companion.tasks.scoring import evaluate
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask
    from companion.training.outcome import Run

SCHEDULES = ("joint", "sampled")


@dataclass(frozen=True, kw_only=True, slots=True)
class MultiTask:
    """What multi-task learning gave: one body, and for every task its head, its score and its triple."""

    run: Run
    """The run; `run.model` is the `SharedBody`."""
    tasks: Mapping[str, TokenTask | TextTask]
    """The tasks by name."""
    triples: tuple[str, ...]
    """For every task what is in the batch, what is minimised, and what is trainable."""
    reports: Mapping[str, Any]
    """What each task is worth on the split that was asked for."""

    def model(self, name: str) -> nn.Module:
        """The whole model of one task: the shared body under its head."""
        return self.run.model.part(name)

    def export(self, name: str, folder: str | Path) -> Path:
        """Write the model of one task as a plain folder, body included; nothing in it says that it was shared."""
        return self.tasks[name].export(self.model(name), folder)

    def __str__(self) -> str:
        return "\n".join([*self.triples, *(f"{name}: {report}" for name, report in self.reports.items())])


class MeanOfParts:
    """An evaluator of all tasks on a shared body: each task's own score, and their plain mean, which is compared.

    Raises:
        ConfigError: the score of a task is an error, which cannot be averaged with scores.
    """

    metric, greater_is_better = "mean_score", True

    def __init__(self, evaluators: Mapping[str, Any]) -> None:
        for name, evaluator in evaluators.items():
            if not evaluator.greater_is_better:
                raise ConfigError(
                    f"{name}: {evaluator.metric} cannot be averaged with scores", remedy="leave its dev split out"
                )
        self.evaluators = dict(evaluators)

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The score of each task under its name, and `mean_score`."""
        scores = {name: one(model.part(name))[one.metric] for name, one in self.evaluators.items()}
        return {**scores, self.metric: sum(scores.values()) / len(scores)}


def multi_task_fine_tune(
    corpora: Mapping[str, Corpus | TextCorpus],
    config: TrainConfig | None = None,
    *,
    schedule: str = "joint",
    weights: Mapping[str, float] | None = None,
    temperature: float = 1.0,
    surgery: bool = False,
    model: str = OFFLINE,
    batch_size: int = 16,
    task_options: Mapping[str, Mapping[str, Any]] | None = None,
    split: str = "test",
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> MultiTask:
    """Train one body on several tasks, each with its own rows, and score every task on a split of its own corpus.

    `batch_size` is rows per task and update. `weights` are those of the mean losses, 1 where nothing is said. In the
    "joint" schedule an epoch lasts until the largest task has given all its rows; `surgery` merges the gradients with
    `pcgrad`. In the "sampled" one it has as many updates as all tasks together, drawn with this `temperature`. Where
    every corpus has a dev split, the weights with the best mean score are kept. With `out`, the same call resumes.

    Raises:
        ConfigError: fewer than two tasks, no such schedule, a weight that is negative or of no task, or a setting that
            the schedule has no use for.
        DataError: a task has no rows or no labels; the message names it.

    Taught in: book/hybrid/multi-task
    """
    config, weights = config or TrainConfig(), dict(weights or {})
    _check(corpora, schedule, weights, temperature, surgery)
    encoder, options = load_encoder(model), task_options or {}
    tasks, sources = {}, {}
    for name, corpus in corpora.items():
        try:
            tasks[name] = make_task(corpus, encoder, options.get(name))
            sources[name] = tasks[name].batches(corpus.train, batch_size=batch_size)
        except DataError as error:
            raise DataError(f"task {name!r}: {error.problem}", remedy=error.remedy) from error
    # Taken alike by both: the first source decides how long a joint epoch is.
    sources = dict(sorted(sources.items(), key=lambda item: -item[1].updates(0)))
    source = JointBatches(sources) if schedule == "joint" else SampledBatches(sources, temperature=temperature)
    objective = mixture_of(tasks, weights, combine=pcgrad if surgery else None)
    judged = all(len(corpus.dev) for corpus in corpora.values())
    run = train(
        share(tasks, seed=config.seed),
        source,
        objective,
        config,
        evaluate=MeanOfParts({name: tasks[name].evaluator(corpora[name].dev) for name in tasks}) if judged else None,
        run_dir=out,
        say=say,
    )
    chances = source.chances if isinstance(source, SampledBatches) else {}
    triples = []
    for name, corpus in corpora.items():
        how = f"drawn in {chances[name]:.1%} of the updates" if chances else "in every update"
        batch = f"{min(batch_size, len(sources[name].rows))} of {len(corpus.train)} rows, {how}"
        minimised = f"{objective.weights[name]:g} · mean loss" + (", less what conflicts" if surgery else "")
        triples.append(f"{name}: {batch} | {minimised} | shared body and a head of its own")
        say(triples[-1])
    reports = {name: evaluate(run.model.part(name), tasks[name], corpora[name].splits[split]) for name in tasks}
    return MultiTask(run=run, tasks=tasks, triples=tuple(triples), reports=reports)


def share(tasks: Mapping[str, TokenTask | TextTask], *, seed: int = 0) -> SharedBody:
    """One body with the head of every task on it, each head as the task alone would begin with.

    Taught in: book/hybrid/multi-task
    """
    return SharedBody({name: task.model(seed=seed) for name, task in tasks.items()})


def mixture_of(
    tasks: Mapping[str, TokenTask | TextTask],
    weights: Mapping[str, float] | None = None,
    *,
    combine: Combine | None = None,
) -> Mixture:
    """The tasks' objectives side by side, each reading the part, and giving the term, that bears its task's name.

    Raises:
        ConfigError: a weight is negative or no number.

    Taught in: book/hybrid/multi-task
    """
    weights, own = weights or {}, []
    for name, task in tasks.items():
        own.append(for_part(task.objective, name, weight=weights.get(name, 1.0)))
    return Mixture(*own, combine=combine)


def _check(
    corpora: Mapping[str, Any], schedule: str, weights: Mapping[str, float], temperature: float, surgery: bool
) -> None:
    if len(corpora) < 2:
        raise ConfigError(f"{len(corpora)} task", remedy="give two or more; one alone is plain fine-tuning")
    if schedule not in SCHEDULES:
        raise ConfigError(f"schedule is {schedule!r}", remedy=f"choose {' or '.join(SCHEDULES)}")
    for name in weights:
        if name not in corpora:
            raise ConfigError(f"a weight for {name!r}, which is no task", remedy=f"there are {', '.join(corpora)}")
    if surgery and schedule == "sampled":
        raise ConfigError("surgery, but every update holds one task alone", remedy='choose schedule="joint"')
    if temperature != 1.0 and schedule == "joint":
        raise ConfigError("a temperature, but every update holds all tasks", remedy='choose schedule="sampled"')
