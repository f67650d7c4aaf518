"""Hybrid fine-tuning in one call: labelled rows and unlabelled text, together or one after the other.

"joint" minimises supervised + λ · masked-LM, each on its own part of every update. "sequence" first trains the body on
the text alone (domain-adaptive pre-training), then fine-tunes it. Either is compared with plain fine-tuning at equal
compute: as many word pieces read and learned from, all of them labelled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.encoding.mixing import JointBatches
from companion.errors import ConfigError, DataError
from companion.evaluation.comparison import Comparison, compare
from companion.models.encoder import OFFLINE, load_encoder
from companion.models.shared import SharedBody
from companion.objectives.masked_lm import MaskedLMCrossEntropy
from companion.objectives.mixture import Mixture
from companion.objectives.terms import one_term
from companion.recipes.supervised import make_task
from companion.tasks.masked_lm import MaskedLMTask
from companion.tasks.scoring import evaluate
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from torch import nn

    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.encoding.contract import BatchSource
    from companion.encoding.source import RowBatches
    from companion.models.encoder import Encoder
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask
    from companion.training.outcome import Run

SCHEDULES = ("joint", "sequence")
LABELLED, UNLABELLED = "labelled", "unlabelled"
MOST_UNKNOWN = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage of a recipe: the three choices in words, and the run that came of them.

    Taught in: book/hybrid/hybrid-fine-tuning
    """

    name: str
    """What the stage is for; also its folder."""
    batch: str
    """What is in the batch."""
    minimised: str
    """What is minimised."""
    trainable: str
    """What is trainable."""
    run: Run
    """The run."""
    pieces: int
    """How many word pieces were read and learned from, padding left out."""

    def __str__(self) -> str:
        return f"{self.name}: {self.batch} | {self.minimised} | {self.trainable}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Hybrid:
    """What hybrid fine-tuning gave, beside plain fine-tuning at equal compute.

    Taught in: book/hybrid/hybrid-fine-tuning
    """

    model: nn.Module
    """The tagger or classifier."""
    task: TokenTask | TextTask
    """Its task; `task.export(model, folder)` writes it."""
    stages: tuple[Stage, ...]
    """The stages in order."""
    plain: Stage
    """Plain fine-tuning, for as many word pieces."""
    comparison: Comparison
    """Plain fine-tuning against hybrid, on the same rows."""
    unknown: float
    """The share of the text's word pieces that the tokenizer does not know."""

    def to_text(self, width: int | None = None) -> str:
        """The stages and the comparison, whose table is within `width` columns of the screen if it is given."""
        lines = [*map(str, self.stages), str(self.plain)]
        if self.unknown:
            lines.append(f"{self.unknown:.1%} of the text's word pieces are unknown to the tokenizer")
        return "\n".join([*lines, "", self.comparison.to_text(width)])

    def __str__(self) -> str:
        return self.to_text()


class PartEvaluator:
    """An evaluator that looks at one part of a model with a shared body."""

    def __init__(self, evaluator: Any, part: str) -> None:
        self.evaluator, self.part = evaluator, part
        self.metric, self.greater_is_better = evaluator.metric, evaluator.greater_is_better

    def __call__(self, model: nn.Module) -> dict[str, float]:
        """The scores of that part."""
        return self.evaluator(model.part(self.part))


def hybrid_fine_tune(
    corpus: Corpus | TextCorpus,
    texts: Sequence[str],
    config: TrainConfig | None = None,
    *,
    schedule: str = "joint",
    weight: float = 0.5,
    language_updates: int | None = None,
    model: str = OFFLINE,
    batch_size: int = 32,
    task_options: dict[str, Any] | None = None,
    split: str = "test",
    out: str | Path | None = None,
    say: Callable[[str], None] = print,
) -> Hybrid:
    """Fine-tune on labelled rows and unlabelled text, and compare with plain fine-tuning at equal compute on a split.

    `weight` is λ, the weight of the masked-LM term of the joint schedule. `language_updates` is how many updates the
    text gets before in the "sequence" schedule, by default one epoch of it. With `out`, every stage is checkpointed in
    a folder of its own, and the same call resumes the stage that it was in.

    Raises:
        ConfigError: there is no such schedule, or λ is negative or no finite number.
        DataError: there is no text, or the tokenizer does not know half of it.

    Taught in: book/hybrid/hybrid-fine-tuning
    """
    config = config or TrainConfig()
    if schedule not in SCHEDULES:
        raise ConfigError(f"schedule is {schedule!r}", remedy=f"choose {' or '.join(SCHEDULES)}")
    # Asked before anything is loaded, and of the schedule that has no use for it too.
    one_term("masked_lm", weight)
    encoder = load_encoder(model)
    unknown = check_texts(texts, encoder)
    task, language = make_task(corpus, encoder, task_options), MaskedLMTask(encoder)
    evaluator = task.evaluator(corpus.dev) if len(corpus.dev) else None
    labelled = task.batches(corpus.train, batch_size=batch_size)
    text = language.batches(texts, batch_size=batch_size)
    folder = None if out is None else Path(out)

    def go(name: str, model: nn.Module, source: BatchSource, objective: Any, config: TrainConfig, evaluate: Any) -> Run:
        return train(
            model,
            source,
            objective,
            config,
            evaluate=evaluate,
            run_dir=None if folder is None else folder / name,
            say=say,
        )

    stages: list[Stage] = []

    def note(name: str, batch: str, minimised: str, source: JointBatches | RowBatches, run: Run) -> None:
        pieces = pieces_read(source, run.steps, config.seed)
        stages.append(
            Stage(name=name, batch=batch, minimised=minimised, trainable="everything", run=run, pieces=pieces)
        )
        say(f"{stages[-1]}")

    if schedule == "joint":
        both = JointBatches({LABELLED: labelled, UNLABELLED: text})
        objective = Mixture(task.objective, MaskedLMCrossEntropy(weight=weight))
        shared = SharedBody({LABELLED: task.model(seed=config.seed), UNLABELLED: language.model(seed=config.seed)})
        run = go("joint", shared, both, objective, config, evaluator and PartEvaluator(evaluator, LABELLED))
        note("joint", "labelled rows and masked text", f"supervised + {weight:g} · masked-LM", both, run)
        tuned = run.model.part(LABELLED)
    else:
        updates = language_updates or text.updates(0)
        epochs = -(-updates // text.updates(0))
        longer = dataclasses.replace(config, max_updates=updates, epochs=epochs, patience=None, metric=None)
        run = go("language", language.model(seed=config.seed), text, language.objective, longer, None)
        note("language", "masked text", "masked-LM", text, run)
        tuned = task.model(seed=config.seed)
        take_body(tuned, run.model)
        run = go("supervised", tuned, labelled, task.objective, config, evaluator)
        note("supervised", "labelled rows", "supervised", labelled, run)
        tuned = run.model
    updates = updates_for(labelled, sum(stage.pieces for stage in stages), config.seed)
    equal = dataclasses.replace(config, max_updates=updates, epochs=-(-updates // labelled.updates(0)))
    run = go("plain", task.model(seed=config.seed), labelled, task.objective, equal, evaluator)
    note("plain", "labelled rows", "supervised, for as many word pieces", labelled, run)
    *before, plain = stages
    reports = [evaluate(one, task, corpus.splits[split]) for one in (plain.run.model, tuned)]
    return Hybrid(
        model=tuned,
        task=task,
        stages=tuple(before),
        plain=plain,
        comparison=compare(*reports, names=("plain", "hybrid")),
        unknown=unknown,
    )


def check_texts(texts: Sequence[str], encoder: Encoder) -> float:
    """The share of word pieces that the tokenizer does not know.

    Raises:
        DataError: there is no text, or it is written in a script that the tokenizer cannot read.
    """
    texts = [text for text in texts if text.strip()]
    if not texts:
        raise DataError("there is no unlabelled text", remedy="give a file with a sentence or paragraph a line")
    tokenizer = encoder.tokenizer
    rows = tokenizer(texts, add_special_tokens=False, padding=False, truncation=False)["input_ids"]
    total = sum(map(len, rows))
    unknown = sum(piece == tokenizer.unk_token_id for row in rows for piece in row)
    if not total or unknown > MOST_UNKNOWN * total:
        raise DataError(
            f"the tokenizer of {encoder.name} does not know {unknown:,} of the text's {total:,} word pieces",
            remedy="choose an encoder that was trained on this language and script",
        )
    return unknown / total


def take_body(model: nn.Module, other: nn.Module) -> None:
    """Copy the weights of another model's body; a pooler that only one of them has stays as it is."""
    own, found = model.base_model.state_dict(), other.base_model.state_dict()
    model.base_model.load_state_dict({name: found.get(name, tensor) for name, tensor in own.items()})


def pieces_read(source: JointBatches | RowBatches, updates: int, seed: int) -> int:
    """The word pieces of the first so many updates, part by part, without padding."""
    source, seen, epoch = source.with_seed(seed), 0, 0
    while updates > 0:
        for update in range(min(updates, source.updates(epoch))):
            seen += _pieces_of(source, epoch, update)
        updates -= source.updates(epoch)
        epoch += 1
    return seen


def updates_for(source: RowBatches, pieces: int, seed: int) -> int:
    """How many updates read about so many word pieces: the number that comes nearest, at least one."""
    source, seen, updates, epoch = source.with_seed(seed), 0, 0, 0
    while True:
        for update in range(source.updates(epoch)):
            size = _pieces_of(source, epoch, update)
            if seen + size / 2 > pieces and updates:
                return updates
            seen, updates = seen + size, updates + 1
        epoch += 1


def _pieces_of(source: JointBatches | RowBatches, epoch: int, update: int) -> int:
    window = source.window(epoch, update)
    return sum(source.length(part, row) for part, rows in window.items() for row in rows)
