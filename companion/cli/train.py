"""`companion train`: from the options to a corpus, a configuration, and a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.cli.dev_rows import describe_dev
from companion.cli.folders import check_out
from companion.cli.output import emit, say
from companion.errors import ConfigError

if TYPE_CHECKING:
    from companion.adaptation.contract import Adaptation
    from companion.cli.source import Source
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.training.loggers import Log

SCORES = {
    "entity_f1": "entity F1",
    "macro_f1": "macro F1",
    "mean_squared_error": "mean squared error",
}
"""What chooses the best weights: of a tagger, a classifier, a regression."""


def train_model(
    source: Source,
    *,
    out: Path,
    model: str,
    method: str,
    settings: dict[str, Any],
    task_options: dict[str, Any],
    batch_size: int | None,
    about: dict[str, str],
    tensorboard: Path | None,
    wandb: str | None,
    as_json: bool,
) -> None:
    """Train, evaluate on dev as it goes, export the best weights, and say where everything is.

    Raises:
        CompanionError: whatever is asked for cannot be done; nothing is left half written.
    """
    from companion.recipes.supervised import MODEL_FOLDER, fine_tune
    from companion.tasks.folder import opens_with_pipeline
    from companion.training.config import TrainConfig

    config = TrainConfig(**settings)
    adaptation = read_method(method)
    check_out(out)
    corpus = source.load()
    say(describe_corpus(corpus, task_options.get("kind", "single")))
    describe_dev(corpus, source, chooses="the best weights")
    trackers = open_trackers(out, tensorboard, wandb)
    given = {"model": model, "method": method, **settings, **task_options, "batch_size": batch_size, **about}
    tuned = fine_tune(
        corpus,
        config,
        model=model,
        adaptation=adaptation,
        task_options=task_options,
        out=out,
        origin=source.to_json(),
        command=command_line(source, given, out),
        about=about,
        log=_narrate(trackers),
        say=say,
        **({} if batch_size is None else {"batch_size": batch_size}),
    )
    run, folder = tuned.run, out / MODEL_FOLDER
    metric = next((name for name in SCORES if any(name in row for row in run.evaluations)), "entity_f1")
    document = {
        "run": str(out),
        "model": str(folder),
        "task": tuned.task.name,
        "steps": run.steps,
        "best_step": run.best_step,
        f"dev_{metric}": run.best_value,
        "config": run.config.to_dict(),
        "reasons": run.reasons,
        "notes": list(run.notes),
    }
    best = "no dev split, so the last weights" if run.best_value is None else _score(metric, run.best_value)
    piped, pairs = opens_with_pipeline(tuned.task, folder), getattr(tuned.task.settings, "pairs", False)
    lines = [
        f"{run.steps} updates; {best}{f' at update {run.best_step}' if run.best_step else ''}",
        *run.notes,
        f"model    {folder}   (opens with {'transformers.pipeline' if piped else 'companion.load'})",
        f"measure  companion evaluate {out}{measured_on(corpus)}",
        f'use      companion predict {out} "Your text."' + (' --text-pair "Its second one."' if pairs else ""),
    ]
    emit(document, "\n".join(lines), as_json=as_json)


def measured_on(corpus: Corpus | TextCorpus) -> str:
    """What `companion evaluate` has to be told where the corpus has no test split."""
    return "" if corpus.test else " --split dev" if corpus.dev else " --data FILE"


def describe_corpus(corpus: Corpus | TextCorpus, kind: str) -> str:
    """The corpus as a table for people; `kind` says how the labels of texts are to be read.

    Raises:
        ConfigError: there is no such kind.
    """
    from companion.corpora.texts import TextCorpus
    from companion.tasks.targets import PROBLEMS

    if kind not in PROBLEMS:
        raise ConfigError(f"kind is {kind!r}", remedy=f"choose one of {', '.join(PROBLEMS)}")
    return corpus.describe(kind) if isinstance(corpus, TextCorpus) else corpus.describe()


def command_line(source: Source, given: dict[str, Any], out: Path) -> str:
    """The command that repeats the run, with the names of files and folders and not where they lie."""
    from companion.cli.source import Source
    from companion.training.config import TrainConfig

    usual = {**TrainConfig().to_dict(), "model": "offline", "method": "full"}
    words = ["companion", "train"]
    for name in ("corpus", "train", "dev", "test", "format", "task", "columns", "scheme", "repair", "encoding"):
        value = getattr(source, name)
        if value != getattr(Source(), name):
            value = Path(value).name if name in {"train", "dev", "test"} else value
            words += [f"--{name}"] if value is True else [f"--{name}", str(value)]
    for name, value in given.items():
        if value is not None and value != usual.get(name):
            value = Path(value).name if name == "model" and Path(value).exists() else value
            option = f"--{name.replace('_', '-')}"
            words += [option] if value is True else [option, str(value)]
    return shlex.join([*words, "--out", out.resolve().name])


def open_trackers(out: Path, tensorboard: Path | None, wandb: str | None) -> list[Log]:
    """The trackers that were asked for.

    Raises:
        MissingDependencyError: one of them is not installed.
    """
    from companion.training.loggers import tensorboard_log, wandb_log

    trackers = [] if tensorboard is None else [tensorboard_log(tensorboard)]
    if wandb is not None:
        trackers.append(wandb_log(project=wandb, name=out.resolve().name, dir=str(out)))
    return trackers


def _narrate(trackers: list[Log]) -> Log:
    """Say each evaluation on standard error, and pass everything on to the trackers."""

    def tell(step: int, values: dict[str, float]) -> None:
        for name in SCORES.keys() & values.keys():
            say(f"update {step}: {_score(name, values[name])}")
        for log in trackers:
            log(step, values)

    return tell


def _score(name: str, value: float) -> str:
    return f"dev {SCORES[name]} {value:.3f}"


METHODS = "full, head, top:LAYERS, bitfit, adapter:SIZE, lora:RANK, adalora:RANK, prefix:LENGTH, prompt:LENGTH"


def read_method(method: str) -> Adaptation:
    """What `--method` says is trained, such as "full" or "lora:8"; the number may be left out, but not that of `top`.

    Raises:
        ConfigError: it says nothing known.
    """
    from companion.adaptation import bottleneck, low_rank, methods, prompts

    plain = {"full": methods.Full, "head": methods.HeadOnly, "bitfit": methods.BitFit}
    sized = {
        "top": methods.TopLayers,
        "adapter": bottleneck.BottleneckAdapter,
        "lora": low_rank.LoRA,
        "adalora": _adaptive,
        "prefix": prompts.PrefixTuning,
        "prompt": prompts.PromptTuning,
    }
    kind, colon, size = method.partition(":")
    if kind in plain and not colon:
        return plain[kind]()
    if kind in sized and size.isdecimal():
        return sized[kind](int(size))
    if kind in sized and kind != "top" and not colon:
        return sized[kind]()
    raise ConfigError(f"method is {method!r}", remedy=f"choose {METHODS}")


def _adaptive(rank: int = 4) -> Adaptation:
    """AdaLoRA that starts with one and a half times the rank it is to leave, as in the paper."""
    from companion.adaptation.low_rank import AdaLoRA

    return AdaLoRA(rank=rank, start_rank=rank + (rank + 1) // 2)
