"""One trial of a search: choose settings, train through the real loop, put down what came of it, tidy up."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from optuna import Study, TrialPruned
from optuna.study import StudyDirection
from optuna.trial import TrialState

from companion.errors import NonFiniteError
from companion.randomness import key
from companion.recipes.story import MODEL_FOLDER
from companion.recipes.supervised import fine_tune
from companion.recipes.tuning_outcome import Trial
from companion.recipes.tuning_study import DIVERGED, STEPS, Watch, choose, next_trial
from companion.training.checkpoint import Checkpoints, read_checkpoint
from companion.training.saving import STATE

if TYPE_CHECKING:
    from companion.adaptation.contract import Adaptation
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus
    from companion.recipes.supervised import FineTuned
    from companion.recipes.tuning_plan import Plan
    from companion.recipes.tuning_space import Space
    from companion.training.config import TrainConfig

TRIALS, CHECKPOINTS = "trials", "checkpoints"
SEEDS = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class Training:
    """What every trial of a search shares."""

    corpus: Corpus | TextCorpus
    """The corpus; a trial is given it without its test split."""
    config: TrainConfig
    """The settings that are not searched."""
    model: str
    """The encoder."""
    adaptation: Adaptation | None
    """What is trained."""
    batch_size: int
    """Rows per update, where that is not searched."""
    task_options: Mapping[str, Any]
    """Options of the task."""

    def fit(self, settings: Mapping[str, Any], seed: int, out: Path, log: Callable[..., None] | None) -> FineTuned:
        """Train with these settings in a folder, or go on there. The test split stays out of reach."""
        own = {name: value for name, value in settings.items() if name != "batch_size"}
        return fine_tune(
            dataclasses.replace(self.corpus, test=()),
            dataclasses.replace(self.config, **own, seed=seed, progress=False),
            model=self.model,
            adaptation=self.adaptation,
            batch_size=settings.get("batch_size", self.batch_size),
            task_options=self.task_options,
            out=out,
            log=log,
            say=lambda line: None,
        )


def run_trial(
    study: Study, plan: Plan, space: Space, training: Training, out: Path, say: Callable[[str], None]
) -> None:
    """Run the next trial of a search, or the one that was cut off from where its run folder stands."""
    trial, goes_on = next_trial(study)
    settings = choose(trial, space)
    folder = trial_folder(out, trial.number)
    done = evaluations_in(folder) if goes_on else []
    if goes_on:
        say(
            f"trial {trial.number + 1} was cut off: "
            + (f"it goes on after its evaluation {len(done)}" if done else "it starts again")
        )
    name = ", ".join(f"{name} {_short(value)}" for name, value in settings.items())
    epochs = settings.get("epochs", training.config.epochs)
    watch = Watch(trial, plan.metric, epochs if training.config.evaluate_every is None else None)
    try:
        # A run that was cut off between its checkpoint and the study's note of it logs that evaluation no more.
        for row in done:
            watch(row["step"], row)
        tuned = training.fit(settings, trial_seed(plan.seed, trial.number), folder, watch)
    except TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        outcome = f"given up after its evaluation {max(watch.known)}"
    except NonFiniteError as error:
        # To TPE it is one that was given up, and as such among the worst.
        trial.set_user_attr(DIVERGED, error.problem)
        study.tell(trial, state=TrialState.PRUNED)
        outcome = f"diverged: {error.problem}"
    else:
        trial.set_user_attr(STEPS, tuned.run.steps)
        study.tell(trial, tuned.run.best_value)
        outcome = "; ".join([f"dev {plan.metric} {tuned.run.best_value:.3f}", *tuned.run.notes])
    tidy(study, out)
    say(f"trial {trial.number + 1} of {plan.trials}: {name} → {outcome}")


def finished_trials(study: Study) -> list[Trial]:
    """The trials that have come to an end, by number."""
    trials = []
    for trial in study.get_trials(deepcopy=False):
        if not trial.state.is_finished():
            continue
        remark = trial.user_attrs.get(DIVERGED, "")
        state = "diverged" if remark else trial.state.name.lower()
        trials.append(
            Trial(
                number=trial.number,
                settings=dict(trial.params),
                state=state,
                value=None if state == "diverged" else trial.value if state == "complete" else _best(study, trial),
                evaluations=tuple(value for _, value in sorted(trial.intermediate_values.items())),
                updates=trial.user_attrs.get(STEPS),
                remark=remark,
            )
        )
    return trials


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's training: by number, so that it does not depend on when the trial ran."""
    return key(seed, "trial", number) % SEEDS


def trial_folder(out: Path, number: int) -> Path:
    """Where a trial trains."""
    return out / TRIALS / f"{number:04d}"


def evaluations_in(folder: Path) -> list[dict[str, float]]:
    """The evaluations that the newest whole checkpoint of a run folder knows of."""
    newest, _ = Checkpoints(folder / CHECKPOINTS).newest()
    return [] if newest is None else read_checkpoint(newest)[1][STATE]["evaluations"]


def tidy(study: Study, out: Path) -> None:
    """Remove what no one needs any more: a search of 20 trials must not fill a disk with 20 optimisers.

    Finished trials lose their checkpoints, all but the best so far their model, and what was given up its folder.
    """
    best = best_number(study)
    for trial in study.get_trials(deepcopy=False):
        folder = trial_folder(out, trial.number)
        if trial.state == TrialState.PRUNED:
            shutil.rmtree(folder, ignore_errors=True)
        elif trial.state.is_finished():
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
            if trial.number != best:
                shutil.rmtree(folder / MODEL_FOLDER, ignore_errors=True)


def best_number(study: Study) -> int | None:
    """The complete trial with the best dev score, the earliest of several; None while there is none."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
    return min(complete, key=lambda trial: (-sign * trial.value, trial.number)).number if complete else None


def _best(study: Study, trial: Any) -> float | None:
    values = trial.intermediate_values.values()
    choose = max if study.direction == StudyDirection.MAXIMIZE else min
    return choose(values) if values else None


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
