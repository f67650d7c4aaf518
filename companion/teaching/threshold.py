"""A threshold on a two-class answer, moved by hand: who is found, who is missed, and what that does to the scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from companion.errors import ConfigError
from companion.teaching.explore import Explore
from companion.teaching.markup import same_length

STEPS = tuple(round(0.05 * n, 2) for n in range(1, 20))
CELLS = ("found", "missed", "false alarms", "rightly silent")


def threshold_explorer(
    scores: Sequence[float] | Any,
    gold: Sequence[bool] | Any,
    *,
    name: str = "positive",
    thresholds: Sequence[float] = STEPS,
    start: float = 0.5,
) -> Explore:
    """A slider for the threshold of one label, the four cells of its confusion matrix, and precision, recall and F1.

    `scores` holds the probability of the label for every text, `gold` whether the text has it; arrays, tensors and
    lists will do. A text gets the label when its score reaches the threshold. Everything is counted here; the page
    ships the counts, so it needs no kernel. `start` is the threshold that is shown first, or the nearest there is.

    Raises: ConfigError for lists of different length, a score outside 0 to 1, gold that is not true or false, texts
    that all have the label or all lack it, or what `Explore` refuses.
    Taught in: book/walkthroughs/sentiment
    """
    scores, gold = [float(score) for score in scores], [float(has) for has in gold]
    same_length("threshold_explorer", scores=scores, gold=gold)
    if not all(0 <= score <= 1 for score in scores) or not {*gold} <= {0.0, 1.0}:
        raise ConfigError(
            "threshold_explorer: a score outside 0 to 1, or gold that is not true or false",
            remedy="Give the probability of one label, and whether each text has it.",
        )
    if len({*gold}) < 2:
        raise ConfigError(
            f"threshold_explorer: {len(gold)} texts, and all or none have the label",
            remedy="Precision and recall need texts of both kinds.",
        )
    cells = {line: _cells(scores, gold, line) for line in thresholds}
    return Explore(
        f"The threshold for “{name}”",
        controls={"threshold": list(thresholds)},
        x=CELLS,
        values=cells,
        say={line: _sentence(*counts) for line, counts in cells.items()},
        kind="bar",
        y_label="texts",
        start=min(thresholds, key=lambda line: abs(line - start), default=start),
        significant=12,
    )


def _cells(scores: list[float], gold: list[float], line: float) -> tuple[int, int, int, int]:
    pairs = [(score >= line, has == 1) for score, has in zip(scores, gold, strict=True)]
    return (
        pairs.count((True, True)),
        pairs.count((False, True)),
        pairs.count((True, False)),
        pairs.count((False, False)),
    )


def _sentence(found: int, missed: int, false: int, silent: int) -> str:
    precision = (
        f"precision {found / (found + false):.3f}" if found + false else "precision undefined, nothing gets the label"
    )
    return (
        f"{found:,} found, {missed:,} missed, {false:,} false alarms, {silent:,} rightly silent: "
        f"{precision}, recall {found / (found + missed):.3f}, F1 {2 * found / (2 * found + false + missed):.3f}."
    )
