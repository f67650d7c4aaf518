"""What the record of `prompting-arms` says: curves over labels, the wording chosen on dev, and what it is worth.

Taught in: book/constraints/prompting
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from companion.errors import RecordError

if TYPE_CHECKING:
    from companion.evaluation.intervals import Interval
    from companion.evaluation.learning_curves import LabelsNeeded, LearningCurve
    from companion.experiments.records import Cell


def results_of(cells: Sequence[Cell], part: str, **factors: Any) -> list[dict[str, Any]]:
    """The results of a part's cells with these factor values, in order of seed.

    Raises:
        RecordError: there is none.

    Taught in: book/constraints/prompting
    """
    wanted = {"part": part, **factors}
    chosen = sorted(
        (cell for cell in cells if wanted.items() <= cell.factors.items()), key=lambda cell: cell.factors["seed"]
    )
    if not chosen:
        raise RecordError(f"no cell with {wanted}", remedy="run the experiment prompting-arms first")
    return [dict(cell.result) for cell in chosen]


def curve_of(cells: Sequence[Cell], corpus: str, arm: str, metric: str = "macro_f1") -> LearningCurve:
    """A score over labels in all: "centroid" or "head" over twenty draws, or "tuned" over those with every size.

    Raises:
        RecordError: there is no cell of it.
        EvaluationError: there is only one draw.

    Taught in: book/constraints/prompting
    """
    from companion.evaluation.learning_curves import learning_curve

    if arm != "tuned":
        draws = [result["curves"] for result in results_of(cells, "few", corpus=corpus)]
        sizes = sorted(map(int, draws[0]))
        return learning_curve(sizes, [[draw[str(size)][arm][metric] for size in sizes] for draw in draws])
    scores = {
        (cell.factors["labels"], cell.factors["seed"]): cell.result[metric]
        for cell in cells
        if (cell.factors["part"], cell.factors["corpus"]) == (arm, corpus)
    }
    sizes = sorted({size for size, _ in scores})
    seeds = [seed for seed in sorted({seed for _, seed in scores}) if all((size, seed) in scores for size in sizes)]
    if not seeds:
        raise RecordError(f"no complete draw of {arm!r} on {corpus}", remedy="run the experiment prompting-arms first")
    return learning_curve(sizes, [[scores[size, seed] for size in sizes] for seed in seeds])


def wording_scores(cells: Sequence[Cell], corpus: str) -> dict[str, Interval]:
    """Macro F1 on test of every wording, the one with the best score on dev first, with the interval over test texts.

    Raises:
        RecordError: there is no record of the wordings.

    Taught in: book/constraints/prompting
    """
    from companion.evaluation.intervals import Interval

    [result] = results_of(cells, "wordings", corpus=corpus)
    order = sorted(result["wordings"].items(), key=lambda item: -item[1]["dev_macro_f1"])
    return {
        name: Interval(mean=one["macro_f1"], low=one["low"], high=one["high"], n=result["texts"], sd=None)
        for name, one in order
    }


def worth(cells: Sequence[Cell], corpus: str, arm: str) -> LabelsNeeded:
    """How many labels an arm needs for the score of the wording that was chosen on dev.

    The band is wide on purpose: its ends are those of the wording's interval over test texts, each met with the end of
    the curve's interval over draws that lies farther away.

    Raises:
        RecordError: as `curve_of` and `wording_scores`.

    Taught in: book/constraints/prompting
    """
    from dataclasses import replace

    from companion.evaluation.learning_curves import labels_needed

    curve, score = curve_of(cells, corpus, arm), next(iter(wording_scores(cells, corpus).values()))
    found, ends = labels_needed(curve, score.mean), [labels_needed(curve, end) for end in (score.low, score.high)]
    return replace(found, low=ends[0].low, high=ends[1].high)
