"""The commands and their options; each imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object for a program.")]
TRAIN_HELP = "A file of your own to train on: CoNLL, CSV, or JSONL (told by its ending, or by --format)."


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
    for command in (corpora, train, evaluate, predict, export, experiments):
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
    format: Annotated[str, typer.Option(help="auto, conll, csv, jsonl, or spans.")] = "auto",
    columns: Annotated[
        str | None, typer.Option(help="Column names or numbers: word=token,tag=label,sentence=id; word=0,tag=3.")
    ] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help="Repair tags that break the scheme, and count them.")] = False,
    model: Annotated[
        str, typer.Option(help='"offline", a local folder, or a Hub name such as bert-base-cased.')
    ] = "offline",
    method: Annotated[str, typer.Option(help="What is trained: full, head, or top:N layers.")] = "full",
    epochs: Annotated[int | None, typer.Option(help="How often every sentence is seen.")] = None,
    max_updates: Annotated[int | None, typer.Option(help="Stop after this many updates.")] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate; by default from the model's size.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows per update.")] = None,
    patience: Annotated[int | None, typer.Option(help="Stop after this many evaluations without improvement.")] = None,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Also save after this many updates; it is always saved at an epoch's end.")
    ] = None,
    max_length: Annotated[int | None, typer.Option(help="Word pieces per window.")] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, or fp16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, or mps.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides the head's first weights, the order of rows, and dropout.")] = 0,
    tensorboard: Annotated[Path | None, typer.Option(help="Also write TensorBoard events to this folder.")] = None,
    as_json: JSON = False,
) -> None:
    """Train a tagger. The same command again resumes a run that was cut off, bit for bit."""
    from companion.cli.train import Source, train_tagger

    source = Source(
        corpus=corpus, train=train, dev=dev, test=test, format=format, columns=columns, scheme=scheme, repair=repair
    )
    given = {
        "epochs": epochs,
        "max_updates": max_updates,
        "learning_rate": learning_rate,
        "patience": patience,
        "checkpoint_every": checkpoint_every,
    }
    train_tagger(
        source,
        out=out,
        model=model,
        method=method,
        settings={name: value for name, value in given.items() if value is not None}
        | {"precision": precision, "device": device, "seed": seed},
        batch_size=batch_size,
        max_length=max_length,
        tensorboard=tensorboard,
        as_json=as_json,
    )


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    split: Annotated[Split, typer.Option(help="Which split of the run's own corpus.")] = Split.test,
    corpus: Annotated[str | None, typer.Option(help="Another corpus, by name.")] = None,
    data: Annotated[Path | None, typer.Option(help="Another labelled file.")] = None,
    format: Annotated[str, typer.Option(help="auto, conll, csv, jsonl, or spans.")] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train.")] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help="Repair tags that break the scheme, and count them.")] = False,
    lenient: Annotated[bool, typer.Option(help="Count ill-formed entities by conlleval's rules.")] = False,
    errors: Annotated[int, typer.Option(help="Show this many sentences of each kind of error.")] = 0,
    as_json: JSON = False,
) -> None:
    """Score a tagger by entity F1, with its 95 % interval, per type, and by kind of error."""
    from companion.cli.evaluate import evaluate_tagger
    from companion.cli.train import Source

    source = Source(corpus=corpus, train=data, format=format, columns=columns, scheme=scheme, repair=repair)
    evaluate_tagger(folder, source, split=split.value, strict=not lenient, errors=errors, as_json=as_json)


def predict(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    text: Annotated[list[str] | None, typer.Argument(help="Texts; without any, lines of standard input.")] = None,
    file: Annotated[Path | None, typer.Option(help="Read texts from this file, one a line.")] = None,
    as_json: JSON = False,
) -> None:
    """Find entities in texts with offsets and scores, or give each its label; --json prints one object a line."""
    from companion.cli.predict import predict_texts

    predict_texts(folder, text or [], file, as_json=as_json)


def export(
    run: Annotated[Path, typer.Argument(help="A run folder.")],
    folder: Annotated[Path, typer.Argument(help="Where the plain transformers folder is written.")],
    as_json: JSON = False,
) -> None:
    """Write a run's best model as a plain transformers folder."""
    from companion.cli.predict import export_model

    export_model(run, folder, as_json=as_json)


def experiments(
    name: Annotated[str | None, typer.Argument(help="Run this experiment.")] = None,
    profile: Annotated[str, typer.Option(help="fast (what a chapter runs) or full (writes the record).")] = "full",
    out: Annotated[Path | None, typer.Option(help="Where records are written; by default the book's own.")] = None,
    as_json: JSON = False,
) -> None:
    """List the measured experiments with what is recorded, or run one; a run continues cell by cell."""
    from companion.cli.experiments import list_experiments, run_experiment

    if name is None:
        list_experiments(out, as_json=as_json)
    else:
        run_experiment(name, profile, out, as_json=as_json)
