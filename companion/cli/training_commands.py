"""`companion train` and `companion tune` with their options; each imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from companion.cli.options import (
    ENCODING_HELP,
    FORMAT_HELP,
    JSON,
    REPAIR_HELP,
    TASK_HELP,
    TRAIN_HELP,
    refuse_given,
)


def train(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The run folder: checkpoints, the exported model, run.json.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus by name (see: companion corpora).")] = None,
    train: Annotated[Path | None, typer.Option(help=TRAIN_HELP)] = None,
    dev: Annotated[Path | None, typer.Option(help="The file to choose the best weights with.")] = None,
    test: Annotated[Path | None, typer.Option(help="The file to evaluate on later.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    task: Annotated[str, typer.Option(help=TASK_HELP)] = "auto",
    columns: Annotated[
        str | None,
        typer.Option(
            help="Names or numbers: text=review,label=stars; text=premise,text_pair=hypothesis; "
            "word=token,tag=label,sentence=id; word=0,tag=3."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Labels of a text: single, multi (joined by |), or regression (a number).")
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="What reads a text: mean of its pieces, or cls (opens with pipeline).")
    ] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help=REPAIR_HELP)] = False,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "utf-8",
    model: Annotated[
        str, typer.Option(help='"offline", a local folder, or a Hub name such as bert-base-cased.')
    ] = "offline",
    method: Annotated[
        str,
        typer.Option(
            help="What is trained: full, head, top:2, bitfit, adapter:16, lora:8, adalora:4, prefix:16, prompt:16."
        ),
    ] = "full",
    epochs: Annotated[int | None, typer.Option(help="How often every sentence is seen.")] = None,
    max_updates: Annotated[int | None, typer.Option(help="Stop after this many updates.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate; by default from the model's size.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per update.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after this many evaluations without improvement.")] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Also save after so many updates, besides each epoch.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Word pieces per window, or of a text.")] = None,
    layer_decay: Annotated[float | None, typer.Option(help="Each layer's rate in that of the one above, 0.9.")] = None,
    activation_checkpointing: Annotated[bool, typer.Option(help="Less memory, more time, same result.")] = False,
    compile: Annotated[bool, typer.Option(help="Train through torch.compile.")] = False,
    sharding: Annotated[str, typer.Option(help="none, or full: weights are split over the processes.")] = "none",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, or fp16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides the head's first weights, the order of rows, and dropout.")] = 0,
    tensorboard: Annotated[Path | None, typer.Option(help="Also write TensorBoard events to this folder.")] = None,
    wandb: Annotated[str | None, typer.Option(help="Also log to this W&B project: offline, in the run folder.")] = None,
    language: Annotated[str | None, typer.Option(help="For the model card: the language of your texts, en.")] = None,
    licence: Annotated[str | None, typer.Option(help="For the model card: the model's licence, apache-2.0.")] = None,
    recipe: Annotated[str | None, typer.Option(help="hybrid: learn from unlabelled --text as well.")] = None,
    text: Annotated[Path | None, typer.Option(help="Unlabelled text, a sentence or paragraph a line.")] = None,
    schedule: Annotated[str, typer.Option(help="Of the hybrid recipe: joint, or sequence (text first).")] = "joint",
    weight: Annotated[float, typer.Option(help="Of the joint schedule: λ, the weight of the text.")] = 0.5,
    as_json: JSON = False,
) -> None:
    """Train a tagger, a text classifier or an answerer. The same command again resumes a cut-off run, bit for bit."""
    from companion.cli.source import Source
    from companion.cli.train import train_model

    if recipe is None:
        refuse_given(context, ("schedule", "weight"), without="--recipe hybrid")
    read = {"format": format, "task": task, "columns": columns, "scheme": scheme, "repair": repair}
    read["encoding"] = encoding
    source = Source(corpus=corpus, train=train, dev=dev, test=test, **read)
    given = {
        "epochs": epochs,
        "max_updates": max_updates,
        "learning_rate": learning_rate,
        "patience": patience,
        "checkpoint_every": checkpoint_every,
        "layer_decay": layer_decay,
    }
    ways = {"activation_checkpointing": activation_checkpointing, "compile": compile, "sharding": sharding}
    settings = _given(**given) | ways | {"precision": precision, "device": device, "seed": seed}
    task_options = _given(kind=kind, pooling=pooling, max_length=max_length)
    if task == "answers":
        from companion.cli.answers import train_answers

        others = _given(corpus=corpus, kind=kind, pooling=pooling, recipe=recipe, text=text, tensorboard=tensorboard)
        others |= _given(wandb=wandb, language=language, licence=licence) | ({"repair": True} if repair else {})
        others |= {name: value for name, value in (("format", format), ("scheme", scheme)) if value != "auto"}
        return train_answers(
            {"train": train, "dev": dev, "test": test},
            columns=columns,
            encoding=encoding,
            out=out,
            model=model,
            method=method,
            settings=settings,
            max_length=max_length,
            batch_size=batch_size,
            unused=others,
            as_json=as_json,
        )
    if recipe is not None or text is not None:
        from companion.cli.hybrid import train_hybrid

        train_hybrid(
            source,
            {"recipe": recipe, "text": text, "schedule": schedule, "weight": weight},
            unused=_given(tensorboard=tensorboard, wandb=wandb, language=language, licence=licence)
            | ({} if method == "full" else {"method": method}),
            out=out,
            model=model,
            settings=settings,
            task_options=task_options,
            batch_size=batch_size,
            as_json=as_json,
        )
        return
    train_model(
        source,
        out=out,
        model=model,
        method=method,
        settings=settings,
        task_options=task_options,
        batch_size=batch_size,
        about=_given(language=language, licence=licence),
        tensorboard=tensorboard,
        wandb=wandb,
        as_json=as_json,
    )


def tune(
    out: Annotated[Path, typer.Option(help="The search folder: plan.json, study.db, search.json, the winner's model.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus by name (see: companion corpora).")] = None,
    train: Annotated[Path | None, typer.Option(help=TRAIN_HELP)] = None,
    dev: Annotated[Path | None, typer.Option(help="The file that chooses the settings.")] = None,
    test: Annotated[Path | None, typer.Option(help="The file that is opened when the search has ended.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    task: Annotated[str, typer.Option(help=TASK_HELP)] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train.")] = None,
    kind: Annotated[str | None, typer.Option(help="As for train.")] = None,
    pooling: Annotated[str | None, typer.Option(help="As for train.")] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help=REPAIR_HELP)] = False,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "utf-8",
    space: Annotated[
        str | None,
        typer.Option(help="What is searched, such as learning_rate=1e-5..1e-3,epochs=2|4|8; by default a usual space."),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="How many settings are tried: 20, or the whole grid.")] = None,
    sampler: Annotated[str, typer.Option(help="tpe, random, or grid.")] = "tpe",
    prune: Annotated[str, typer.Option(help="When a trial is given up early: median, halving, or none.")] = "median",
    metric: Annotated[str | None, typer.Option(help="The dev score that decides; by default the task's own.")] = None,
    repeat: Annotated[int, typer.Option(help="Train the winner's settings again with this many new seeds.")] = 0,
    model: Annotated[str, typer.Option(help="As for train.")] = "offline",
    method: Annotated[
        str,
        typer.Option(
            help="What is trained: full, head, top:2, bitfit, adapter:16, lora:8, adalora:4, prefix:16, prompt:16."
        ),
    ] = "full",
    epochs: Annotated[int | None, typer.Option(help="As for train, where the space leaves it out.")] = None,
    max_updates: Annotated[int | None, typer.Option(help="Stop each trial after this many updates.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="As for train, where the space leaves it out.")] = None,
    batch_size: Annotated[int, typer.Option(help="Rows per update, where the space leaves it out.")] = 32,
    max_length: Annotated[int | None, typer.Option(help="Word pieces per window, or of a text.")] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, or fp16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides the settings that are tried and each trial's training.")] = 0,
    as_json: JSON = False,
) -> None:
    """Search settings on dev, then say how optimistic the winner's score is. The same command resumes a search."""
    from companion.cli.source import Source
    from companion.cli.tune import tune_settings

    source = Source(
        corpus=corpus,
        train=train,
        dev=dev,
        test=test,
        format=format,
        task=task,
        columns=columns,
        scheme=scheme,
        repair=repair,
        encoding=encoding,
    )
    given = {"epochs": epochs, "max_updates": max_updates, "learning_rate": learning_rate}
    tune_settings(
        source,
        out=out,
        space=space,
        method=method,
        settings=_given(**given) | {"precision": precision, "device": device},
        task_options=_given(kind=kind, pooling=pooling, max_length=max_length),
        trials=trials,
        sampler=sampler,
        prune=prune,
        metric=metric,
        repeat=repeat,
        model=model,
        batch_size=batch_size,
        seed=seed,
        as_json=as_json,
    )


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
