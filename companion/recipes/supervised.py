"""Fine-tune a tagger in one call: corpus, encoder, task, loop, evaluation, export."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adapt
from companion.adaptation.methods import Full
from companion.errors import ConfigError
from companion.models.encoder import OFFLINE, load_encoder
from companion.tasks.tokens import TokenTask
from companion.training.checkpoint import write_json
from companion.training.config import TrainConfig
from companion.training.loop import train

if TYPE_CHECKING:
    from companion.adaptation.contract import Adaptation
    from companion.corpora.records import Corpus
    from companion.evaluation.report import EntityReport
    from companion.training.outcome import Run

MODEL_FOLDER = "model"
RUN_FILE = "run.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class FineTuned:
    """A fine-tuned tagger with everything it was made from."""

    run: Run
    """The run; `run.model` holds the best weights."""
    task: TokenTask
    """The task: labels, encoder, windows."""
    corpus: Corpus
    """What it was trained on."""
    folder: Path | None = None
    """The run folder, with the exported model in `model/`."""

    def evaluate(self, split: str = "test", **options: Any) -> EntityReport:
        """The report on a split, with names seen in training told apart from new ones.

        Raises:
            ConfigError: the corpus has no such split.
        """
        from companion.tasks.scoring import evaluate

        if split not in self.corpus.splits:
            raise ConfigError(f"no split {split!r}", remedy=f"choose one of {', '.join(self.corpus.splits)}")
        return evaluate(self.run.model, self.task, self.corpus.splits[split], train=self.corpus.train, **options)


def fine_tune(
    corpus: Corpus | str,
    config: TrainConfig | None = None,
    *,
    model: str = OFFLINE,
    adaptation: Adaptation | None = None,
    batch_size: int = 32,
    order: str = "bucketed",
    task_options: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    origin: Mapping[str, Any] | None = None,
    log: Callable[[int, Mapping[str, float]], None] | None = None,
    say: Callable[[str], None] = print,
) -> FineTuned:
    """Fine-tune a tagger on a corpus (or the name of one in the catalog) and keep its best weights by entity F1 on dev.

    With `out`, the run is checkpointed there and the same call resumes it; in the end the folder holds `model/`, a
    plain transformers folder, and `run.json`, which says how it came about (`origin` is stored there as it is).

    Raises:
        DataError, ModelError, ConfigError, CheckpointError: what is asked for cannot be read, opened, or done.

    Taught in: book/walkthroughs/train-a-tagger
    """
    config = config or TrainConfig()
    if isinstance(corpus, str):
        from companion.corpora import load_corpus

        corpus = load_corpus(corpus)
    task = TokenTask(corpus.labels, load_encoder(model), **(task_options or {}))
    batches = task.batches(corpus.train, batch_size=batch_size, order=order)
    run = train(
        adapt(task.model(seed=config.seed), adaptation or Full()),
        batches,
        task.objective,
        config,
        evaluate=task.evaluator(corpus.dev) if len(corpus.dev) else None,
        run_dir=out,
        log=log,
        say=say,
    )
    folder = None if out is None else Path(out)
    if folder is not None:
        run.export(folder / MODEL_FOLDER)
        write_json(folder / RUN_FILE, _describe(run, task, corpus, batch_size, order, origin or {}))
    return FineTuned(run=run, task=task, corpus=corpus, folder=folder)


def _describe(
    run: Run, task: TokenTask, corpus: Corpus, batch_size: int, order: str, origin: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "corpus": corpus.name,
        "origin": dict(origin),
        "encoder": task.encoder.name,
        "encoder_digest": task.encoder.digest,
        "labels": list(task.labels),
        "task": dataclasses.asdict(task.settings),
        "config": run.config.to_dict() | {"batch_size": batch_size, "order": order},
        "reasons": run.reasons,
        "steps": run.steps,
        "best_step": run.best_step,
        "dev": {} if run.best_value is None else {"entity_f1": run.best_value},
        "evaluations": run.evaluations,
        "notes": list(run.notes),
    }
