"""`companion evaluate`: the report on a split or a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from companion.cli.output import emit, say
from companion.cli.train import Source
from companion.errors import ConfigError, DataError, ModelError
from companion.recipes.supervised import MODEL_FOLDER, RUN_FILE

if TYPE_CHECKING:
    from companion.corpora.records import Corpus, Sentence
    from companion.tasks.tokens import TokenTask


def model_folder(folder: Path) -> Path:
    """The exported model of a run folder, or the folder itself when it is one.

    Raises:
        ModelError: neither is there.
    """
    for candidate in (folder / MODEL_FOLDER, folder):
        if (candidate / "config.json").is_file():
            return candidate
    if (folder / "checkpoints").is_dir():
        raise ModelError("the run has not come to its end", file=folder, remedy="run the same train command again")
    raise ModelError("holds neither a run nor a model", file=folder, remedy="give the folder that train wrote to")


def evaluate_tagger(folder: Path, source: Source, *, split: str, strict: bool, errors: int, as_json: bool) -> None:
    """Print the report of a tagger on a split of its own corpus, of another one, or on a file.

    Raises:
        ConfigError: there is nothing to evaluate on.
        DataError: the data has entity types that the tagger does not know.
    """
    from companion.tasks.scoring import evaluate
    from companion.tasks.tokens import TokenTask

    task, model = TokenTask.load(model_folder(folder))
    own = _own_corpus(folder)
    if source.train is not None:
        sentences: Sequence[Sentence] = source.load_one()
    else:
        corpus = source.load() if source.corpus is not None else own
        if corpus is None:
            raise ConfigError("there is nothing to evaluate on", remedy="give --data FILE or --corpus NAME")
        if split not in corpus.splits:
            raise ConfigError(f"no split {split!r} here", remedy=f"choose one of {', '.join(corpus.splits)}")
        sentences = corpus.splits[split]
    _check_types(task, sentences)
    report = evaluate(model, task, sentences, train=None if own is None else own.train, strict=strict)
    emit(report.to_dict(), str(report), as_json=as_json)
    for kind in ("boundary", "type", "both", "missed", "spurious") if errors and not as_json else ():
        for example in report.examples(kind, errors):
            print(example)


def _own_corpus(folder: Path) -> Corpus | None:
    """The corpus a run was trained on, if it can still be read: it tells seen names from new ones."""
    path = folder / RUN_FILE
    if not path.is_file():
        return None
    try:
        origin = json.loads(path.read_text(encoding="utf-8"))["origin"]
        return Source(**origin).load()
    except (ValueError, KeyError, TypeError):
        return None
    except DataError as error:
        say(f"The training data cannot be read, so names are not told apart: {error}")
        return None


def _check_types(task: TokenTask, sentences: Sequence[Sentence]) -> None:
    known = set(task.labels)
    for sentence in sentences:
        for tag in sentence.tags:
            if tag not in known:
                raise DataError(
                    f"{sentence.source}: the tagger does not know the label {tag}; it knows {', '.join(task.labels)}",
                    remedy="evaluate on data with the same labels, or train with these",
                )
