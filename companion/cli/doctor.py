"""`companion doctor`: a second opinion on a saved model and its files, or on a script or notebook that trains one."""

from __future__ import annotations

import re
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.output import plain, say
from companion.cli.run_columns import as_in_training
from companion.cli.source import Source
from companion.errors import CompanionError, ConfigError, DataError, ModelError

if TYPE_CHECKING:
    from companion.doctor.findings import Report

PROBES = (
    "do-nothing baselines",
    "padding in the logits",
    "test rows in train",
    "contradictory labels",
    "classes in every split",
    "words without pieces",
    "label names",
    "best checkpoint",
    "pickles",
    "digits of the score",
)
"""What a folder and files can be asked; the other probes need the code that trains."""
OPTIONS = {"train": "--data", "dev": "--dev", "test": "--test", "score": "--score"}
"""How the command calls what Python hands over as an argument."""
WITHOUT_ROWS = "no labelled rows were given (--data, --dev or --test)"
CODE = (".py", ".ipynb")
ROWS = 64
"""Rows on which the saved model is tried."""


def examine(
    folder: Path,
    files: dict[str, Path | None],
    *,
    options: dict[str, Any],
    score: str | None,
    fail_on: str,
    as_json: bool,
    github: bool,
) -> int:
    """Print the report on a saved model and its files, or on code that is read and not run.

    The exit code is 1 where something as bad as `fail_on` is found.

    Raises:
        ConfigError: two output forms are asked for, there is no such severity, or files are given beside code.
        DataError: a file cannot be read as asked.
        ModelError: there is no such folder.
    """
    from companion.doctor.findings import SEVERITIES

    if fail_on not in SEVERITIES:
        raise ConfigError(f"--fail-on is {fail_on!r}", remedy=f"choose one of {', '.join(SEVERITIES)}")
    if as_json and github:
        raise ConfigError("--json and --github are both given", remedy="choose one")
    if folder.suffix in CODE:
        return _show(_read(folder, files, score), None, fail_on=fail_on, as_json=as_json, github=github)
    if not folder.is_dir():
        raise ModelError(
            "there is no such folder", file=folder, remedy="name a saved model's folder, a .py, or an .ipynb file"
        )
    if score is not None and not _is_share(score):
        raise ConfigError(f"--score is {score}", remedy="write a share of 1, as in 0.9670, also for 96.7 %")
    given = {name: Source(train=path, **options) for name, path in files.items() if path is not None}
    rows = {name: as_in_training(source, folder).load_one() for name, source in given.items()}
    pinned = next((str(path) for path in files.values() if path is not None), None)
    return _show(_report(folder, rows, score), pinned, fail_on=fail_on, as_json=as_json, github=github)


def _show(report: Report, pinned: str | None, *, fail_on: str, as_json: bool, github: bool) -> int:
    if as_json:
        print(report.to_json())
    elif github:
        print("\n".join(map(plain, report.annotations(pinned))) or f"::notice::{plain(report.summary)}")
    else:
        print(plain(str(report)))
    return int(report.fails(fail_on))


def _read(path: Path, files: dict[str, Path | None], score: str | None) -> Report:
    """The report on code, which takes nothing else."""
    from companion.doctor import read_code

    given = [name for name, file in files.items() if file is not None] + ["score"] * (score is not None)
    if given:
        option = "data" if given[0] == "train" else given[0]
        raise ConfigError(
            f"--{option} is given with {path.name}, which is read and not run",
            remedy="leave it out, or name the folder of the saved model",
        )
    return read_code(path)


def _report(folder: Path, rows: dict[str, Any], score: str | None) -> Report:
    from companion.doctor import doctor

    folder = _inner(folder)
    given, untried = _opened(folder, rows)
    return spoken(doctor(only=PROBES, folder=folder, score=score, **rows, **given), untried)


def spoken(report: Report, untried: str) -> Report:
    """The report with the command's options in the place of Python's arguments; `untried` says why no row was tried."""
    instead = {
        "no metric was given (metric=)": WITHOUT_ROWS,
        "no loader was given (loader=)": untried,
        "the tags are numbers, and their names are not known (labels=)": "the tags of the file are numbers, not names",
    }

    def said(reason: str) -> str:
        named = re.sub(r"\b(\w+)=(?=\)| or )", lambda found: OPTIONS.get(found[1], found[0]), reason)
        return instead.get(reason, named)

    return replace(report, not_checked=tuple(replace(one, reason=said(one.reason)) for one in report.not_checked))


def _is_share(score: str) -> bool:
    try:
        return 0 <= float(score) <= 1
    except ValueError:
        return False


def _inner(folder: Path) -> Path:
    """The model of the run that a folder is or lies in, as every other command takes it; any other folder itself.

    Raises: ConfigError for checkpoints without a model: "nothing found" there would pass for a clean bill.
    """
    from companion.recipes.story import MODEL_FOLDER

    if (folder / "config.json").is_file():
        return folder
    run = next((place for place in (folder, *folder.parents[:2]) if any(place.glob("checkpoints/step-*"))), folder)
    if (run / MODEL_FOLDER / "config.json").is_file():
        say(f"{run} is a run; its model is looked at: {run / MODEL_FOLDER}")
        return run / MODEL_FOLDER
    if any(run.glob("checkpoints/step-*")):
        raise ConfigError(
            f"{run} is a run that has checkpoints and no model yet",
            remedy=f"finish it with the same command: its model is then in {run / MODEL_FOLDER}",
        )
    return folder


def _opened(folder: Path, rows: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The model of the folder with rows to try it on and the usual metric, and why it is tried on none, if it is not.

    What cannot be opened is left out.
    """
    from companion.corpora.records import Sentence

    tagged = any(isinstance(split[0], Sentence) for split in rows.values())
    given: dict[str, Any] = {"metric": entity_f1 if tagged else accuracy} if rows else {}
    try:
        task, model = _load(folder)
    except CompanionError as error:
        say(f"the model is not opened: {error.problem}")
        return given, "the model could not be opened"
    given |= {"model": model, "tokenizer": task.encoder.tokenizer}
    tried = next((list(rows[name])[:ROWS] for name in ("test", "dev", "train") if name in rows), [])
    if tried and (task.name == "tokens") != tagged:
        wanted, there = ("tagged words", "labelled texts")[:: 1 if task.name == "tokens" else -1]
        say(f"the model is not tried on the rows: it is for {wanted}, and these are {there}")
        return given, f"the model is for {wanted}, and the rows are {there}"
    fitting = [row for row in tried if _fits(row, task)]
    if tried and not fitting:
        return given, "no row has only labels that the model knows"
    if fitting:
        given["loader"] = task.batches(fitting, batch_size=16, order="random")
    return given, WITHOUT_ROWS


def _load(folder: Path) -> Any:
    from companion.tasks.folder import kind_of
    from companion.tasks.texts import TextTask
    from companion.tasks.tokens import TokenTask

    return (TextTask if kind_of(folder) == "texts" else TokenTask).load(folder)


def _fits(row: Any, task: Any) -> bool:
    """Whether the model can be tried on a row: it knows each of its labels, or the label is the number it learns."""
    from companion.corpora.texts import label_parts

    kind = getattr(task.settings, "kind", "tags")
    if kind == "regression":
        return _is_number(row.label)
    own = row.tags if kind == "tags" else label_parts(row.label) if kind == "multi" else (row.label,)
    return set(own) <= set(task.labels)


def _is_number(label: str) -> bool:
    try:
        return isfinite(float(label))
    except ValueError:
        return False


def entity_f1(gold: list[list[str]], predicted: list[list[str]]) -> float:
    """Strict micro F1 over entities, 0 where there is nothing to count."""
    from companion.evaluation.entities import score_entities

    return score_entities(gold, predicted, bootstrap=0).micro.f1 or 0.0


def accuracy(gold: list[str], predicted: list[str]) -> float:
    """The share of equal labels.

    Raises:
        DataError: there is no label.
    """
    if not gold:
        raise DataError("there is no label to score")
    return sum(map(str.__eq__, gold, predicted)) / len(gold)
