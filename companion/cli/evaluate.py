"""`companion evaluate`: the report on a split or a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.output import columns, emit, plain, say
from companion.cli.run_columns import as_in_training
from companion.cli.source import Source
from companion.errors import ConfigError, DataError, ExportError, ModelError
from companion.recipes.story import MODEL_FOLDER, add_result, read_story
from companion.recipes.tuning_plan import data_digests
from companion.tasks.folder import SETTINGS_FILE

if TYPE_CHECKING:
    from companion.corpora.records import Corpus, Sentence
    from companion.corpora.texts import Text, TextCorpus
    from companion.evaluation.classification import ClassificationReport
    from companion.evaluation.report import EntityReport
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask


def model_folder(folder: Path) -> Path:
    """The exported model of a run folder, or the folder itself when it is one.

    Raises:
        ModelError: neither is there.
    """
    for candidate in (folder / MODEL_FOLDER, folder):
        if any((candidate / name).is_file() for name in ("config.json", SETTINGS_FILE)):
            return candidate
    if (folder / "checkpoints").is_dir():
        raise ModelError("the run has not come to its end", file=folder, remedy="run the same train command again")
    raise ModelError("holds neither a run nor a model", file=folder, remedy="give the folder that train wrote to")


def evaluate_model(
    folder: Path, source: Source, *, base: str | None, split: str, strict: bool, errors: int, as_json: bool
) -> None:
    """Print the report of a tagger or classifier on a split of its own corpus, of another one, or on a file.

    What a run scores on its own corpus is also put down in the run folder and in the card of its model.

    Raises:
        ConfigError: there is nothing to evaluate on, or an option does not fit the model.
        DataError: the data has labels that the model does not know.
    """
    from companion.deployment.predictor import load
    from companion.tasks.scoring import evaluate

    predictor = load(model_folder(folder), base=base)
    task = predictor.task
    if task.name not in {"tokens", "texts"}:
        raise ModelError(
            "is a model that writes answers, which has no labels to count",
            file=folder,
            remedy="companion train --task answers scores it on --test; in Python, task.evaluator(pairs).report(model)",
        )
    own = own_corpus(folder)
    rows = rows_for(task, as_in_training(source, folder), own, split)
    options: dict[str, Any] = {}
    if task.name == "tokens":
        options = {"train": None if own is None else own.train, "strict": strict}
    elif not strict:
        raise ConfigError("--lenient is about entities, and this is a text classifier", remedy="leave it out")
    report = evaluate(predictor.model, task, rows, **options)
    if strict and own is not None and source.train is None and source.corpus is None:
        _put_down(folder, own, split, report)
    emit(report.to_dict(), report.to_text(columns()), as_json=as_json)
    if errors and not as_json:
        print_errors(report, rows, errors)


def _put_down(folder: Path, own: Corpus | TextCorpus, split: str, report: Any) -> None:
    """Keep the result in the run folder, unless the rows are not those that were there when it was trained."""
    known = read_story(folder).get("data", {}).get("digests", {})
    if known.get(split) not in (None, data_digests(own)[split]):
        say(f"The {split} rows have changed since the run was trained, so the result is not put down in its folder.")
        return
    try:
        add_result(folder, split, report)
    except (OSError, ExportError) as error:
        say(f"The result cannot be put down in the run folder: {error}")


def rows_for(
    task: TokenTask | TextTask, source: Source, own: Corpus | TextCorpus | None, split: str
) -> Sequence[Sentence] | Sequence[Text]:
    """What a model is measured on: a file, a split of a named corpus, or of the run's own.

    Raises:
        ConfigError: there is nothing, or no such split.
        DataError: it is not what the model is for, or has labels that the model does not know.
    """
    if source.train is not None:
        rows = replace(source, task={"tokens": "tokens", "texts": "text"}[task.name]).load_one()
    else:
        corpus = source.load() if source.corpus is not None else own
        if corpus is None:
            raise ConfigError("there is nothing to evaluate on", remedy="give --data FILE or --corpus NAME")
        if split not in corpus.splits:
            raise ConfigError(f"no split {split!r} here", remedy=f"choose one of {', '.join(corpus.splits)}")
        rows = corpus.splits[split]
    _check_labels(task, rows)
    return rows


def own_corpus(folder: Path) -> Corpus | TextCorpus | None:
    """The corpus a run was trained on, if it can still be read."""
    origin = read_story(folder).get("origin")
    if not origin:
        return None
    try:
        return Source(**origin).load()
    except TypeError:
        return None
    except DataError as error:
        say(f"The data of the run cannot be read: {error}")
        return None


def print_errors(
    report: EntityReport | ClassificationReport, rows: Sequence[Sentence] | Sequence[Text], most: int
) -> None:
    """Print that many examples of each kind of error: of entities, or of the confusions that are most frequent."""
    if hasattr(report, "examples"):
        for kind in ("boundary", "type", "both", "missed", "spurious"):
            for example in report.examples(kind, most):
                print(example)
    for gold, guess, number in report.confused() if hasattr(report, "confused") else ():
        print(plain(f"\n{gold} → {guess} ({number:,})"))
        pairs = zip(rows, report.gold, report.predicted, strict=True)
        for row in [row for row, right, said in pairs if (right, said) == (gold, guess)][:most]:
            print(plain(f"  {' | '.join(row.texts)}"))


def _check_labels(task: TokenTask | TextTask, rows: Sequence[Sentence] | Sequence[Text]) -> None:
    known, kind = set(task.labels), getattr(task.settings, "kind", "tags")
    for row in rows:
        if hasattr(row, "words") != (kind == "tags"):
            wanted, there = ("tagged words", "labelled texts") if kind == "tags" else ("labelled texts", "tagged words")
            raise DataError(
                f"{row.source}: the model is for {wanted}, and these are {there}",
                remedy="evaluate on data of its own kind",
            )
        for label in () if kind == "regression" else _labels_of(row, kind):
            if label not in known:
                raise DataError(
                    f"{row.source}: the model does not know the label {label}; it knows {', '.join(task.labels)}",
                    remedy="evaluate on data with the same labels, or train with these",
                )


def _labels_of(row: Any, kind: str) -> Sequence[str]:
    from companion.corpora.texts import label_parts

    return row.tags if kind == "tags" else label_parts(row.label) if kind == "multi" else (row.label,)
