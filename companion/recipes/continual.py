"""One task after the other, in one call: a sequence of triples, and what each strategy keeps of the tasks before.

"task-aware" gives every task a head of its own, and whoever asks has to say which task it is. "class-incremental" has
one head over all labels so far, and nobody has to say anything.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adapt
from companion.adaptation.low_rank import LoRA
from companion.corpora.texts import TextCorpus
from companion.errors import ConfigError, DataError
from companion.evaluation.continual import AccuracyMatrix
from companion.models.encoder import OFFLINE, load_encoder
from companion.models.shared import SharedBody
from companion.recipes.hybrid import Stage, pieces_read, take_body
from companion.recipes.remembering import LABELLED, REPLAY, Plan, Remembering
from companion.tasks.texts import TextTask
from companion.tasks.tokens import TokenTask
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from companion.adaptation.contract import Adaptation
    from companion.corpora.records import Corpus
    from companion.models.encoder import Encoder
    from companion.models.miniature import MiniEncoder

SETTINGS = ("task-aware", "class-incremental")
WEIGHTS = {"replay": 1.0, "ewc": 1000.0, "l2_sp": 0.1, "distillation": 1.0}
"""The strategies that add a term, and its weight where none is given."""
STRATEGIES = ("naive", *WEIGHTS, "adapters", "joint")
USES = {"memory": "replay", "temperature": "distillation", "fisher_rows": "ewc", "adaptation": "adapters"}
SCORES = {"tokens": "entity_f1", "texts": "accuracy"}
DEFAULTS = {"memory": 100, "temperature": 2.0, "fisher_rows": 100}

Answer = tuple[TokenTask | TextTask, "nn.Module"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """What a sequence of tasks left: its stages, the accuracy matrix, and the models after every stage."""

    strategy: str
    """How forgetting was met."""
    setting: str
    """"task-aware" or "class-incremental"."""
    stages: tuple[Stage, ...]
    """The stages in order."""
    matrix: AccuracyMatrix
    """The scores on all tasks after every stage."""
    answers: tuple[Mapping[str, Answer], ...]
    """After each stage, the task and the model that answer for every task learned so far."""

    def __str__(self) -> str:
        return "\n".join([f"{self.strategy}, {self.setting}", *map(str, self.stages), "", str(self.matrix)])

    def export(self, folder: str | Path, *, stage: int = -1) -> list[Path]:
        """Write what a stage left as plain transformers folders: one of the task's name for every head that there is.

        Adapters are merged first. A class-incremental model has one head, and is named after the last task.

        Raises:
            ExportError: a folder cannot be written.
        """
        answers = self.answers[stage]
        chosen = answers if self.setting == "task-aware" else dict(list(answers.items())[-1:])
        return [task.export(model, Path(folder) / name) for name, (task, model) in chosen.items()]


def learn_in_sequence(
    corpora: Mapping[str, Corpus | TextCorpus],
    config: TrainConfig | None = None,
    *,
    strategy: str = "naive",
    setting: str = "class-incremental",
    weight: float | None = None,
    memory: int | None = None,
    temperature: float | None = None,
    fisher_rows: int | None = None,
    adaptation: Adaptation | None = None,
    encoder: Encoder | MiniEncoder | str = OFFLINE,
    batch_size: int = 32,
    task_options: dict[str, Any] | None = None,
    split: str = "test",
    look_ahead: bool = False,
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Learned:
    """Learn one corpus after the other and score all of them after every stage.

    "naive" goes on with the rows of the new task. "replay" mixes in as many rows from a reservoir of `memory`. "ewc"
    and "l2_sp" hold weights where they were, "distillation" holds answers (learning without forgetting). "adapters"
    leaves the body as it is and gives every task an adapter and a head. "joint" learns all tasks so far from the
    start: no sequence, but the bound for one. `weight` is that of the term that is added. Each stage trains for what
    `config` says and keeps its last weights.

    With `out`, every stage is checkpointed in a folder of its own, and the same call resumes the stage that it was in.
    `look_ahead` also scores tasks before they are learned, each with a new head, for forward transfer.

    Raises:
        ConfigError: there is no such strategy or setting, it has no use for an option, or a task's name is no name.
        DataError: there are fewer than two tasks, they are not of one kind, or one has no rows to score.

    Taught in: book/hybrid/continual-learning
    """
    config, options = config or TrainConfig(), task_options or {}
    given = {"memory": memory, "temperature": temperature, "fisher_rows": fisher_rows, "adaptation": adaptation}
    plan = _plan(strategy, setting, weight, given, batch_size=batch_size, seed=config.seed)
    _check(corpora, split, options)
    if look_ahead and not plan.own_heads:
        raise ConfigError("one head cannot be asked for labels that are still to come", remedy="leave out look_ahead")
    encoder = load_encoder(encoder) if isinstance(encoder, str) else encoder
    tasks, carried = _tasks(corpora, encoder, plan.own_heads, options), Remembering(plan)
    answers: list[Mapping[str, Answer]] = []
    stages: list[Stage] = []
    rows: list[tuple[float | None, ...]] = []
    for number, (name, task) in enumerate(tasks.items(), start=1):
        known = {one: tasks[one] for one in list(tasks)[:number]}
        if strategy == "adapters":
            model = adapt(task.model(seed=config.seed), adaptation or LoRA())
        elif plan.own_heads:
            model = _shared(known, carried.before, config.seed)
        else:
            model = _grown(task, carried.before, config.seed)
        made = (
            carried.together(known, {one: corpora[one] for one in known})
            if strategy == "joint"
            else carried.triple(name, task, corpora[name], model)
        )
        folder = None if out is None else Path(out) / f"{number}-{name}"
        run = train(model, made.source, made.objective, config, run_dir=folder, say=say)
        if strategy not in ("adapters", "joint"):
            carried.learned(name, task, corpora[name], run.model)
        trainable = "an adapter and a head, the body stays" if strategy == "adapters" else "everything"
        pieces = pieces_read(made.source, run.steps, config.seed)
        stages.append(
            Stage(name=name, batch=made.batch, minimised=made.minimised, trainable=trainable, run=run, pieces=pieces)
        )
        say(f"{stages[-1]}")
        # An adapter answers for its own task and leaves those before as they were.
        before = answers[-1] if answers and strategy == "adapters" else {}
        answers.append({**before, **_answers(run.model, name, known, plan.own_heads)})
        rows.append(tuple(_scores(answers[-1], tasks, corpora, run.model, split, look_ahead, config.seed)))
    fresh = {name: task.model(seed=config.seed) for name, task in tasks.items()} if look_ahead else {}
    untrained = tuple(_score(tasks[name], model, corpora[name], split) for name, model in fresh.items())
    return Learned(
        strategy=strategy,
        setting=setting,
        stages=tuple(stages),
        matrix=AccuracyMatrix(tasks=tuple(tasks), scores=tuple(rows), baseline=untrained or None),
        answers=tuple(answers),
    )


def _plan(
    strategy: str, setting: str, weight: float | None, given: Mapping[str, Any], *, batch_size: int, seed: int
) -> Plan:
    if strategy not in STRATEGIES or setting not in SETTINGS:
        raise ConfigError(
            f"strategy is {strategy!r}, setting is {setting!r}",
            remedy=f"choose one of {', '.join(STRATEGIES)}, and {' or '.join(SETTINGS)}",
        )
    if strategy == "adapters" and setting != "task-aware":
        raise ConfigError(
            "with an adapter for each task, somebody has to say which task a row belongs to",
            remedy='choose setting="task-aware"',
        )
    if weight is not None and strategy not in WEIGHTS:
        raise ConfigError(f"the strategy {strategy!r} has no use for a weight", remedy="leave it out")
    for name, value in given.items():
        if value is not None and USES[name] != strategy:
            raise ConfigError(f"the strategy {strategy!r} has no use for {name}", remedy=f"{USES[name]!r} has")
    return Plan(
        strategy=strategy,
        own_heads=setting == "task-aware",
        weight=WEIGHTS.get(strategy, 0.0) if weight is None else weight,
        **{name: value if given[name] is None else given[name] for name, value in DEFAULTS.items()},
        batch_size=batch_size,
        seed=seed,
    )


def _check(corpora: Mapping[str, Corpus | TextCorpus], split: str, options: Mapping[str, Any]) -> None:
    if len(corpora) < 2:
        raise DataError(f"{len(corpora)} tasks are no sequence", remedy="give two corpora or more, by name")
    if len({isinstance(corpus, TextCorpus) for corpus in corpora.values()}) > 1:
        raise DataError("some tasks tag words, others label texts", remedy="give corpora of one kind")
    if options.get("kind", "single") != "single":
        raise ConfigError(f"kind is {options['kind']!r}", remedy='a sequence of text tasks knows kind="single" alone')
    for name, corpus in corpora.items():
        # The name becomes that of a folder, of a part of the batch and of a part of the model.
        if not re.fullmatch(r"\w[\w-]*", name) or name in (LABELLED, REPLAY):
            raise ConfigError(
                f"a task is called {name!r}", remedy="use letters, digits, _ and -, but no word like labelled"
            )
        if split not in corpus.splits:
            raise DataError(f"task {name!r} has no {split} split to be scored on", remedy="give it one")


def _tasks(
    corpora: Mapping[str, Corpus | TextCorpus], encoder: Encoder | MiniEncoder, own_heads: bool, options: dict[str, Any]
) -> dict[str, TokenTask | TextTask]:
    """The task of each stage: with its own labels, or with all labels so far, those known before first."""
    found: dict[str, TokenTask | TextTask] = {}
    labels: tuple[str, ...] = ()
    for name, corpus in corpora.items():
        kind = TextTask if isinstance(corpus, TextCorpus) else TokenTask
        labels = corpus.labels if own_heads else tuple(dict.fromkeys((*labels, *corpus.labels)))
        pairs = {"pairs": corpus.pairs} if isinstance(corpus, TextCorpus) else {}
        found[name] = kind(labels, encoder, **pairs, **options)
    return found


def _shared(known: Mapping[str, TokenTask | TextTask], before: SharedBody | None, seed: int) -> SharedBody:
    """All models so far on one body, the new one with a fresh head; without a model from before, all are fresh."""
    old = {} if before is None else dict(copy.deepcopy(before).parts)
    return SharedBody({name: old.get(name) or task.model(seed=seed) for name, task in known.items()})


def _grown(task: TokenTask | TextTask, before: nn.Module | None, seed: int) -> nn.Module:
    """The model of before with a head for all labels so far: what it knew comes first, and is kept."""
    model = task.model(seed=seed)
    if before is not None:
        old = before.state_dict()
        for name, tensor in model.state_dict().items():
            tensor[: len(old[name])] = old[name]
    return model


def _answers(
    model: nn.Module, name: str, known: Mapping[str, TokenTask | TextTask], own_heads: bool
) -> dict[str, Answer]:
    """What answers for each task: its own part, the one head for all of them, or an adapter for its task alone."""
    if isinstance(model, SharedBody):
        return {one: (task, model.part(one)) for one, task in known.items()}
    return dict.fromkeys([name] if own_heads else known, (known[name], model))


def _scores(
    answers: Mapping[str, Answer],
    tasks: Mapping[str, TokenTask | TextTask],
    corpora: Mapping[str, Corpus | TextCorpus],
    model: nn.Module,
    split: str,
    look_ahead: bool,
    seed: int,
) -> list[float | None]:
    found: list[float | None] = []
    for name, task in tasks.items():
        if name in answers:
            found.append(_score(*answers[name], corpora[name], split))
        elif look_ahead:
            fresh = task.model(seed=seed)
            if isinstance(model, SharedBody):
                take_body(fresh, model)
            found.append(_score(task, fresh, corpora[name], split))
        else:
            found.append(None)
    return found


def _score(task: TokenTask | TextTask, model: nn.Module, corpus: Corpus | TextCorpus, split: str) -> float:
    evaluator = task.evaluator(corpus.splits[split])  # type: ignore[arg-type]
    return evaluator(model)[SCORES[task.name]]
