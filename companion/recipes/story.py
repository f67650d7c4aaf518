"""How a run came about and what was measured: `run.json` beside the model, and the model's card drawn from it."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adaptation_of
from companion.adaptation.methods import Full
from companion.corpora.catalog import CatalogEntry, entries
from companion.corpora.texts import label_parts
from companion.errors import ConfigError
from companion.evaluation.classification import ClassificationReport
from companion.evaluation.regression import NUMBERS, RegressionReport
from companion.models.offline import file_digest
from companion.recipes.tuning_plan import data_digests
from companion.tasks.adapter_folder import WEIGHTS
from companion.tasks.card import describe_task, write_card
from companion.tasks.folder import adapter_of
from companion.training.checkpoint import write_json
from companion.training.config import TrainConfig

if TYPE_CHECKING:
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.evaluation.intervals import Interval
    from companion.evaluation.report import EntityReport
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask
    from companion.training.outcome import Run

MODEL_FOLDER = "model"
RUN_FILE = "run.json"
ABOUT = {"language": (r"[a-z]{2,3}", "en"), "licence": (r"[a-z0-9][a-z0-9.-]*", "cc-by-4.0")}
"""What only the user can know for the model card, the language of the texts and the licence of the model: the form in
which the Hub knows it, and an example."""


def check_about(about: Mapping[str, str]) -> None:
    """Refuse what a card has no place for, or the Hub would not understand.

    Raises:
        ConfigError: naming the field.
    """
    for name, value in about.items():
        if name not in ABOUT:
            raise ConfigError(f"about says {name!r}", remedy=f"it may say {' and '.join(ABOUT)}")
        form, example = ABOUT[name]
        if not re.fullmatch(form, value):
            raise ConfigError(
                f"{name} is {value!r}", remedy=f"give the identifier that the Hub uses, such as {example}"
            )


def tell(
    run: Run,
    task: TokenTask | TextTask,
    corpus: Corpus | TextCorpus,
    config: TrainConfig,
    *,
    metric: str | None,
    batches: Mapping[str, Any],
    about: Mapping[str, str],
) -> dict[str, Any]:
    """The story of a run as JSON values: data, task, settings with reasons, and how training went.

    `config` is what was asked for and `run.config` what it became; `metric` is the score that chose the weights,
    `batches` says how rows were put together, `about` what the user says of language and licence.
    """
    default = {**TrainConfig().to_dict(), "batch_size": 32, "order": "bucketed"}
    method = adaptation_of(run.model) or Full()
    return {
        **describe_task(task),
        "corpus": corpus.name,
        "data": _describe_data(task, corpus, about),
        "config": run.config.to_dict() | dict(batches),
        "given": [name for name, value in {**config.to_dict(), **batches}.items() if value != default[name]],
        "reasons": run.reasons,
        "adaptation": getattr(method, "name", type(method).__name__),
        "parameters": sum(parameter.numel() for parameter in run.model.parameters()),
        "trained_parameters": sum(part.numel() for part in run.model.parameters() if part.requires_grad),
        "steps": run.steps,
        "best_step": run.best_step,
        "dev": {} if run.best_value is None else {metric: run.best_value},
        "evaluations": run.evaluations,
        "notes": list(run.notes),
    }


def publish(folder: Path, story: Mapping[str, Any]) -> None:
    """Write `run.json` and the card of the model in the run folder; results of the very same weights are kept."""
    adapter = adapter_of(folder / MODEL_FOLDER)
    weights = file_digest(folder / MODEL_FOLDER / ("model.safetensors" if adapter is None else WEIGHTS))
    before = read_story(folder)
    kept = before.get("results", {}) if before.get("weights") == weights else {}
    story = story if adapter is None else {**story, "adapter": adapter}
    story = {**story, "weights": weights, "results": {**kept, **story.get("results", {})}}
    write_json(folder / RUN_FILE, story)
    write_card(folder / MODEL_FOLDER, story, name=folder.resolve().name)


def read_story(folder: Path) -> dict[str, Any]:
    """What `run.json` in a run folder says; nothing where there is none that can be read."""
    try:
        story = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return story if isinstance(story, dict) else {}


def add_result(
    folder: Path, split: str, report: EntityReport | ClassificationReport | RegressionReport
) -> dict[str, Any]:
    """Put down in the run folder what was measured on a split of the run's own corpus; the card then shows it.

    A folder whose `run.json` tells too little for a card (of an earlier version, or none) stays as it is.
    """
    story = read_story(folder)
    if {"data", "weights"} <= story.keys():
        publish(folder, {**story, "results": {**story["results"], split: result_of(report)}})
    return story


def result_of(report: EntityReport | ClassificationReport | RegressionReport) -> dict[str, Any]:
    """The rows and the scores of a report, each with the ends of its interval where it has one."""
    if isinstance(report, ClassificationReport):
        scores = {name: _ends(getattr(report, name)) for name in ("accuracy", "macro_f1")}
    elif isinstance(report, RegressionReport):
        scores = {name: _ends(getattr(report, name)) for name in NUMBERS}
    else:
        scores = {"entity_f1": _ends(report.f1)}
        scores |= {name: {"value": getattr(report, name)} for name in ("precision", "recall")}
    return {"rows": getattr(report, "texts", None) or report.sentences, "scores": scores}


def _ends(interval: Interval) -> dict[str, float | None]:
    return {"value": interval.mean, "low": interval.low, "high": interval.high}


def _describe_data(task: TokenTask | TextTask, corpus: Corpus | TextCorpus, about: Mapping[str, str]) -> dict[str, Any]:
    entry = _entry_of(corpus)
    notes = corpus.report.notes if task.name == "tokens" else corpus.notes
    return {
        "name": corpus.name,
        "rows": {split: len(rows) for split, rows in corpus.splits.items()},
        "digests": data_digests(corpus),
        "examples": _count_examples(task, corpus),
        "licence": corpus.licence,
        "citation": corpus.citation,
        # Other notes name files, and where they lay.
        "notes": [note for note in notes if note.startswith("split")],
        "language": about.get("language") or (None if entry is None else entry.language),
        "hub_name": None if entry is None else entry.hub_name or None,
        "model_licence": about.get("licence"),
    }


def _count_examples(task: TokenTask | TextTask, corpus: Corpus | TextCorpus) -> dict[str, int]:
    """How often train shows each type or label; nothing for a regression."""
    if task.name == "tokens":
        known = {label[2:] for label in task.labels if label != "O"}
        found = Counter(entity.type for sentence in corpus.train for entity in sentence.entities())
    elif task.settings.kind == "regression":
        return {}
    else:
        known = set(task.labels)
        multi = task.settings.kind == "multi"
        found = Counter(part for text in corpus.train for part in (label_parts(text.label) if multi else [text.label]))
    return {name: found[name] for name in sorted(known)}


def _entry_of(corpus: Corpus | TextCorpus) -> CatalogEntry | None:
    """The catalog's entry of this corpus, known by its name and by whom to cite."""
    for entry in entries():
        named = corpus.name == entry.name or corpus.name.startswith(f"{entry.name}-")
        if named and corpus.citation == entry.citation:
            return entry
    return None
