"""The book-keeping of a search: an Optuna study in an SQLite file, so that a search that is killed goes on.

Every choice is a pure function of the seed, the trial's number, the setting's name and, for TPE, the trials before.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CheckpointError, MissingDependencyError
from companion.randomness import key, permutation
from companion.recipes.tuning_space import Choice, LogUniform, Space, grid_of

try:
    import optuna
    from optuna.samplers import BaseSampler, RandomSampler, TPESampler
    from optuna.storages import RDBStorage
    from optuna.trial import TrialState
    from sqlalchemy import URL
    from sqlalchemy.exc import SQLAlchemyError
except ImportError as error:
    raise MissingDependencyError("optuna is not installed", remedy="install the [tuning] extra") from error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner

    from companion.recipes.tuning_plan import Plan

STUDY_FILE = "study.db"
STUDY = "search"
STEPS, DIVERGED = "steps", "diverged"
DIGITS = 3
"""Drawn numbers are rounded, so that the setting a reader sees is the setting that ran."""


class KeyedSampler(BaseSampler):
    """Choose each setting of each trial on a random stream of its own: a trial started twice is the same trial."""

    def __init__(self, kind: str, seed: int, space: Space) -> None:
        self.kind, self.seed = kind, seed
        points = grid_of(space) if kind == "grid" else []
        # In an order of its own, so that the first trials of a grid that is not finished cover all of it.
        self.points = [points[place] for place in permutation(len(points), seed, "grid")]

    def infer_relative_search_space(self, study: Study, trial: Any) -> dict[str, BaseDistribution]:
        """Settings are drawn one by one."""
        return {}

    def sample_relative(self, study: Study, trial: Any, search_space: Any) -> dict[str, Any]:
        """Settings are drawn one by one."""
        return {}

    def sample_independent(self, study: Study, trial: Any, param_name: str, param_distribution: Any) -> Any:
        """The value of one setting of one trial."""
        if self.kind == "grid":
            return self.points[trial.number][param_name]
        seed = key(self.seed, "choose", trial.number, param_name) % 2**32
        sampler = RandomSampler(seed=seed) if self.kind == "random" else TPESampler(seed=seed)
        value = sampler.sample_independent(study, trial, param_name, param_distribution)
        if isinstance(param_distribution, optuna.distributions.FloatDistribution):
            rounded = float(f"{value:.{DIGITS}g}")
            return min(max(rounded, param_distribution.low), param_distribution.high)
        return value


def make_pruner(kind: str) -> BasePruner:
    """The rule that gives a trial up after one of its evaluations.

    "median": it is worse than the median of the finished trials at the same evaluation, once there are five of them.
    "halving": at the evaluations 1, 2, 4, … only the better half of what has come that far goes on.
    Both compare the n-th evaluations of trials whose number of epochs may differ.

    Follows: Golovin et al. (2017), "Google Vizier", for the median rule; Li et al. (2020), "A System for Massively
    Parallel Hyperparameter Tuning", for asynchronous successive halving.
    """
    if kind == "median":
        return optuna.pruners.MedianPruner()
    if kind == "halving":
        return optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return optuna.pruners.NopPruner()


def open_study(folder: Path, plan: Plan, space: Space) -> Study:
    """The study of a search folder, new or as it was left.

    Raises:
        CheckpointError: the file is damaged or no study.
    """
    url = URL.create("sqlite", database=str((folder / STUDY_FILE).resolve())).render_as_string(hide_password=False)
    try:
        return optuna.create_study(
            storage=RDBStorage(url),
            study_name=STUDY,
            load_if_exists=True,
            direction="maximize" if plan.greater_is_better else "minimize",
            sampler=KeyedSampler(plan.sampler, plan.seed, space),
            pruner=make_pruner(plan.prune),
        )
    except (SQLAlchemyError, RuntimeError) as error:
        raise CheckpointError(
            f"cannot be read ({str(error).splitlines()[0]})",
            file=folder / STUDY_FILE,
            remedy="remove it to search again with the same plan; trials come out the same",
        ) from error


def next_trial(study: Study) -> tuple[optuna.Trial, bool]:
    """The trial that was cut off, and True; else a new one, and False."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        return optuna.Trial(study, trial._trial_id), True
    return study.ask(), False


def choose(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """The settings of a trial: drawn when it is new, what was drawn when it goes on."""
    chosen: dict[str, Any] = {}
    for name, part in space.items():
        if isinstance(part, Choice):
            chosen[name] = trial.suggest_categorical(name, list(part.values))
        else:
            chosen[name] = trial.suggest_float(name, part.low, part.high, log=isinstance(part, LogUniform))
    return chosen


class Watch:
    """What listens to a trial's evaluations, puts them down, and breaks the trial off when the pruner says so.

    `last` is the number of the last evaluation, where that is known: a trial that has come so far is finished, and
    giving it up would save nothing.
    """

    def __init__(self, trial: optuna.Trial, metric: str, last: int | None) -> None:
        self.trial, self.metric, self.last = trial, metric, last
        self.places: list[int] = []
        # What stands in the study already: Optuna would warn of a second report, and keep the first.
        self.known = set(trial.storage.get_trial(trial._trial_id).intermediate_values)

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        """Take what the loop logs.

        Raises:
            optuna.TrialPruned: this trial is given up.
        """
        if "learning_rate" in values:
            return
        if step not in self.places:
            self.places.append(step)
        number = self.places.index(step) + 1
        if number not in self.known:
            self.known.add(number)
            self.trial.report(values[self.metric], number)
        if number == max(self.known) and self.trial.should_prune() and number != self.last:
            self.trial.set_user_attr(STEPS, step)
            raise optuna.TrialPruned


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna's own running commentary off the screen while a search runs."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
