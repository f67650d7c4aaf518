"""Do intervals hold the truth, and do paired tests see what is not there: data sets whose truth is known.

Each cell draws thousands of data sets from one population, asks the package for an interval or a p-value, and counts. A
95 % interval should hold the truth 95 times in a hundred; a test at 5 % should find a difference between two equally
good systems 5 times in a hundred, and no more.

Taught in: book/walkthroughs/honest-experiments
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from companion.evaluation.calibration import wilson_interval
from companion.evaluation.classification import accuracy_of, label_counts, macro_f1_of
from companion.evaluation.entities import entity_f1_of
from companion.evaluation.intervals import Interval, bootstrap_interval, paired_difference, seeds_interval
from companion.evaluation.paired import mcnemar_test, paired_bootstrap, permutation_test
from companion.experiments.records import Cell, run_cells
from companion.randomness import key

NAME = "interval-coverage"
ROWS = (100, 346, 1000)
"""Newsroom's sentiment has 346 test sentences."""
SIMULATIONS, RESAMPLES, LEVEL = 3_000, 1_000, 0.95
TRAINED = 5
"""How many runs, each with its own seed, make one data set of the intervals over seeds."""
GAIN = 0.2
"""The share of what the first system gets wrong that the second gets right, where they differ."""
SPURIOUS, NAMES = 0.5, 1.5
"""Invented and gold entities of a sentence, on average."""
SHARES = (0.28, 0.59, 0.13)
"""Three labels as unequal as those of Financial PhraseBank."""
CONFUSION = ((0.80, 0.18, 0.02), (0.08, 0.90, 0.02), (0.05, 0.20, 0.75))
"""How often the classifier answers each label where another is right, by right label."""
MANY, SURE = 30, 0.85
"""As many labels as Helpdesk has intents, equally frequent, and how often the right one is known and not guessed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Population:
    """Where the data sets of a cell come from, and what one without end would say."""

    draw: Callable[[np.random.Generator, int], tuple[np.ndarray, ...]]
    """So many rows: the counts of one system, or of two on the same rows."""
    statistic: Callable[[np.ndarray], np.ndarray]
    """What is estimated, of summed counts."""
    truths: tuple[float, ...]
    """Its value for each system."""


def run(profile: str = "fast", root: Path = Path("records"), say: Callable[[str], None] = print) -> list[Cell]:
    """Measure every cell without a record; the fast profile draws 40 data sets of 100 rows."""
    full = profile == "full"
    cells: list[dict[str, str | int]] = [
        {"measured": measured, "rows": rows}
        for measured in (*INTERVALS, *TESTS)
        for rows in ((TRAINED,) if "seeds" in measured else ROWS if full else ROWS[:1])
    ]
    command = f"companion experiments {NAME} --profile {profile}"
    return run_cells(NAME, cells, lambda **factors: measure(full=full, **factors), root=root, command=command, say=say)


def measure(*, measured: str, rows: int, full: bool) -> dict[str, Any]:
    """How often an interval held the truth, or a test at 5 % called equally good systems different."""
    generator = np.random.Generator(np.random.PCG64(key(0, NAME, measured, rows)))
    simulations, resamples = (SIMULATIONS, RESAMPLES) if full else (40, 100)
    if measured in TESTS:
        test = TESTS[measured]
        called = sum(test(generator, rows, resamples, seed) <= 1 - LEVEL for seed in range(simulations))
        return {"false_positives": called / simulations, **_uncertainty(called, simulations)}
    truth, interval_of = INTERVALS[measured]
    intervals = [interval_of(generator, rows, resamples, seed) for seed in range(simulations)]
    covered = sum(one.low <= truth <= one.high for one in intervals)
    return {
        "coverage": covered / simulations,
        **_uncertainty(covered, simulations),
        "truth": truth,
        "mean": sum(one.mean for one in intervals) / simulations,
        "width": sum(one.high - one.low for one in intervals) / simulations,
        "above": sum(truth < one.low for one in intervals) / simulations,
        "below": sum(one.high < truth for one in intervals) / simulations,
    }


def texts(gain: float) -> Population:
    """Right and wrong answers; a text is equally hard for both systems."""

    def draw(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, ...]:
        easy, one = generator.beta(4.0, 1.0, rows), np.ones(rows)
        return tuple(np.stack([generator.random(rows) < chance, one], axis=1) for chance in _chances(easy, gain))

    return Population(draw=draw, statistic=accuracy_of, truths=_chances(0.8, gain))


def sentences(gain: float) -> Population:
    """Entities; a sentence is equally hard for both systems, so that the errors of a sentence hang together."""

    def draw(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, ...]:
        gold, easy = generator.poisson(NAMES, rows), generator.beta(2.0, 2.0, rows)
        found = [generator.binomial(gold, chance) for chance in _chances(easy, gain)]
        return tuple(np.stack([right, right + generator.poisson(SPURIOUS, rows), gold], axis=1) for right in found)

    found = [NAMES * chance for chance in _chances(0.5, gain)]
    truths = tuple(2 * right / (right + SPURIOUS + NAMES) for right in found)
    return Population(draw=draw, statistic=entity_f1_of, truths=truths)


def labels(shares: np.ndarray, confusion: np.ndarray) -> Population:
    """One label a text, drawn by its share, and an answer drawn by the confusion of its right label."""
    which, borders = np.eye(len(shares), dtype=bool), confusion.cumsum(1)

    def draw(generator: np.random.Generator, rows: int) -> tuple[np.ndarray, ...]:
        gold = generator.choice(len(shares), rows, p=shares)
        guess = (generator.random(rows)[:, None] > borders[gold, :-1]).sum(1)
        return (label_counts(which[gold], which[guess]),)

    joint = shares[:, None] * confusion
    f1 = 2 * joint.diagonal() / (joint.sum(0) + joint.sum(1))
    return Population(draw=draw, statistic=macro_f1_of, truths=(float(f1.mean()),))


def _chances(easy: Any, gain: float) -> tuple[Any, Any]:
    return easy, easy + gain * (1 - easy)


def _one(
    population: Population, generator: np.random.Generator, rows: int, resamples: int, seed: int, *, method: str
) -> Interval:
    counts = population.draw(generator, rows)[0]
    return bootstrap_interval(population.statistic, counts, resamples=resamples, seed=seed, method=method)


def _two(population: Population, generator: np.random.Generator, rows: int, resamples: int, seed: int) -> Interval:
    a, b = population.draw(generator, rows)
    return paired_bootstrap(b, a, population.statistic, resamples=resamples, seed=seed)


def _wilson(population: Population, generator: np.random.Generator, rows: int, resamples: int, seed: int) -> Interval:
    return wilson_interval(int(population.draw(generator, rows)[0][:, 0].sum()), rows)


def _runs(generator: np.random.Generator, rows: int, resamples: int, seed: int) -> Interval:
    return seeds_interval((0.8 + 0.01 * generator.standard_normal(rows)).tolist())


def _paired_runs(
    generator: np.random.Generator, rows: int, resamples: int, seed: int, *, difference: float = 0.01
) -> Interval:
    shared = 0.8 + 0.02 * generator.standard_normal(rows)
    a, b = (shared + 0.01 * generator.standard_normal(rows) for _ in range(2))
    return paired_difference((b + difference).tolist(), a.tolist())


def _mcnemar(population: Population, generator: np.random.Generator, rows: int, resamples: int, seed: int) -> float:
    return mcnemar_test(*(table[:, 0] for table in population.draw(generator, rows))).p_value


def _permutation(population: Population, generator: np.random.Generator, rows: int, resamples: int, seed: int) -> float:
    a, b = population.draw(generator, rows)
    return permutation_test(a, b, population.statistic, resamples=resamples - 1, seed=seed).p_value


def _misses_zero(interval_of: Callable[..., Interval], *arguments: Any) -> float:
    """An interval of a difference as a test: 0 where it leaves 0 out, 1 where it holds it."""
    interval = interval_of(*arguments)
    return float(interval.low <= 0 <= interval.high)


def _gap(population: Population) -> float:
    return population.truths[1] - population.truths[0]


_FEW = labels(np.array(SHARES), np.array(CONFUSION))
_MANY = labels(np.full(MANY, 1 / MANY), SURE * np.eye(MANY) + (1 - SURE) / MANY)

INTERVALS: dict[str, tuple[float, Callable[..., Interval]]] = {
    "accuracy": (texts(0).truths[0], partial(_one, texts(0), method="percentile")),
    "accuracy-wilson": (texts(0).truths[0], partial(_wilson, texts(0))),
    "entity-f1": (sentences(0).truths[0], partial(_one, sentences(0), method="percentile")),
    "macro-f1": (_FEW.truths[0], partial(_one, _FEW, method="percentile")),
    "macro-f1-bca": (_FEW.truths[0], partial(_one, _FEW, method="bca")),
    "macro-f1-of-30": (_MANY.truths[0], partial(_one, _MANY, method="percentile")),
    "macro-f1-of-30-bca": (_MANY.truths[0], partial(_one, _MANY, method="bca")),
    "accuracy-difference": (_gap(texts(GAIN)), partial(_two, texts(GAIN))),
    "entity-f1-difference": (_gap(sentences(GAIN)), partial(_two, sentences(GAIN))),
    "mean-over-seeds": (0.8, _runs),
    "difference-over-seeds": (0.01, _paired_runs),
}
"""What is covered: the truth, and the interval of one data set."""
TESTS: dict[str, Callable[..., float]] = {
    "mcnemar": partial(_mcnemar, texts(0)),
    "permutation-accuracy": partial(_permutation, texts(0)),
    "permutation-entity-f1": partial(_permutation, sentences(0)),
    "bootstrap-accuracy": partial(_misses_zero, partial(_two, texts(0))),
    "bootstrap-entity-f1": partial(_misses_zero, partial(_two, sentences(0))),
    "pairs-over-seeds": partial(_misses_zero, partial(_paired_runs, difference=0.0)),
}
"""What may cry wolf: the p-value of one data set on which both systems are equally good."""


def _uncertainty(times: int, simulations: int) -> dict[str, Any]:
    """How far the share itself may be off, by Wilson's 95 % interval."""
    interval = wilson_interval(times, simulations)
    return {"low": interval.low, "high": interval.high, "simulations": simulations}
