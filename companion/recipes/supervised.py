"""Fine-tune a tagger or a text classifier in one call: corpus, encoder, task, loop, evaluation, export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from companion.adaptation.apply import adapt
from companion.adaptation.methods import Full
from companion.corpora.pairs import PairCorpus
from companion.corpora.records import Corpus
from companion.corpora.texts import JOINT, TextCorpus
from companion.errors import ConfigError, DataError
from companion.models.encoder import OFFLINE, load_encoder
from companion.recipes.story import MODEL_FOLDER, add_result, check_about, publish, result_of, tell
from companion.tasks.adapter_folder import is_plain
from companion.tasks.scoring import evaluate
from companion.tasks.texts import TextTask
from companion.tasks.tokens import TokenTask
from companion.training.config import TrainConfig
from companion.training.loop import train
from companion.training.parallel import Processes

if TYPE_CHECKING:
    from companion.adaptation.contract import Adaptation
    from companion.evaluation.classification import ClassificationReport
    from companion.evaluation.regression import RegressionReport
    from companion.evaluation.report import EntityReport
    from companion.models.encoder import Encoder
    from companion.training.outcome import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class FineTuned:
    """A fine-tuned tagger or text classifier with everything it was made from."""

    run: Run
    """The run; `run.model` holds the best weights."""
    task: TokenTask | TextTask
    """The task: labels, encoder, how rows are made."""
    corpus: Corpus | TextCorpus
    """What it was trained on."""
    folder: Path | None = None
    """The run folder, with the exported model in `model/`."""

    def evaluate(self, split: str = "test", **options: Any) -> EntityReport | ClassificationReport | RegressionReport:
        """The report on a split; for a tagger, with names seen in training told apart from new ones.

        With a run folder and the usual options, it is also put down in `run.json` and in the model's card.

        Raises:
            ConfigError: the corpus has no such split.
        """
        if split not in self.corpus.splits:
            raise ConfigError(f"no split {split!r}", remedy=f"choose one of {', '.join(self.corpus.splits)}")
        usual = not options
        if self.task.name == "tokens":
            options = {"train": self.corpus.train, **options}
        report = evaluate(self.run.model, self.task, self.corpus.splits[split], **options)
        if usual and self.folder is not None:
            add_result(self.folder, split, report)
        return report


def make_task(
    corpus: Corpus | TextCorpus, encoder: Encoder, options: Mapping[str, Any] | None = None
) -> TokenTask | TextTask:
    """The task that a corpus asks for: tagging for tagged words, classification (or regression) for texts or pairs.

    Raises:
        DataError: every text has the same label, or every word the tag O.
        ConfigError: an option that the task does not have, or cannot use.

    Taught in: book/walkthroughs/train-a-tagger
    """
    options = dict(options or {})
    kind = TextTask if isinstance(corpus, TextCorpus) else TokenTask
    labels = corpus.labels
    if kind is TextTask and options.get("kind") == "regression":
        labels = ("number",)
    elif kind is TextTask and options.get("kind", "single") == "single" and len(labels) == 1:
        raise DataError(
            f"{corpus.name}: every text has the same label, {labels[0]!r}",
            remedy="give texts with two labels or more; there is nothing else to learn to tell apart",
        )
    elif kind is TokenTask and len(labels) == 1:
        raise DataError(f"{corpus.name}: every word has the tag O", remedy="check the column of the tags")
    known = {"policy", "overlap"} if kind is TokenTask else {"kind", "pooling"}
    known |= {"max_length", "class_weights", "label_smoothing"}
    for name in options:
        if name not in known:
            what = "a corpus of labelled texts" if kind is TextTask else "a corpus of tagged words"
            raise ConfigError(f"{what} has no use for {name}", remedy=f"choose among {', '.join(sorted(known))}")
    if kind is TextTask:
        options["pairs"] = corpus.pairs
    return kind(labels, encoder, **options)


def joined_labels(task: TokenTask | TextTask) -> str:
    """A remark where a task takes labels that are joined for labels of their own; "" elsewhere."""
    joined = [label for label in task.labels if JOINT in label]
    if not joined or task.name != "texts" or task.settings.kind != "single":
        return ""
    return (
        f"{len(joined)} of {len(task.labels)} labels hold {JOINT!r} (first: {joined[0]}), learned as they stand; "
        'task_options={"kind": "multi"}, or --kind multi, learns their parts'
    )


def fine_tune(
    corpus: Corpus | TextCorpus | str,
    config: TrainConfig | None = None,
    *,
    model: str = OFFLINE,
    adaptation: Adaptation | None = None,
    batch_size: int = 32,
    order: str = "bucketed",
    task_options: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
    origin: Mapping[str, Any] | None = None,
    command: str | None = None,
    about: Mapping[str, str] | None = None,
    log: Callable[[int, Mapping[str, float]], None] | None = None,
    say: Callable[[str], None] = print,
) -> FineTuned:
    """Fine-tune on a corpus (or the name of one in the catalog) and keep the best weights by the task's score on dev.

    Tagged words make a tagger, chosen by entity F1; labelled texts a classifier, chosen by macro F1
    (`task_options={"kind": "regression"}`: by squared error). `task_options` are those of `TokenTask` and `TextTask`.

    With `out`, the run is checkpointed there and the same call resumes it; in the end the folder holds `model/`, a
    transformers folder with a model card, and `run.json`, which says how it came about. `origin` and `command` are
    stored there as they are; `about` gives the card what only you know: `{"language": "de", "licence": "mit"}`.

    Raises:
        DataError, ModelError, ConfigError, CheckpointError: what is asked for cannot be read, opened, or done.

    Taught in: book/walkthroughs/train-a-tagger
    """
    config, about = config or TrainConfig(), about or {}
    check_about(about)
    if isinstance(corpus, str):
        from companion.corpora import load_corpus

        origin = origin or {"corpus": corpus}
        corpus = load_corpus(corpus)
    if isinstance(corpus, PairCorpus):
        raise DataError(
            f"{corpus.name}: prompts with answers have no labels, so they make no tagger and no classifier",
            remedy="task = CausalLMTask(load_decoder(…)) learns them, with train(task.model(), "
            "task.batches(corpus.train), task.objective), or companion train --task answers",
        )
    if not isinstance(corpus, Corpus | TextCorpus):
        raise DataError(
            f"the corpus is a {type(corpus).__name__}",
            remedy="make one: TextCorpus.from_rows, from_csv, from_jsonl or from_datasets for texts with labels; "
            "Corpus.from_rows, from_spans, from_conll, from_csv, from_jsonl or from_datasets for tagged words",
        )
    task = make_task(corpus, load_encoder(model), task_options)
    if remark := joined_labels(task):
        say(remark)
    evaluator = task.evaluator(corpus.dev) if len(corpus.dev) else None
    run = train(
        adapt(task.model(seed=config.seed), adaptation or Full()),
        task.batches(corpus.train, batch_size=batch_size, order=order),
        task.objective,
        config,
        evaluate=evaluator,
        run_dir=out,
        log=log,
        say=say,
    )
    if out is None:
        return FineTuned(run=run, task=task, corpus=corpus)
    folder = Path(out)
    story = tell(
        run,
        task,
        corpus,
        config,
        metric=config.metric or getattr(evaluator, "metric", None),
        batches={"batch_size": batch_size, "order": order},
        about=about,
    )

    def leave() -> None:
        # What cannot become part of a plain model (a prefix, a bottleneck) is stored beside the name of its body.
        run.export(folder / MODEL_FOLDER, adapter_only=not is_plain(run.model))
        results = {} if evaluator is None else {"dev": result_of(evaluator.report(run.model))}
        publish(folder, {**story, "origin": dict(origin or {}), "command": command, "results": results})

    # Several processes end with the same model; two that wrote it to one folder would be in each other's way.
    Processes.join(torch.device(run.config.device)).lead(leave)
    return FineTuned(run=run, task=task, corpus=corpus, folder=folder)
