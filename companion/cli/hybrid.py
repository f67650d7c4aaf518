"""`companion train --recipe hybrid`: labelled rows and unlabelled text, compared with plain fine-tuning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.dev_rows import describe_dev
from companion.cli.folders import check_out
from companion.cli.output import columns, emit, say
from companion.cli.train import describe_corpus
from companion.corpora.text import read_text, split_lines
from companion.errors import ConfigError, DataError
from companion.training.checkpoint import write_json

if TYPE_CHECKING:
    from companion.cli.source import Source

RESULT_FILE = "hybrid.json"


def train_hybrid(
    source: Source,
    mix: dict[str, Any],
    *,
    unused: dict[str, Any],
    out: Path,
    model: str,
    settings: dict[str, Any],
    task_options: dict[str, Any],
    batch_size: int | None,
    as_json: bool,
) -> None:
    """Run the recipe, export its model to `model/`, and print and keep how it compares on test.

    Raises:
        CompanionError: whatever is asked for cannot be done.
    """
    from companion.corpora.decontamination import decontaminate, held_out_rows
    from companion.recipes.hybrid import hybrid_fine_tune
    from companion.recipes.story import MODEL_FOLDER
    from companion.training.config import TrainConfig

    if mix["recipe"] != "hybrid":
        raise ConfigError(f"recipe is {mix['recipe']!r}", remedy="choose hybrid, and give it --text")
    if mix["text"] is None:
        raise ConfigError("the hybrid recipe has no text", remedy="name a file with --text, a sentence a line")
    for name in unused:
        raise ConfigError(
            f"the hybrid recipe, which trains everything and writes no log or story, has no use for --{name}",
            remedy=f"leave --{name} out",
        )
    check_out(out)
    texts = [line for line in split_lines(read_text(mix["text"])) if line.strip()]
    if not texts:
        raise DataError("there is no text", file=mix["text"], remedy="give a file with a sentence or paragraph a line")
    corpus = source.load()
    if not len(corpus.test):
        raise ConfigError("there is no test split to compare on", remedy="give --test")
    say(describe_corpus(corpus, task_options.get("kind", "single")))
    describe_dev(corpus, source, chooses="the best weights")
    say(f"{len(texts):,} lines of unlabelled text")
    leaked = len(decontaminate(texts, held_out_rows(corpus)).removals)
    if leaked:
        say(
            f"warning: {leaked:,} lines of the text are, or nearly hold, sentences of dev or test; the comparison "
            f"flatters hybrid (companion corpora --remove … --from {mix['text']} takes them out)"
        )
    found = hybrid_fine_tune(
        corpus,
        texts,
        TrainConfig(**settings),
        schedule=mix["schedule"],
        weight=mix["weight"],
        model=model,
        task_options=task_options,
        out=out,
        say=say,
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    folder = found.task.export(found.model, out / MODEL_FOLDER)
    document = {
        "model": str(folder),
        "schedule": mix["schedule"],
        "weight": mix["weight"],
        "unknown_pieces": found.unknown,
        "held_out_in_text": leaked,
        "stages": [
            {"name": stage.name, "what": str(stage), "updates": stage.run.steps, "word_pieces": stage.pieces}
            for stage in (*found.stages, found.plain)
        ],
        "comparison": found.comparison.to_dict(),
    }
    write_json(out / RESULT_FILE, document)
    emit(document, f"{found.to_text(columns())}\n\nmodel    {folder}", as_json=as_json)
