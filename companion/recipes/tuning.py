"""Search for good settings over the real loop, by a plan that is written first, and say how far to trust the winner."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.adaptation.apply import adapt
from companion.adaptation.methods import Full
from companion.corpora.texts import TextCorpus
from companion.errors import ConfigError, EvaluationError
from companion.models.encoder import OFFLINE, load_encoder
from companion.recipes.supervised import make_task
from companion.recipes.tuning_outcome import Tuned, measure_optimism
from companion.recipes.tuning_plan import PRUNERS, SAMPLERS, Plan, check_choice, data_digests
from companion.recipes.tuning_space import Space, check_space, default_space, describe_space, grid_of, space_to_json
from companion.training.checkpoint import Checkpoints, write_json
from companion.training.config import TrainConfig
from companion.training.resolve import suggest_learning_rate

if TYPE_CHECKING:
    from optuna import Study

    from companion.adaptation.contract import Adaptation
    from companion.corpora.records import Corpus
    from companion.models.encoder import Encoder
    from companion.recipes.tuning_trials import Training

TRIALS = 20
RESULT_FILE = "search.json"


def tune(
    corpus: Corpus | TextCorpus | str,
    space: Space | None = None,
    *,
    out: str | Path,
    trials: int | None = None,
    seed: int = 0,
    config: TrainConfig | None = None,
    model: str = OFFLINE,
    adaptation: Adaptation | None = None,
    batch_size: int = 32,
    task_options: Mapping[str, Any] | None = None,
    sampler: str = "tpe",
    prune: str = "median",
    metric: str | None = None,
    repeat: int = 0,
    origin: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = print,
) -> Tuned:
    """Train with many settings, keep the model with the best dev score, and report how optimistic that score is.

    `space` maps settings (`batch_size` and fields of `TrainConfig`) to a `LogUniform`, a `Uniform` or a `Choice`; None
    takes `default_space` around the rate suggested for the model. What is not searched stands in `config` and
    `batch_size`. A trial is one run of `companion.train`, seeded by (`seed`, its number); `prune` gives bad ones up
    after an evaluation. `repeat` trains the winner's settings again with that many new seeds.

    `out` holds `plan.json`, written before the first trial, Optuna's `study.db`, `search.json`, and the winner in
    `model/` with its `run.json`, where `origin` is stored as it is. The same call goes on where a search was cut off,
    with the same trials. Trials never see the test split: it is opened when the last of them has ended.

    Raises:
        ConfigError: a setting, a space or a number that cannot be searched.
        CheckpointError: `out` holds a search with another plan, or one that is running.
        EvaluationError: no trial came to its end.
        MissingDependencyError: optuna is not installed.

    Taught in: book/walkthroughs/honest-experiments
    """
    from companion.recipes.tuning_study import open_study, quiet_optuna
    from companion.recipes.tuning_trials import Training, finished_trials, run_trial, tidy

    if isinstance(corpus, str):
        from companion.corpora import load_corpus

        origin = origin or {"corpus": corpus}
        corpus = load_corpus(corpus)
    if not len(corpus.dev):
        raise ConfigError("there is no dev split to choose settings with", remedy="give the corpus one")
    if isinstance(repeat, bool) or not isinstance(repeat, int) or repeat < 0:
        raise ConfigError(f"repeat is {repeat!r}", remedy="give a whole number: 0, or 3 and more for an interval")
    metric = _metric_of(corpus, metric, dict(task_options or {}))
    config = dataclasses.replace(config or TrainConfig(), metric=metric)
    training = Training(
        corpus=corpus,
        config=config,
        model=model,
        adaptation=adaptation,
        batch_size=batch_size,
        task_options=dict(task_options or {}),
    )
    plan, space = _plan(training, space, trials=trials, seed=seed, sampler=sampler, prune=prune)
    out = Path(out)
    with closing(Checkpoints(out)) as folder, quiet_optuna():
        folder.open()
        plan.register(out)
        say(f"{plan.trials} trials by {plan.metric} on dev ({sampler}, pruning {prune}), plan {plan.digest[:12]}")
        say(describe_space(space))
        if plan.data["dev"] == plan.data.get("test"):
            say("warning: dev and test hold the same rows, so the optimism that is measured means nothing")
        study = open_study(out, plan, space)
        tidy(study, out)
        for _ in range(plan.trials - len(finished_trials(study))):
            run_trial(study, plan, space, training, out, say)
        tuned = _conclude(study, plan, training, out, repeat, origin or {}, say)
    write_json(out / RESULT_FILE, tuned.to_dict())
    return tuned


def _plan(
    training: Training, space: Space | None, *, trials: int | None, seed: int, sampler: str, prune: str
) -> tuple[Plan, Space]:
    check_choice("sampler", sampler, SAMPLERS)
    check_choice("prune", prune, PRUNERS)
    encoder = load_encoder(training.model)
    if space is None:
        space = default_space(_suggested_rate(training, encoder))
        if sampler == "grid":
            raise ConfigError(
                "the default search space has ranges, which no grid can hold", remedy="give a space of choices"
            )
    check_space(space, sampler)
    most = len(grid_of(space)) if sampler == "grid" else None  # type: ignore[arg-type]
    trials = (most or TRIALS) if trials is None else trials
    if isinstance(trials, bool) or not isinstance(trials, int) or not 1 <= trials <= (most or trials):
        limit = f"from 1 to {most}, the points of the grid" if most else "1 or more"
        raise ConfigError(f"trials is {trials!r}", remedy=f"give a whole number, {limit}")
    elsewhere = (*space, "progress", "metric", "seed")
    fixed = {name: value for name, value in training.config.to_dict().items() if name not in elsewhere}
    if "batch_size" not in space:
        fixed["batch_size"] = training.batch_size
    plan = Plan(
        corpus=training.corpus.name,
        data=data_digests(training.corpus),
        model=training.model,
        encoder_digest=encoder.digest,
        adaptation=repr(training.adaptation or Full()),
        task=training.task_options,
        space=space_to_json(space),
        fixed=fixed,
        sampler=sampler,
        prune=prune,
        trials=trials,
        metric=training.config.metric or "",
        greater_is_better=not training.config.metric.endswith("error"),
        seed=seed,
    )
    return plan, space


def _conclude(
    study: Study,
    plan: Plan,
    training: Training,
    out: Path,
    repeat: int,
    origin: Mapping[str, Any],
    say: Callable[[str], None],
) -> Tuned:
    """Open the test split, once every trial has ended, and measure the winner on it.

    Raises:
        EvaluationError: trials are still to come, or none came to its end.
    """
    from companion.recipes.tuning_trials import best_number, finished_trials, trial_folder
    from companion.recipes.tuning_winner import adopt, measure_winner, train_again

    trials = finished_trials(study)
    if len(trials) < plan.trials:
        raise EvaluationError(
            f"{len(trials)} of {plan.trials} trials have ended: the test split stays closed until all have",
            remedy="run the same search again to finish it",
        )
    number = best_number(study)
    if number is None:
        raise EvaluationError(
            "no trial came to its end: " + (next((t.remark for t in trials if t.remark), "") or "all were given up"),
            remedy="lower the learning rates of the space, or search without pruning",
        )
    adopt(trial_folder(out, number), out, origin, plan)
    best = next(trial for trial in trials if trial.number == number)
    optimism, repetitions = None, ()
    if len(training.corpus.test):
        dev, test = (measure_winner(training, out, split) for split in ("dev", "test"))
        repetitions = tuple(train_again(training, plan, best.settings, out, place, say) for place in range(repeat))
        optimism = measure_optimism(dev, test, greater_is_better=plan.greater_is_better, repetitions=repetitions)
    elif repeat:
        say("There is no test split, so nothing is repeated.")
    return Tuned(
        metric=plan.metric,
        trials=tuple(trials),
        best=best,
        optimism=optimism,
        repetitions=repetitions,
        plan=plan.digest,
        folder=out,
    )


def _suggested_rate(training: Training, encoder: Encoder) -> float:
    model = make_task(training.corpus, encoder, training.task_options).model()
    return suggest_learning_rate(adapt(model, training.adaptation or Full()))[0]


def _metric_of(corpus: Corpus | TextCorpus, metric: str | None, options: Mapping[str, Any]) -> str:
    """The score to choose by; each of them has an interval in the report."""
    if not isinstance(corpus, TextCorpus):
        allowed = ("entity_f1",)
    elif options.get("kind") == "regression":
        allowed = ("mean_squared_error", "mean_absolute_error")
    else:
        allowed = ("macro_f1", "accuracy")
    check_choice("metric", allowed[0] if metric is None else metric, allowed)
    return metric or allowed[0]
