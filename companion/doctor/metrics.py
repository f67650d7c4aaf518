"""Anyone's metric: the gold labels in the form that it takes, and one number out of what it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from companion.doctor.probe import CannotCheck
from companion.encoding.contract import IGNORE_INDEX

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

FORMS = ("tags", "grid", "flat")
MOST_ROWS = 2_000


class Score(NamedTuple):
    """What a metric says."""

    name: str
    """What to call it."""
    value: float
    """The number."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gold:
    """Gold labels, row by row, in one form."""

    form: str
    """ "tags" (names), "grid" (numbers, as in the batches) or "labels" (one on each text)."""
    rows: Sequence[Sequence[Any]]
    """The labels."""
    outside: Any
    """The label of words outside every entity; None where there is none."""
    ignored: Any
    """The label of positions that do not count; None where there is none."""
    names: Sequence[str]
    """The names of numbered labels."""
    described: str
    """What they are, for people."""

    def called(self, label: Any) -> str:
        """The name of a label."""
        if isinstance(label, int) and 0 <= label < len(self.names):
            return self.names[label]
        return str(label)


def gold_of(patient: Patient) -> Gold:
    """The gold labels on which a metric is tried: of the test rows where it takes tags, otherwise of the batches.

    Raises:
        CannotCheck: there are none.
    """
    wanted = patient.metric_takes
    if wanted in ("auto", "tags"):
        try:
            gold = _of_rows(patient)
            score_with(patient, gold, gold.rows)
            return gold
        except CannotCheck:
            if wanted == "tags" or not len(patient.batches):
                raise
    return _of_batches(patient)


def score_with(patient: Patient, gold: Gold, guess: Sequence[Sequence[Any]]) -> Score:
    """The score of predictions under the metric of the patient.

    Raises:
        CannotCheck: it can be called in no form, or gives no number back.
    """
    forms = (patient.metric_takes,) if patient.metric_takes != "auto" else FORMS
    problems = []
    for form in forms:
        arguments = _arguments(form, gold, guess)
        if arguments is None:
            continue
        try:
            found = patient.metric(*arguments)
        except Exception as error:  # a form that the metric does not take
            problems.append(f"{form}: {type(error).__name__}: {str(error)[:80]}")
            continue
        return _number(found, patient.metric)
    raise CannotCheck(f"the metric could not be called ({'; '.join(problems) or 'no form fits these labels'})")


def _of_rows(patient: Patient) -> Gold:
    split, rows = patient.first_split("test", "dev", "train")
    answers = [list(row.answer) for row in rows]
    tagged = bool(rows[0].tags)
    return Gold(
        form="tags" if tagged else "labels",
        rows=answers,
        outside="O" if tagged else None,
        ignored=None,
        names=patient.labels,
        described=f"{len(rows):,} rows of {split}",
    )


def _of_batches(patient: Patient) -> Gold:
    views = patient.views
    if views[0].kind == "none":
        raise CannotCheck("the batches hold no labels, and no rows were given")
    if views[0].labels.is_floating_point():
        raise CannotCheck("the labels are no classes")
    tokens = views[0].kind == "tokens"
    rows = [(row if tokens else [row]) for view in views for row in view.labels.tolist()][:MOST_ROWS]
    outside = patient.labels.index("O") if "O" in patient.labels else 0 if tokens else None
    positions = f"{sum(map(len, rows)):,} positions of " if tokens else ""
    return Gold(
        form="grid" if tokens else "labels",
        rows=rows,
        outside=outside,
        ignored=IGNORE_INDEX,
        names=patient.labels,
        described=f"{positions}{len(rows):,} rows of your batches, padding included as they hold it",
    )


def _arguments(form: str, gold: Gold, guess: Sequence[Sequence[Any]]) -> tuple[Any, ...] | None:
    import numpy as np

    if gold.form == "labels":
        pair = [row[0] for row in gold.rows], [row[0] for row in guess]
        if form != "eval_prediction":
            return pair
        return None if isinstance(pair[0][0], str) else (_prediction(np.array(pair[0]), np.array(pair[1])),)
    if gold.form == "tags":
        return ([list(row) for row in gold.rows], [list(row) for row in guess]) if form == "tags" else None
    if form == "flat":
        pairs = [pair for rows in zip(gold.rows, guess, strict=True) for pair in zip(*rows, strict=True)]
        counted = [pair for pair in pairs if pair[0] != gold.ignored]
        return tuple(np.array(side) for side in zip(*counted, strict=True)) if counted else None
    width = max(map(len, gold.rows))
    fill = gold.ignored if any(gold.ignored in row for row in gold.rows) else gold.outside
    grids = [np.array([[*row, *[fill] * (width - len(row))] for row in rows]) for rows in (gold.rows, guess)]
    if form == "grid":
        return tuple(grids)
    return (_prediction(grids[0], np.where(grids[1] < 0, 0, grids[1])),) if form == "eval_prediction" else None


def _prediction(gold: Any, guess: Any) -> Any:
    """What the Trainer gives its compute_metrics: logits that say the guess, and the labels."""
    import numpy as np
    from transformers import EvalPrediction

    classes = int(max(gold.max(), guess.max())) + 1
    return EvalPrediction(predictions=np.eye(classes, dtype=np.float32)[guess], label_ids=gold)


def _number(found: Any, metric: Any) -> Score:
    """The number that a metric gives back; of several, an F1, then an accuracy, then the first."""
    name = getattr(metric, "__name__", "metric").replace("<lambda>", "metric").replace("_f1", " F1")
    if isinstance(found, Mapping):
        numbers = {key: value for key, value in found.items() if isinstance(value, int | float)}
        for wanted in ("f1", "accuracy", ""):
            for key, value in numbers.items():
                if wanted in str(key).lower():
                    return Score(str(key), float(value))
    try:
        return Score(name, float(found))
    except (TypeError, ValueError) as error:
        raise CannotCheck(f"the metric gives back a {type(found).__name__}, not a number") from error
