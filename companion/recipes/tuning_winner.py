"""What is done with a search's winner once the last trial has ended: adopt it, measure it on test, train it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.corpora.texts import TextCorpus
from companion.randomness import key
from companion.recipes.story import MODEL_FOLDER, RUN_FILE, add_result, publish, read_story
from companion.recipes.tuning_outcome import Repetition
from companion.recipes.tuning_trials import CHECKPOINTS, SEEDS
from companion.tasks.scoring import evaluate
from companion.tasks.texts import TextTask
from companion.tasks.tokens import TokenTask
from companion.training.checkpoint import write_json

if TYPE_CHECKING:
    from companion.evaluation.intervals import Interval
    from companion.recipes.tuning_plan import Plan
    from companion.recipes.tuning_trials import Training

REPEATS, SCORES_FILE = "repeats", "scores.json"


def adopt(winner: Path, out: Path, origin: Mapping[str, Any], plan: Plan) -> None:
    """Move the winner's model and its story to the search folder, where `companion predict` and `evaluate` look."""
    if (winner / MODEL_FOLDER).is_dir():
        shutil.rmtree(out / MODEL_FOLDER, ignore_errors=True)
        (winner / MODEL_FOLDER).rename(out / MODEL_FOLDER)
    if not (out / RUN_FILE).is_file():
        search = {"trials": plan.trials, "metric": plan.metric, "plan": plan.digest}
        publish(out, {**read_story(winner), "origin": dict(origin), "search": search})


def measure_winner(training: Training, out: Path, split: str) -> Interval:
    """The winner's score on a split, with its bootstrap interval by row; it is put down in its model card."""
    report = _report(training, out / MODEL_FOLDER, split)
    add_result(out, split, report)
    return _score(report, training.config.metric)


def train_again(
    training: Training, plan: Plan, settings: Mapping[str, Any], out: Path, place: int, say: Callable[[str], None]
) -> Repetition:
    """Train the winner's settings with a seed that no trial had; what is measured already is read."""
    folder = out / REPEATS / f"{place:04d}"
    if not (folder / SCORES_FILE).is_file():
        seed = key(plan.seed, "repeat", place) % SEEDS
        tuned = training.fit(settings, seed, folder, None)
        test = _score(_report(training, folder / MODEL_FOLDER, "test"), training.config.metric).mean
        write_json(folder / SCORES_FILE, {"seed": seed, "dev": tuned.run.best_value, "test": test})
    for heavy in (CHECKPOINTS, MODEL_FOLDER):
        shutil.rmtree(folder / heavy, ignore_errors=True)
    row = Repetition(**json.loads((folder / SCORES_FILE).read_text(encoding="utf-8")))
    say(f"repetition {place + 1}: dev {plan.metric} {row.dev:.3f}, test {row.test:.3f}")
    return row


def _report(training: Training, folder: Path, split: str) -> Any:
    kind = TextTask if isinstance(training.corpus, TextCorpus) else TokenTask
    task, model = kind.load(folder)
    return evaluate(model, task, training.corpus.splits[split])


def _score(report: Any, metric: str) -> Interval:
    return report.f1 if metric == "entity_f1" else getattr(report, metric)
