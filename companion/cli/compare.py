"""`companion compare`: two runs on the same rows, and one sentence about the difference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.evaluate import model_folder, own_corpus, rows_for
from companion.cli.output import columns, emit
from companion.cli.run_columns import as_in_training
from companion.errors import ConfigError
from companion.recipes.story import read_story
from companion.recipes.tuning_plan import data_digests

if TYPE_CHECKING:
    from companion.cli.source import Source
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus

KINDS = {
    "tags": "words with tags",
    "single": "texts with one label each",
    "multi": "texts with several labels",
    "regression": "texts with a number",
}
OPTIMISTIC = {
    "train": "Both runs learned from these rows, so neither score says how good they are on others.",
    "dev": "Dev chose the weights of both runs, so both scores are optimistic; the test split is there to compare.",
    "test": "",
}


def compare_runs(a: Path, b: Path, source: Source, *, split: str, as_json: bool) -> None:
    """Measure both on the same rows and print scores, difference, interval, test and sentence.

    Raises:
        ConfigError: the runs are of different tasks, or their rows differ.
        DataError: the rows have labels that one of the two does not know.
    """
    folders = [model_folder(folder) for folder in (a, b)]
    from companion.deployment.predictor import load
    from companion.evaluation.comparison import compare
    from companion.tasks.scoring import evaluate

    predictors = [load(folder) for folder in folders]
    tasks = [predictor.task for predictor in predictors]
    kinds = [getattr(task.settings, "kind", "tags") for task in tasks]
    if kinds[0] != kinds[1]:
        raise ConfigError(
            f"{a} is for {KINDS[kinds[0]]}, {b} for {KINDS[kinds[1]]}", remedy="compare two models of the same task"
        )
    own = None
    if source.train is None and source.corpus is None:
        own = _shared_corpus((a, b), split)
    source = as_in_training(as_in_training(source, a), b)
    rows = [rows_for(task, source, own, split) for task in tasks]
    reports = [
        evaluate(predictor.model, predictor.task, part) for predictor, part in zip(predictors, rows, strict=True)
    ]
    names = (a.resolve().name, b.resolve().name)
    comparison = compare(*reports, names=names if len(set(names)) == 2 else (str(a), str(b)))
    changed = settings_apart(read_story(a), read_story(b))
    notes = [f"They differ in {'; '.join(changed)}."] if changed else []
    notes += [OPTIMISTIC[split]] if own is not None and OPTIMISTIC[split] else []
    document = {"runs": [str(a), str(b)], "split": None if own is None else split, **comparison.to_dict()}
    text = "\n".join([comparison.to_text(columns()), *notes])
    emit({**document, "differ_in": changed, "notes": notes}, text, as_json=as_json)


def settings_apart(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """In what two runs differ, by their own account: encoder, data, task, what is trained, settings."""
    from companion.training.state import differences

    if not before or not after:
        return []
    sides = [
        {f"{name} rows": story.get("data", {}).get("digests", {}).get(name) for name in ("train", "dev")}
        | {name: story.get(name) for name in ("encoder", "adaptation")}
        | {"pairs": False}  # what stories of before do not say
        | story.get("task", {})
        | {name: value for name, value in story.get("config", {}).items() if name != "progress"}
        for story in (before, after)
    ]
    return differences(*sides)


def _shared_corpus(folders: tuple[Path, Path], split: str) -> Corpus | TextCorpus:
    """The corpus whose split both runs are measured on.

    Raises:
        ConfigError: there is none, or the two runs have other rows in this split.
    """
    known = [(folder, corpus) for folder in folders if (corpus := own_corpus(folder)) is not None]
    if not known:
        raise ConfigError("there is nothing to measure on", remedy="give --data FILE or --corpus NAME")
    digests = [data_digests(corpus).get(split) for _, corpus in known]
    if len(set(digests)) > 1:
        sizes = " and ".join(f"{len(corpus.splits.get(split, ()))} in {folder}" for folder, corpus in known)
        raise ConfigError(
            f"the two runs do not have the same {split} rows ({sizes}), so their scores cannot be paired",
            remedy="give rows for both: --data FILE, or --corpus NAME --split test",
        )
    return known[0][1]
