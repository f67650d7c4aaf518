"""Is the model the best checkpoint?"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.doctor.findings import ERROR
from companion.doctor.probe import CannotCheck, Outcome, Probe, need
from companion.doctor.weights import distance, own_weights, saved_weights

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.patient import Patient

METRICS = ("eval_f1", "eval_macro_f1", "eval_accuracy", "eval_loss")
"""By which of these the best is taken where nothing says it."""
MOST = 12
RUN = "checkpoints"
"""Where a run of this package keeps its checkpoints."""


@dataclass(kw_only=True, slots=True)
class Scores:
    """What was measured of each checkpoint."""

    values: dict[Path, float] = field(default_factory=dict)
    """The score of each folder; the highest is the best."""
    metric: str = "the score"
    """What it is."""


def examine(patient: Patient) -> Outcome:
    """Compare the weights in memory, or those of the folder itself, with those of each checkpoint that was scored.

    Scores are those of `checkpoints=`, or of the history in the folder: a Trainer's `trainer_state.json`, or the
    `state.json` of this package's runs.

    Raises:
        CannotCheck: nothing says which checkpoint is best, or the model is none of them.
    """
    scores = _scores(patient)
    if len(scores.values) < 2:
        raise CannotCheck("fewer than two checkpoints with a score are known")
    best = max(scores.values, key=lambda path: scores.values[path])
    loaded = _loaded(patient)
    there = [path for path in sorted(scores.values, key=lambda path: -scores.values[path]) if path.is_dir()][:MOST]
    same = [path for path in there if _is_same(path, loaded)]
    told = f"{best.name} is best by {scores.metric} ({_shown(scores, best)})"
    if best in same:
        return f"{told}, and the model is it"
    gone = "" if best.is_dir() else f" {best.name} is not in the folder any more."
    if not same:
        raise CannotCheck(f"the model is none of the {len(there)} checkpoints that are there; {told}.{gone}")
    return [
        PROBE.finding(
            ERROR,
            f"{told[0].upper()}{told[1:]}, and the model is {same[0].name} ({_shown(scores, same[0])}).{gone}",
            "Load the best checkpoint before anything is measured or saved; a Trainer does it with "
            "load_best_model_at_end=True and metric_for_best_model.",
            best=_value(scores, best),
            loaded=_value(scores, same[0]),
        )
    ]


def _scores(patient: Patient) -> Scores:
    if patient.checkpoints:
        return Scores(values={Path(path): float(score) for path, score in patient.checkpoints.items()})
    need(patient.folder, "no run folder was given (folder=), and no scores of checkpoints (checkpoints=)")
    newest = max(patient.folder.glob("checkpoint-*/trainer_state.json"), key=_step, default=None)
    own = max(patient.folder.glob(f"{RUN}/step-*/state.json"), key=_step, default=None)
    if newest is not None:
        return _of_trainer(patient.folder, newest)
    if own is not None:
        return _of_run(patient.folder, own)
    raise CannotCheck("the folder holds no checkpoints with their scores")


def _of_trainer(folder: Path, state: Path) -> Scores:
    """Scores from the history of a Trainer; the metric is the one that it calls best, or the first that is known."""
    told = _read(state)
    rows = [row for row in told.get("log_history", []) if any(key.startswith("eval_") for key in row)]
    best = told.get("best_metric")
    named = next((key for row in rows for key, value in row.items() if best is not None and value == best), None)
    metric = named or next((key for key in METRICS if any(key in row for row in rows)), None)
    if metric is None:
        raise CannotCheck("the history of the Trainer holds no evaluation")
    sign = -1.0 if "loss" in metric else 1.0
    values = {
        folder / f"checkpoint-{row['step']}": sign * row[metric] for row in rows if metric in row and "step" in row
    }
    return Scores(values=values, metric=metric)


def _of_run(folder: Path, state: Path) -> Scores:
    """Scores from a run of this package: the best step by its own account, above the others."""
    told = _read(state)
    best, value = told.get("best_step"), told.get("best_value")
    if best is None or value is None:
        raise CannotCheck("the run was not evaluated while it trained")
    steps = {int(row["step"]) for row in told.get("evaluations", [])} | {_step(state), int(best)}
    place = folder / RUN
    values = {place / f"step-{step:08d}": -math.inf for step in steps}
    return Scores(values=values | {place / f"step-{int(best):08d}": float(value)}, metric="its own account")


def _loaded(patient: Patient) -> dict[str, Tensor] | Any:
    if patient.model is not None:
        return patient.model
    need(patient.folder, "no model was given")
    return saved_weights(patient.folder)


def _is_same(folder: Path, loaded: Any) -> bool:
    saved = saved_weights(folder)
    own = loaded if isinstance(loaded, Mapping) else own_weights(loaded, saved)
    return distance(saved, own) == 0.0


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise CannotCheck(f"{path.name} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise CannotCheck(f"{path.name} holds no history")
    return found


def _step(path: Path) -> int:
    number = path.parent.name.rpartition("-")[2]
    return int(number) if number.isdigit() else -1


def _value(scores: Scores, path: Path) -> float:
    return abs(scores.values[path]) if "loss" in scores.metric else scores.values[path]


def _shown(scores: Scores, path: Path) -> str:
    value = _value(scores, path)
    return f"{value:.4f}" if math.isfinite(value) else "lower"


PROBE = Probe(
    name="best checkpoint",
    question="Is the model the best checkpoint?",
    needs="folder of a run that keeps a history, or checkpoints with their scores; and the model, or the folder's own",
    costs="reads the weights of each checkpoint once",
    proves="which checkpoint the model is, and which scored best",
    page="book/walkthroughs/the-production-training-loop#files",
    examine=examine,
)
