"""The examination: take what was handed over, ask every probe, put everything back, and report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.doctor.findings import SEVERITIES, Finding, Healthy, Report, Unchecked
from companion.doctor.probe import CannotCheck, Probe
from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from companion.doctor.keeping import Keeper
    from companion.doctor.patient import Patient
    from companion.doctor.rows import Row

MOST_BATCHES = 200
DEFAULTS = {"accumulate": 1, "processes": 1, "metric_takes": "auto"}
FUNCTIONS = ("step", "loss", "window", "epoch", "evaluate", "metric")
METRIC_FORMS = ("auto", "tags", "grid", "flat", "eval_prediction")


def doctor(
    model: nn.Module | Any = None,
    loader: Iterable[Any] | None = None,
    *,
    step: Callable[..., Any] | None = None,
    loss: Callable[..., Any] | None = None,
    window: Callable[[Sequence[Any]], Any] | None = None,
    accumulate: int = 1,
    processes: int = 1,
    epoch: Callable[..., Any] | None = None,
    evaluate: Callable[..., Any] | None = None,
    metric: Callable[..., Any] | None = None,
    metric_takes: str = "auto",
    score: float | str | None = None,
    tokenizer: Any = None,
    train: Iterable[Any] | None = None,
    dev: Iterable[Any] | None = None,
    test: Iterable[Any] | None = None,
    labels: Sequence[str] | Mapping[int, str] | None = None,
    optimizer: Any = None,
    learning_rate: float | None = None,
    folder: str | Path | None = None,
    checkpoints: Mapping[str | Path, float] | None = None,
    fields: Mapping[str, str | int] | None = None,
    only: Sequence[str] | None = None,
) -> Report:
    """A second opinion on anyone's fine-tuning: what is wrong, measured, with the remedy and the page that explains it.

    Any part may be left out; what could not be checked without it is said. Nothing is trained, and model, optimiser,
    loader and random states are bit-identical afterwards, also after an exception.

    `model` is any `nn.Module`, or a Hugging Face `Trainer`, from which everything it holds is taken. `loader` gives
    batches: a `DataLoader`, a list, or a batch source of this package; at most 200 are read. `step(batch)` or
    `step(model, batch)` does what your loop does for one batch: forward, backward, optimiser step, clearing gradients.
    `loss(model, batch)` gives the mean loss. `accumulate` is how many batches make one update of your step; `window`
    does the forward and backward passes of one such update, where your loop is built that way. `processes` is how many
    share an update. `epoch(batches)` or `epoch(model, batches)` goes over a loader and gives its mean loss back.
    `evaluate(model)` is your evaluation.

    `metric(gold, predicted)` is called with lists of tags per sentence (`metric_takes="tags"`), with arrays of label
    numbers shaped like the labels of your batches ("grid"), with the same flattened ("flat"), or with one argument as
    the Trainer does ("eval_prediction"); "auto" tries them in this order. `score` is what you report, best as text:
    "0.9670". `train`, `dev` and `test` are labelled rows: sentences, `{"tokens": …, "ner_tags": …}`,
    `{"text": …, "label": …}`, or pairs. `labels` are the names in the order of their numbers. `folder` is the saved
    model, or the folder of its run; `checkpoints` gives the score of each checkpoint's folder, more is better, where no
    history of a known kind lies in it. `fields` names the parts of a batch where guessing fails:
    `{"ids": 0, "mask": 1, "labels": 2}`. `only` names the probes to ask.

    Raises:
        ConfigError: an argument is not of its kind, or a probe of that name does not exist.

    Taught in: book/engineering/a-second-opinion
    """
    from companion.doctor.keeping import Keeper
    from companion.doctor.trainer import is_trainer, parts_of

    given = {name: value for name, value in locals().items() if name not in ("Keeper", "is_trainer", "parts_of")}
    probes = _chosen(given.pop("only"))
    keeper = Keeper()
    try:
        if is_trainer(model):
            held = parts_of(given.pop("model"), keeper)
            stated = {name for name, value in given.items() if value is not None and value != DEFAULTS.get(name)}
            if "metric" in stated:
                held.pop("metric_takes", None)
            given |= {name: value for name, value in held.items() if name not in stated}
        _check(given)
        return report_of(admit(keeper, **given), probes)
    finally:
        keeper.restore()


def report_of(patient: Patient, probes: Iterable[Probe]) -> Report:
    """Ask every probe; one that fails has not checked, and says how it failed."""
    findings: list[Finding] = []
    healthy: list[Healthy] = []
    unchecked: list[Unchecked] = []
    for probe in probes:
        try:
            outcome = probe.examine(patient)
        except CannotCheck as reason:
            unchecked.append(Unchecked(probe=probe.name, reason=str(reason)))
        except Exception as error:  # whatever the code under examination raises
            told = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
            unchecked.append(Unchecked(probe=probe.name, reason=f"what was handed over raised {told}"))
        else:
            if isinstance(outcome, str):
                healthy.append(Healthy(probe=probe.name, measured=outcome, page=probe.page))
            else:
                findings += outcome
        finally:
            patient.keeper.restore()
    findings.sort(key=lambda finding: SEVERITIES.index(finding.severity))
    return Report(findings=tuple(findings), healthy=tuple(healthy), not_checked=tuple(unchecked))


def admit(keeper: Keeper, **given: Any) -> Patient:
    """A patient from the arguments of `doctor`: its state held, its first batches and its rows read."""
    from companion.doctor.calling import as_evaluation, as_step
    from companion.doctor.loading import batches_of
    from companion.doctor.patient import Patient
    from companion.doctor.reach import keep_reachable

    model, loader, names = given["model"], given["loader"], _names(given["labels"], given["model"])
    if model is not None:
        keeper.keep_module(model)
    optimizers = [one for one in _listed(given["optimizer"]) if one is not None]
    for one in optimizers:
        keeper.keep_optimizer(one)
    reached: list[object] = []
    for function in (given[name] for name in FUNCTIONS):
        reached += keep_reachable(keeper, function)
    optimizers += _others(optimizers, reached)
    patient = Patient(
        keeper=keeper,
        model=model,
        reached=reached,
        optimizers=[getattr(one, "optimizer", one) for one in optimizers],
        labels=names,
        score=None if given["score"] is None else str(given["score"]),
        folder=None if given["folder"] is None else Path(given["folder"]),
        step=None if given["step"] is None else as_step(given["step"], model),
        epoch=None if given["epoch"] is None else as_step(given["epoch"], model, "epoch"),
        **{
            name: given[name]
            for name in (
                "loss",
                "window",
                "accumulate",
                "processes",
                "checkpoints",
                "metric",
                "metric_takes",
                "tokenizer",
            )
        },
        evaluate=None if given["evaluate"] is None else as_evaluation(given["evaluate"]),
        learning_rate=given["learning_rate"],
        fields=given["fields"],
    )
    patient.rows, patient.unreadable = _rows(given, names)
    if loader is not None:
        device = next((parameter.device for parameter in patient.parameters), "cpu")
        try:
            read = list(batches_of(loader, MOST_BATCHES + 1, device, keeper))
            patient.batches, patient.every_batch = read[:MOST_BATCHES], len(read) <= MOST_BATCHES
            patient.no_batches = "the loader holds no batch"
        except CannotCheck as reason:
            patient.no_batches = str(reason)
        except Exception as error:  # whatever a data set raises
            patient.no_batches = f"the loader raised {type(error).__name__}: {error}"
        keeper.restore()
    return patient


def _rows(given: Mapping[str, Any], names: Sequence[str]) -> tuple[dict[str, list[Row]], dict[str, str]]:
    from companion.doctor.rows import read_rows

    rows: dict[str, list[Row]] = {}
    unreadable: dict[str, str] = {}
    for split in ("train", "dev", "test"):
        if given[split] is not None:
            try:
                rows[split] = read_rows(given[split], names)
            except CannotCheck as reason:
                unreadable[split] = str(reason)
    return rows, unreadable


def _names(labels: Any, model: Any) -> tuple[str, ...]:
    """The label names: those given, or those of the model's configuration where somebody has named them."""
    if labels is not None:
        return tuple(labels[key] for key in sorted(labels)) if isinstance(labels, Mapping) else tuple(labels)
    known = getattr(getattr(model, "config", None), "id2label", None) or {}
    names = tuple(str(known[key]) for key in sorted(known))
    return () if all(name == f"LABEL_{number}" for number, name in enumerate(names)) else names


def _listed(thing: Any) -> list[Any]:
    return list(thing) if isinstance(thing, list | tuple) else [thing]


def _others(known: list[Any], reached: Iterable[object]) -> list[Any]:
    """Optimisers among the objects that a step can reach."""
    import torch

    return [
        thing
        for thing in reached
        if isinstance(thing, torch.optim.Optimizer) and not any(thing is one for one in known)
    ]


def _chosen(only: Sequence[str] | None) -> list[Probe]:
    from companion.doctor.probes import PROBES

    if only is None:
        return list(PROBES)
    names = {probe.name: probe for probe in PROBES}
    unknown = [name for name in only if name not in names]
    if unknown:
        raise ConfigError(f"there is no probe {unknown[0]!r}", remedy=f"choose among {', '.join(names)}")
    return [names[name] for name in only]


def _check(given: Mapping[str, Any]) -> None:
    """Refuse arguments that are not of their kind.

    Raises:
        ConfigError: naming the argument.
    """
    import torch

    if given["model"] is not None and not isinstance(given["model"], torch.nn.Module):
        raise ConfigError(f"model is a {type(given['model']).__name__}", remedy="give an nn.Module, or a Trainer")
    for name in FUNCTIONS:
        if given[name] is not None and not callable(given[name]):
            raise ConfigError(f"{name} is a {type(given[name]).__name__}", remedy="give a function")
    for name in ("accumulate", "processes"):
        count = given[name]
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ConfigError(f"{name} is {count!r}", remedy="give a whole number from 1")
    if given["metric_takes"] not in METRIC_FORMS:
        raise ConfigError(
            f"metric_takes is {given['metric_takes']!r}", remedy=f"choose one of {', '.join(METRIC_FORMS)}"
        )
