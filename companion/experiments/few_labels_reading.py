"""What the records on few labels hold so far: every arm against the plain one, on the draws that all arms have.

The long runs go on from time to time. A setting, a corpus with a number of labels, is read when at least three draws
are complete in every arm and in the plain one: a mean over other draws in each arm would compare draws, not arms.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from companion.corpora.location import data_root
from companion.errors import RecordError
from companion.evaluation.intervals import paired_difference, seeds_interval
from companion.experiments import adversarial_arms, augmentation_arms, ensembles, few_labels_regularisers
from companion.experiments.few_labels import CORPORA, UPDATES
from companion.experiments.records import load_record

LEAST_DRAWS = 3
SETTINGS = tuple((corpus, labels) for corpus in CORPORA for labels in UPDATES)
"""Every corpus with every number of labels."""
PLAIN = "plain"

Results = dict[str, list[Mapping[str, Any]]]
"""For each arm the results of the common draws, in the same order."""


def read_arms(experiment: str, root: Path | None = None) -> dict[tuple[str, int], Results]:
    """The complete settings of one of the four experiments on few labels, the plain arm first in each.

    An ensemble's cell holds several arms, each as `{"score": …}`. Without a record there is no setting.

    Raises:
        RecordError: another experiment, or a cell that does not follow the schema.

    Taught in: book/constraints/over-fitting
    """
    modules = (few_labels_regularisers, augmentation_arms, adversarial_arms, ensembles)
    planned = {module.NAME: module.plan() for module in modules}
    if experiment not in planned:
        raise RecordError(f"{experiment!r} is no experiment on few labels", remedy=f"one of {', '.join(planned)}")
    found = _results(experiment, root)
    if experiment in (augmentation_arms.NAME, adversarial_arms.NAME):
        plain = _results(few_labels_regularisers.NAME, root)
        found |= {place: result for place, result in plain.items() if place[2] == PLAIN}
    read = {}
    for setting in SETTINGS:
        arms = [PLAIN, *dict.fromkeys(_arm(cell) for cell in planned[experiment] if _setting(cell) == setting)]
        if experiment == ensembles.NAME:
            arms = [PLAIN, *(f"{kind}_{size}" for kind in ("ensemble", "average") for size in ensembles.SIZES), "tail"]
        arms = list(dict.fromkeys(arms))
        seeds = sorted({place[3] for place in found if place[:2] == setting})
        common = [seed for seed in seeds if all((*setting, arm, seed) in found for arm in arms)]
        if len(common) >= LEAST_DRAWS:
            read[setting] = {arm: [found[(*setting, arm, seed)] for seed in common] for arm in arms}
    return read


def gains_by_size(corpus: str, *experiments: str, root: Path | None = None) -> dict[str, list[str]]:
    """Columns of a table, one for each number of labels: the plain arm's mean, then what every other arm adds to it.

    With 95 % intervals: over the draws for the plain arm, of the paired differences for the others. A number of labels
    is there when it is complete in one of the experiments; in another that lacks it, the cells are empty.

    Raises:
        RecordError: as `read_arms`.

    Taught in: book/constraints/over-fitting
    """
    columns: dict[str, dict[str, str]] = {}
    for experiment in experiments:
        for (one, labels), arms in read_arms(experiment, root).items():
            if one != corpus:
                continue
            scores = {arm: [result["score"] for result in results] for arm, results in arms.items()}
            column = columns.setdefault(f"{labels} labels", {PLAIN: f"{seeds_interval(scores[PLAIN]):.2f}"})
            for arm, row in scores.items():
                if arm != PLAIN:
                    column[arm] = f"{paired_difference(row, scores[PLAIN]):+.2f}"
    arms = dict.fromkeys(arm for column in columns.values() for arm in column)
    order = sorted(columns, key=lambda name: int(name.split()[0]))
    return {"arm": list(arms), **{name: [columns[name].get(arm, "") for arm in arms] for name in order}}


def _results(experiment: str, root: Path | None) -> dict[tuple[str, int, str, int], Mapping[str, Any]]:
    """Each result by corpus, labels, arm and seed."""
    found: dict[tuple[str, int, str, int], Mapping[str, Any]] = {}
    root = data_root() / "records" if root is None else root
    for cell in load_record(experiment, root) if any((root / experiment).glob("*.json")) else ():
        corpus, labels, seed = (cell.factors[name] for name in ("corpus", "labels", "seed"))
        if experiment != ensembles.NAME:
            found[corpus, labels, cell.factors["arm"], seed] = cell.result
            continue
        for name, value in {**cell.result, PLAIN: cell.result["score"]}.items():
            if name in (PLAIN, "tail") or name.startswith(("ensemble_", "average_")):
                found[corpus, labels, name, seed] = {"score": value}
    return found


def _setting(cell: Mapping[str, Any]) -> tuple[str, int]:
    return cell["corpus"], cell["labels"]


def _arm(cell: Mapping[str, Any]) -> str:
    return cell.get("arm", PLAIN)
