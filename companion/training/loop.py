"""The loop. Every method of this book runs through it, and none of them changes it.

A run is a walk over (epoch, update). At each place the batch source says which rows form the update, the objective
says what is minimised, and the adaptation has said what is trainable. The rest of this file is what must be the same
for all of them: exact accumulation, a finite gradient, one step, and a checkpoint that can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, suppress
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from companion.errors import ObjectiveError
from companion.training.agreement import PieceTooLarge, StopAsked, agree
from companion.training.checkpoint import read_checkpoint
from companion.training.config import TrainConfig
from companion.training.gradients import Gradient, accumulate_gradient, check_finite
from companion.training.judgement import Evaluator, check_evaluation, evaluate_model, evaluation_due, judge
from companion.training.memory import fetch, fetch_smaller
from companion.training.optimizer import Named, schedule_factor, set_learning_rate
from companion.training.outcome import Run
from companion.training.parallel import connected
from companion.training.parts import Parts, prepare
from companion.training.pieces import rows_of
from companion.training.progress import Progress
from companion.training.saving import resume, save, stop
from companion.training.sharding import is_sharded
from companion.training.signals import undisturbed
from companion.training.state import State, restore_weights

if TYPE_CHECKING:
    from torch import nn

    from companion.encoding.contract import BatchSource
    from companion.objectives.contract import Batch, Objective

MOST_OVERFLOWS = 40


def train(
    model: nn.Module,
    batches: BatchSource | Iterable[Mapping[str, Any]],
    objective: Objective | Callable[[nn.Module, Mapping[str, Any]], torch.Tensor],
    config: TrainConfig | None = None,
    *,
    evaluate: Evaluator | None = None,
    run_dir: str | Path | None = None,
    log: Callable[[int, Mapping[str, float]], None] | None = None,
    say: Callable[[str], None] = print,
) -> Run:
    """Train a model and return the run, with the best weights where there is an evaluation.

    `model` is any `nn.Module`, `batches` a `BatchSource` or any sized iterable of tensor dictionaries. `objective` is a
    function `(model, batch) -> loss`, summed over the batch's rows, or any object with `weights`, `counts` and
    `__call__`, which is given the batch by its parts, `{"labelled": {name: tensor}}`. With `run_dir`, the run is
    checkpointed there, and the same call resumes it: with the same versions and threads on the same kind of machine,
    the result is bit for bit that of a run that was never stopped (a GPU needs deterministic kernels for that).
    `log(step, values)` receives every update and evaluation; `say` receives the few lines meant for people.

    With `run_dir`, SIGTERM, SIGHUP and the first Ctrl-C (or the stop button of a notebook) stop the run where nothing
    is half done: the last complete update is saved, and the process ends with exit code 143, 129 or 130. Where memory
    is too short, the update is tried again in smaller pieces.

    Under `torchrun` or `accelerate launch` every process calls this with the same arguments. In a notebook, so does a
    function given to `accelerate.notebook_launcher(function, num_processes=2)`, before anything is trained there.

    Raises:
        ConfigError: a setting cannot be used here.
        DataError, ObjectiveError: a batch, its labels or the loss are not what they must be; the message names rows.
        CheckpointError: the run folder belongs to another run or process, or holds no checkpoint that is whole.
        NonFiniteError: a loss or gradient stopped being a number; no step was taken.
        MemoryLimitError: a single row does not fit in memory.
        ProcessError: another process of the run failed or is gone.
        Stopped, Interrupted: a signal stopped the run; they are a `SystemExit` and a `KeyboardInterrupt`.

    Taught in: book/walkthroughs/train-a-tagger
    """
    check_evaluation(evaluate, config or TrainConfig())
    say = undisturbed(say)
    with connected(), closing(prepare(model, batches, objective, config or TrainConfig(), run_dir)) as parts:
        config, leads = parts.settings.config, parts.processes.leads
        state, notes = resume(parts)
        for line in filter(None, (parts.settings.describe(), *notes)) if leads else ():
            say(line)
        bar = Progress(parts.total, state.step, show=config.progress, leads=leads)
        best: dict[str, dict[str, torch.Tensor]] = {}
        reports: list[dict[str, float]] = []
        parts.model.train()
        try:
            while not state.finished or evaluation_due(state, evaluate, config):
                epoch_ends = False
                # An evaluation that a signal broke off is made up for before the next update.
                if not evaluation_due(state, evaluate, config):
                    reports.append(_take_step(parts, state))
                    epoch_ends = state.advance(reports[0], parts.source.updates(state.epoch), parts.total)
                    bar.update(reports[0]["loss"], reports[0]["learning_rate"])
                evaluated = evaluation_due(state, evaluate, config)
                if evaluated:
                    reports.append(_evaluate(parts, evaluate, state))
                    if judge(state, reports[-1], evaluate, config) and parts.store is None:
                        best = parts.copied()
                    state.finished |= config.patience is not None and state.waited >= config.patience
                # Saved at every evaluation, so that the best weights are always one of the checkpoints.
                if state.finished or evaluated or epoch_ends or _due(state.step, config.checkpoint_every):
                    save(parts, state)
                _report(log, state.step, reports, leads)
                reports = []
            agree(StopAsked() if parts.stopping(False) else None, parts.processes, parts.settings.device)
        except StopAsked:
            _report(log, state.step, reports, leads)
            raise stop(parts, state, say) from None
        finally:
            bar.close()
        return _finish(parts, state, best, notes)


def _take_step(parts: Parts, state: State) -> dict[str, float]:
    """One update: gradient over all its pieces, one clipped and finite step, cleared gradients; returns its row."""
    config = parts.settings.config
    window = parts.source.window(state.epoch, state.update)
    factor = schedule_factor(state.step, parts.total, schedule=config.schedule, warmup=config.warmup)
    set_learning_rate(parts.optimizer, config.learning_rate * factor)
    half = config.precision == "fp16"
    batches = fetch(parts, state)
    for _ in range(MOST_OVERFLOWS):
        gradient = _gradient_at(parts, batches, state, state.scale if half else 1.0)
        parts.tables.settle()
        norm = _clip(parts.named, config.clip_norm, state.scale if half else 1.0)
        if not half or norm < float("inf") or not isfinite(gradient.loss):
            break
        # fp16 alone: the scaled gradient left the range, so the same rows are tried again at half the scale.
        state.overflowed()
        parts.clear_gradients()
    for name in gradient.empty:
        state.empty_terms[name] = state.empty_terms.get(name, 0) + 1
    if gradient.terms:
        check_finite(gradient, norm, window, state.step + 1)
        parts.optimizer.step()
        if half:
            state.fitted()
        after_step = getattr(parts.adaptation, "after_step", None)
        if after_step is not None:
            after_step(parts.model, state.step + 1, parts.total)
    else:
        state.empty_updates += 1
    parts.clear_gradients()
    rate = config.learning_rate * factor
    return {"loss": gradient.loss, "learning_rate": rate, "gradient_norm": norm, **gradient.terms}


def _gradient_at(parts: Parts, batches: list[Batch], state: State, scale: float) -> Gradient:
    while True:
        try:
            with parts.tables.by_rows():
                return accumulate_gradient(
                    parts.model,
                    parts.objective,
                    batches,
                    parts.named,
                    settings=parts.settings,
                    processes=parts.processes,
                    place=(state.epoch, state.update),
                    scale=scale,
                    stopping=parts.stopping,
                )
        except PieceTooLarge as shortage:
            failed = shortage.index
            # The traceback holds the frame that holds the graph of the piece.
            shortage.with_traceback(None)
        except ObjectiveError as error:
            rows = "; ".join(rows_of(parts.source.window(state.epoch, state.update)))
            raise ObjectiveError(f"update {state.step + 1}, {rows}: {error.problem}", remedy=error.remedy) from error
        batches[:] = fetch_smaller(parts, state, failed)


def _clip(named: Named, longest: float | None, scale: float) -> float:
    """Undo the fp16 scale, shorten the gradient to `longest`, and return the length it had."""
    gradients = [parameter.grad for _, parameter in named if parameter.grad is not None]
    if not gradients:
        return 0.0
    if scale != 1.0:
        torch._foreach_mul_(gradients, 1.0 / scale)
    norm = torch.nn.utils.get_total_norm(gradients)
    norm = float(norm.full_tensor() if is_sharded(named) else norm)
    if longest is not None and longest < norm < float("inf"):
        torch._foreach_mul_(gradients, longest / norm)
    return norm


def _due(step: int, every: int | None) -> bool:
    return every is not None and step % every == 0


def _evaluate(parts: Parts, evaluate: Evaluator, state: State) -> dict[str, float]:
    """Evaluate on every process, and take the numbers of the first."""
    values, met = {}, None
    try:
        config = parts.settings.config
        values = evaluate_model(
            parts.model, evaluate, config, state.step, lambda: parts.shards is None and parts.stopping(False)
        )
    except (Exception, StopAsked) as caught:
        if parts.shards is not None:
            # The others wait in a pass of the split model, and not where all of them could agree.
            raise
        met = caught
    agree(met, parts.processes, parts.settings.device)
    return parts.processes.share(values)


def _report(
    log: Callable[[int, Mapping[str, float]], None] | None, step: int, reports: list[dict[str, float]], leads: bool
) -> None:
    for values in reports if log is not None and leads else ():
        # A pipe that nobody reads any more is no reason to lose a run.
        with suppress(BrokenPipeError):
            log(step, values)


def _finish(parts: Parts, state: State, best: dict[str, dict[str, torch.Tensor]], notes: list[str]) -> Run:
    """Put the best weights into the model (and the objective, where it has some) and gather what the run leaves."""
    store, (model, _, named) = parts.store, parts.gathered()
    folders = {}
    if store is not None:
        folders = {"last": store.path(state.step), "best": store.path(state.best_step or state.step)}
        if state.best_step not in (None, state.step):
            best = read_checkpoint(folders["best"])[0]
    if best:
        restore_weights(best, model, named)
    notes = [*notes, *state.remarks()]
    return Run(
        model=model.eval(),
        config=parts.settings.config,
        reasons=parts.settings.reasons,
        history=state.updates,
        evaluations=state.evaluations,
        steps=state.step,
        best_step=state.best_step,
        best_value=state.best_value,
        notes=tuple(notes),
        **folders,
    )
