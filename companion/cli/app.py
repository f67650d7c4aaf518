"""The commands and their options; each imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program.")]
TRAIN_HELP = "A file of your own to train on: CoNLL, CSV, or JSONL (told by its ending, or by --format)."
BASE_HELP = "Of an adapter alone: the model folder it was trained on, where that is a local one."
FORMAT_HELP = "auto, conll, csv, or jsonl."
TASK_HELP = "tokens (words with tags), text (texts with labels), or auto: told by the columns."


class Split(StrEnum):
    """The splits a report can be made on."""

    train = "train"
    dev = "dev"
    test = "test"


def build_app() -> typer.Typer:
    """The application with all its commands."""
    app = typer.Typer(
        name="companion",
        help="Fine-tune encoders on your own labelled text. The book: Supervised Fine-Tuning, Executed.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for command in (corpora, train, tune, evaluate, compare, predict, export, audit, experiments):
        app.command()(command)
    return app


def corpora(
    name: Annotated[str | None, typer.Argument(help="Describe this corpus: counts, types, overlaps, repairs.")] = None,
    report: Annotated[bool, typer.Option("--report", help="How good the book's own corpora are.")] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="With --report: measure the models again (about 20 minutes on two cores).")
    ] = False,
    as_json: JSON = False,
) -> None:
    """List the corpora that have a name, describe one, or report on the book's own."""
    from companion.cli.corpora import list_corpora, show_corpus

    if report or retrain:
        from companion.cli.corpus_report import report_corpora

        return report_corpora(retrain=retrain, as_json=as_json)
    list_corpora(as_json=as_json) if name is None else show_corpus(name, as_json=as_json)


def train(
    out: Annotated[Path, typer.Option(help="The run folder: checkpoints, the exported model, run.json.")],
    corpus: Annotated[str | None, typer.Option(help="A corpus by name (see: companion corpora).")] = None,
    train: Annotated[Path | None, typer.Option(help=TRAIN_HELP)] = None,
    dev: Annotated[Path | None, typer.Option(help="The file to choose the best weights with.")] = None,
    test: Annotated[Path | None, typer.Option(help="The file to evaluate on later.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    task: Annotated[str, typer.Option(help=TASK_HELP)] = "auto",
    columns: Annotated[
        str | None,
        typer.Option(help="Names or numbers: text=review,label=stars; word=token,tag=label,sentence=id; word=0,tag=3."),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Labels of a text: single, multi (joined by |), or regression (a number).")
    ] = None,
    pooling: Annotated[
        str | None, typer.Option(help="What reads a text: mean of its pieces, or cls (opens with pipeline).")
    ] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help="Repair tags that break the scheme, and count them.")] = False,
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
    """Train a tagger or a text classifier. The same command again resumes a run that was cut off, bit for bit."""
    from companion.cli.source import Source
    from companion.cli.train import train_model

    read = {"format": format, "task": task, "columns": columns, "scheme": scheme, "repair": repair}
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
    if recipe is not None or text is not None:
        from companion.cli.hybrid import train_hybrid

        mix = {"recipe": recipe, "text": text, "schedule": schedule, "weight": weight, "method": method}
        train_hybrid(
            source, mix, out=out, model=model, settings=settings, task_options=task_options, batch_size=batch_size,
            as_json=as_json,
        )  # fmt: skip
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
    repair: Annotated[bool, typer.Option(help="Repair tags that break the scheme, and count them.")] = False,
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


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    split: Annotated[Split, typer.Option(help="Which split of the run's own corpus.")] = Split.test,
    corpus: Annotated[str | None, typer.Option(help="Another corpus, by name.")] = None,
    data: Annotated[Path | None, typer.Option(help="Another labelled file.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train.")] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help="Repair tags that break the scheme, and count them.")] = False,
    lenient: Annotated[bool, typer.Option(help="Count ill-formed entities by conlleval's rules.")] = False,
    errors: Annotated[int, typer.Option(help="Show this many sentences of each kind of error.")] = 0,
    base: Annotated[str | None, typer.Option(help=BASE_HELP)] = None,
    as_json: JSON = False,
) -> None:
    """Score a tagger by entity F1, a classifier by accuracy and macro F1: 95 % intervals, each label, the errors."""
    from companion.cli.evaluate import evaluate_model
    from companion.cli.source import Source

    source = Source(corpus=corpus, train=data, format=format, columns=columns, scheme=scheme, repair=repair)
    evaluate_model(folder, source, base=base, split=split.value, strict=not lenient, errors=errors, as_json=as_json)


def compare(
    a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder, or an exported model.")],
    b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one, for the same labels.")],
    split: Annotated[Split, typer.Option(help="Which split of the runs' own corpus.")] = Split.test,
    corpus: Annotated[str | None, typer.Option(help="Another corpus, by name.")] = None,
    data: Annotated[Path | None, typer.Option(help="Another labelled file.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train.")] = None,
    as_json: JSON = False,
) -> None:
    """Compare two runs on the same rows: both scores, the difference with its interval, a test, and one sentence."""
    from companion.cli.compare import compare_runs
    from companion.cli.source import Source

    source = Source(corpus=corpus, train=data, format=format, columns=columns)
    compare_runs(a, b, source, split=split.value, as_json=as_json)


def predict(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    text: Annotated[list[str] | None, typer.Argument(help="Texts; without any, lines of standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read texts from this file, one a line.")] = None,
    base: Annotated[str | None, typer.Option(help=BASE_HELP)] = None,
    as_json: JSON = False,
) -> None:
    """Find entities in texts with offsets and scores, or give each its label; --json prints one object a line."""
    from companion.cli.predict import predict_texts

    predict_texts(folder, text or [], file, base=base, as_json=as_json)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    folder: Annotated[Path, typer.Argument(help="Where the plain transformers folder is written.")],
    as_json: JSON = False,
) -> None:
    """Write a run's best model as a plain transformers folder."""
    from companion.cli.predict import export_model

    export_model(run, folder, as_json=as_json)


def audit(
    report: Annotated[Path, typer.Argument(help="A text, Markdown, CSV or TSV file with a table, or - for input.")],
    total: Annotated[int | None, typer.Option(help="How many items should have been scored, if you know it.")] = None,
    as_json: JSON = False,
) -> None:
    """Find what no counts can make in a table of precision, recall, F1 and support; exit code 1 if there is any."""
    from companion.cli.audit import audit_report

    if audit_report(report, total=total, as_json=as_json):
        raise typer.Exit(1)


def experiments(
    name: Annotated[str | None, typer.Argument(help="Run this experiment.")] = None,
    profile: Annotated[str, typer.Option(help="fast (what a chapter runs) or full (writes the record).")] = "full",
    out: Annotated[Path | None, typer.Option(help="Where records are written; by default the book's own.")] = None,
    cell: Annotated[str, typer.Option(help="Only the cells whose names begin so, such as newsroom-lora-200-0.")] = "",
    as_json: JSON = False,
) -> None:
    """List the measured experiments with what is recorded, or run one; a run continues cell by cell."""
    from companion.cli.experiments import list_experiments, run_experiment

    if name is None:
        return list_experiments(out, as_json=as_json)
    run_experiment(name, profile, out, cell, as_json=as_json)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    return {name: value for name, value in options.items() if value is not None}
