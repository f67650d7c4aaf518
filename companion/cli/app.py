"""The commands and their options; each imports what it needs when it runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from companion.cli.classroom import build_class_app
from companion.cli.options import BASE_HELP, ENCODING_HELP, FORMAT_HELP, JSON, PAIR_HELP, PRECISION_HELP, REPAIR_HELP
from companion.cli.training_commands import train, tune


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
    for command in (corpora, train, tune, evaluate, compare, predict, export, serve, doctor, audit, experiments):
        app.command()(command)
    app.add_typer(build_class_app(), name="class")
    return app


def corpora(
    name: Annotated[
        list[str] | None, typer.Argument(help="Describe this corpus: counts, types, overlaps, repairs.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="How good the book's own corpora are.")] = False,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="With --report: measure the models again (about 20 minutes on two cores).")
    ] = False,
    remove: Annotated[
        list[str] | None, typer.Option(help="Sentences to take out of --from: test-of NAME, dev-of NAME, or a file.")
    ] = None,
    source: Annotated[list[Path] | None, typer.Option("--from", help="The unlabelled text, a sentence a line.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where the rest is written, never over a file; by default beside the text.")
    ] = None,
    as_json: JSON = False,
) -> None:
    """List the corpora that have a name, describe one, report on the book's own, or clean a text of test sentences."""
    from companion.cli.corpora import list_corpora, refuse_names, show_corpus

    if remove or source or out is not None:
        from companion.cli.decontaminate import remove_from_text

        given = ["--report"] * report + ["--retrain"] * retrain
        return remove_from_text(remove or [], name or [], source or [], out, unused=given, as_json=as_json)
    if report or retrain:
        from companion.cli.corpus_report import report_corpora

        refuse_names(name or [])
        return report_corpora(retrain=retrain, as_json=as_json)
    if not name:
        return list_corpora(as_json=as_json)
    show_corpus(name, as_json=as_json)


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    split: Annotated[Split, typer.Option(help="Which split of the run's own corpus.")] = Split.test,
    corpus: Annotated[str | None, typer.Option(help="Another corpus, by name.")] = None,
    data: Annotated[Path | None, typer.Option(help="Another labelled file.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train; by default those of the run.")] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help=REPAIR_HELP)] = False,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "utf-8",
    lenient: Annotated[bool, typer.Option(help="Count ill-formed entities by conlleval's rules.")] = False,
    errors: Annotated[int, typer.Option(help="Show this many sentences of each kind of error.")] = 0,
    base: Annotated[str | None, typer.Option(help=BASE_HELP)] = None,
    as_json: JSON = False,
) -> None:
    """Score a tagger by entity F1, a classifier by accuracy and macro F1: 95 % intervals, each label, the errors."""
    from companion.cli.evaluate import evaluate_model
    from companion.cli.source import Source

    read = {"format": format, "columns": columns, "scheme": scheme, "repair": repair, "encoding": encoding}
    source = Source(corpus=corpus, train=data, **read)
    evaluate_model(folder, source, base=base, split=split.value, strict=not lenient, errors=errors, as_json=as_json)


def compare(
    a: Annotated[Path, typer.Argument(metavar="RUN_A", help="A run folder, or an exported model.")],
    b: Annotated[Path, typer.Argument(metavar="RUN_B", help="Another one, for the same labels.")],
    split: Annotated[Split, typer.Option(help="Which split of the runs' own corpus.")] = Split.test,
    corpus: Annotated[str | None, typer.Option(help="Another corpus, by name.")] = None,
    data: Annotated[Path | None, typer.Option(help="Another labelled file.")] = None,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train; by default those of the run.")] = None,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "utf-8",
    as_json: JSON = False,
) -> None:
    """Compare two runs on the same rows: both scores, the difference with its interval, a test, and one sentence."""
    from companion.cli.compare import compare_runs
    from companion.cli.source import Source

    source = Source(corpus=corpus, train=data, format=format, columns=columns, encoding=encoding)
    compare_runs(a, b, source, split=split.value, as_json=as_json)


def predict(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    text: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, or with -, lines of standard input.")
    ] = None,
    text_pair: Annotated[list[str] | None, typer.Option(help=PAIR_HELP)] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help='Texts, one a line; pairs as {"text": …, "text_pair": …}, conversations as {"messages": […]} a line.'
        ),
    ] = None,
    base: Annotated[str | None, typer.Option(help=BASE_HELP)] = None,
    precision: Annotated[str, typer.Option(help=PRECISION_HELP)] = "fp32",
    as_json: JSON = False,
) -> None:
    """Find entities in texts with offsets and scores, give each its label, or answer it; --json: one object a line."""
    from companion.cli.predict import predict_texts

    predict_texts(folder, text or [], file, seconds=text_pair or [], base=base, precision=precision, as_json=as_json)


def export(
    context: typer.Context,
    run: Annotated[Path, typer.Argument(help="A run folder, or an exported model.")],
    folder: Annotated[Path, typer.Argument(help="Where the exported folder is written.")],
    base: Annotated[str | None, typer.Option(help=BASE_HELP)] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write one ONNX file for onnxruntime.")] = False,
    precision: Annotated[str, typer.Option(help="With --onnx: int8 (smaller, quicker) or fp32.")] = "int8",
    data: Annotated[
        Path | None, typer.Option(help="With --onnx: labelled rows to compare on; by default the run's own dev split.")
    ] = None,
    max_f1_drop: Annotated[float, typer.Option(help="With --onnx: F1 that may be lost on these rows.")] = 0.01,
    min_agreement: Annotated[float, typer.Option(help="With --onnx: positions that must get the same label.")] = 0.98,
    as_json: JSON = False,
) -> None:
    """Write a run's best model as a plain transformers folder, or as an ONNX graph that still answers the same."""
    if onnx:
        from companion.cli.compress import export_graph

        bounds = {"f1_drop": max_f1_drop, "agreement": min_agreement}
        return export_graph(run, folder, data, base=base, precision=precision, bounds=bounds, as_json=as_json)
    from companion.cli.options import refuse_given
    from companion.cli.predict import export_model

    refuse_given(context, ("precision", "data", "max_f1_drop", "min_agreement"), without="--onnx")
    export_model(run, folder, base=base, as_json=as_json)


def serve(
    folder: Annotated[Path, typer.Argument(help="A run folder, or an exported model: torch or ONNX.")],
    model: Annotated[list[str] | None, typer.Option(help="Another model, as NAME=FOLDER.")] = None,
    adapter: Annotated[list[str] | None, typer.Option(help="An adapter alone, as NAME=FOLDER.")] = None,
    base: Annotated[str | None, typer.Option(help=BASE_HELP)] = None,
    host: Annotated[str, typer.Option(help="Listen here; one that others reach needs a token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes any that is free.")] = 8700,
    token_file: Annotated[
        Path | None, typer.Option(help="Who asks must send what this file holds; or set COMPANION_TOKEN.")
    ] = None,
    admin_token_file: Annotated[
        Path | None,
        typer.Option(help="Who replaces a model must send what this file holds; or set COMPANION_ADMIN_TOKEN."),
    ] = None,
    allow_host: Annotated[list[str] | None, typer.Option(help="A name under which the service may be asked.")] = None,
    workers: Annotated[int, typer.Option(help="Threads that compute.")] = 1,
    max_batch: Annotated[int, typer.Option(help="Texts that are computed at once.")] = 32,
    max_queue: Annotated[int, typer.Option(help="Texts that may wait; more get 503.")] = 512,
    deadline: Annotated[float, typer.Option(help="Seconds to an answer; what takes longer gets 504.")] = 10.0,
) -> None:
    """Answer texts over HTTP: batched, bounded, and bit for bit what `companion predict` says."""
    from companion.cli.serve import serve_models

    limits = {"host": host, "port": port, "workers": workers, "max_batch": max_batch, "max_queue": max_queue}
    limits |= {"deadline": deadline, "allowed_hosts": tuple(allow_host or ())}
    limits |= {"token_file": token_file, "admin_token_file": admin_token_file}
    serve_models(folder, model or [], adapter or [], base=base, **limits)


def audit(
    report: Annotated[Path, typer.Argument(help="A text, Markdown, CSV or TSV file with a table, or - for input.")],
    total: Annotated[int | None, typer.Option(help="How many items should have been scored, if you know it.")] = None,
    as_json: JSON = False,
) -> None:
    """Find what no counts can make in a table of precision, recall, F1 and support; exit code 1 if there is any."""
    from companion.cli.audit import audit_report

    if audit_report(report, total=total, as_json=as_json):
        raise typer.Exit(1)


def doctor(
    folder: Annotated[
        Path, typer.Argument(help="A saved model's folder; or a script or notebook, which is read and not run.")
    ],
    data: Annotated[Path | None, typer.Option(help="The labelled file it was trained on.")] = None,
    dev: Annotated[Path | None, typer.Option(help="The file its settings were chosen with.")] = None,
    test: Annotated[Path | None, typer.Option(help="The file it was measured on.")] = None,
    score: Annotated[str | None, typer.Option(help="The score you report, as you write it: 0.9670.")] = None,
    fail_on: Annotated[str, typer.Option(help="Exit with 1 from this on: error, warning, or note.")] = "error",
    github: Annotated[bool, typer.Option("--github", help="Print annotations for GitHub Actions.")] = False,
    format: Annotated[str, typer.Option(help=FORMAT_HELP)] = "auto",
    task: Annotated[str, typer.Option(help="tokens, text, or auto: by the columns of the files.")] = "auto",
    columns: Annotated[str | None, typer.Option(help="As for train; by default those of the run.")] = None,
    scheme: Annotated[str, typer.Option(help="auto, IOB1, IOB2, or BIOES.")] = "auto",
    repair: Annotated[bool, typer.Option(help=REPAIR_HELP)] = False,
    encoding: Annotated[str, typer.Option(help=ENCODING_HELP)] = "utf-8",
    as_json: JSON = False,
) -> None:
    """Look at a saved model and its files, or at training code, for what runs without an error and ruins the result."""
    from companion.cli.doctor import examine

    code = examine(
        folder,
        {"train": data, "dev": dev, "test": test},
        options={"format": format, "task": task, "columns": columns, "scheme": scheme}
        | {"repair": repair, "encoding": encoding},
        score=score,
        fail_on=fail_on,
        as_json=as_json,
        github=github,
    )
    if code:
        raise typer.Exit(code)


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
