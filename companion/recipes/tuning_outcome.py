"""What a search leaves: its trials, its winner, and how much the winner's dev score promises too much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from companion.corpora.text_table import TextTable
from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, seeds_interval
from companion.evaluation.report import html_table

SEEDS_NEEDED = 3
"""From how many repetitions on there is an interval over seeds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """What one trial chose, and what came of it."""

    number: int
    """Its place in the search, from 0."""
    settings: Mapping[str, Any]
    """What it chose."""
    state: str
    """"complete", "pruned" (given up early), or "diverged" (its loss stopped being a number)."""
    value: float | None
    """Its best dev score; None where it has none."""
    evaluations: tuple[float, ...]
    """Its dev score at each evaluation."""
    updates: int | None
    """How many updates it made; None where it diverged."""
    remark: str = ""
    """What went wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repetition:
    """The winner's settings, trained once more with a seed that the search never used."""

    seed: int
    """The seed."""
    dev: float
    """The dev score of its best weights."""
    test: float
    """Their test score."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Optimism:
    """How much better a search's winner looks on dev, where it was chosen, than on test, where it was not.

    The gap holds the luck of the choice and whatever makes one split harder than the other; repetitions with new seeds
    tell these apart, since they meet both splits without having been chosen.

    Taught in: book/walkthroughs/honest-experiments
    """

    dev: Interval
    """The winner's dev score, with its bootstrap interval by row."""
    test: Interval
    """The same weights on test."""
    gap: Interval
    """How much better dev is, with the interval for rows drawn anew in both splits."""
    repeats_dev: Interval | None = None
    """The dev score of the winner's settings over new seeds, with Student's interval."""
    repeats_test: Interval | None = None
    """Their test score over new seeds."""
    gap_over_seeds: Interval | None = None
    """How much the dev score that won exceeds the test scores of new seeds."""

    def sentence(self, metric: str, trials: int) -> str:
        """One sentence that a person can quote, and a second one, over seeds, where there are repetitions."""
        name, gap = metric.replace("_", " ").replace("f1", "F1"), self.gap
        if gap.low > 0:
            reading = "more than the chance of the rows explains"
        elif gap.high < 0:
            reading = "so test was the easier split here"
        else:
            reading = "so these rows cannot tell it from none"
        said = (
            f"The best of {trials} trials has {name} {self.dev.mean:.3f} on dev, which chose it, and "
            f"{self.test.mean:.3f} on test, which was opened after the search: dev is "
            f"{'optimistic' if gap.mean >= 0 else 'pessimistic'} by {abs(gap.mean):.3f} (95 % interval of the optimism "
            f"{gap.low:+.3f} to {gap.high:+.3f}), {reading}."
        )
        if self.gap_over_seeds is None or self.repeats_dev is None or self.repeats_test is None:
            return f"{said} This is one training of these settings; how far seeds move it, three repetitions show."
        seeds = self.gap_over_seeds
        return (
            f"{said} Trained again with {seeds.n} new seeds, the same settings have {self.repeats_dev.mean:.3f} on dev "
            f"and {self.repeats_test.mean:.3f} on test; the dev score that won is better than the latter by "
            f"{seeds.mean:+.3f} (95 % interval over seeds {seeds.low:+.3f} to {seeds.high:+.3f})."
        )


def measure_optimism(
    dev: Interval, test: Interval, *, greater_is_better: bool = True, repetitions: tuple[Repetition, ...] = ()
) -> Optimism:
    """The gap between two scores whose intervals are bootstraps of different rows, and over seeds from three on.

    The splits are drawn independently, so their standard errors add as squares; the interval is the normal one with
    the bootstrap's standard error. It says how sure the gap is for these weights, not how another search would end.

    Raises:
        EvaluationError: a score is undefined or has no standard error.

    Follows: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", section 12.2.
    Taught in: book/walkthroughs/honest-experiments
    """
    for name, score in (("dev", dev), ("test", test)):
        if score.mean is None or score.sd is None:
            raise EvaluationError(
                f"the {name} score has no standard error, so the gap has no interval",
                remedy=f"give {name} more rows, and rows with labels",
            )
    sign = 1 if greater_is_better else -1
    gap, error = sign * (dev.mean - test.mean), math.hypot(dev.sd, test.sd)
    half = NormalDist().inv_cdf((1 + dev.level) / 2) * error
    over_seeds: dict[str, Interval] = {}
    if len(repetitions) >= SEEDS_NEEDED:
        over_seeds = {
            "repeats_dev": seeds_interval([row.dev for row in repetitions]),
            "repeats_test": seeds_interval([row.test for row in repetitions]),
            "gap_over_seeds": seeds_interval([sign * (dev.mean - row.test) for row in repetitions]),
        }
    interval = Interval(mean=gap, low=gap - half, high=gap + half, n=dev.n + test.n, sd=error, level=dev.level)
    return Optimism(dev=dev, test=test, gap=interval, **over_seeds)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tuned:
    """A finished search; `print` it.

    Taught in: book/walkthroughs/honest-experiments
    """

    metric: str
    """The dev score that decided."""
    trials: tuple[Trial, ...]
    """All trials, by number."""
    best: Trial
    """The winner: the complete trial with the best dev score, the earliest of several."""
    optimism: Optimism | None
    """Dev against test for the winner; None where the corpus has no test split."""
    repetitions: tuple[Repetition, ...]
    """The winner's settings with new seeds, where they were asked for."""
    plan: str
    """The digest of the plan that was written before the first trial."""
    folder: Path
    """The search folder; `model/` in it is the winner, ready to use."""

    @property
    def sentence(self) -> str:
        """The search's own optimism, in plain words."""
        if self.optimism is None:
            return "There is no test split, so how optimistic the winning dev score is cannot be said."
        return self.optimism.sentence(self.metric, len(self.trials))

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready values, without the folder."""
        return {
            "metric": self.metric,
            "trials": [asdict(trial) for trial in self.trials],
            "best": asdict(self.best),
            "optimism": None if self.optimism is None else asdict(self.optimism),
            "repetitions": [asdict(row) for row in self.repetitions],
            "plan": self.plan,
            "sentence": self.sentence,
        }

    def table(self) -> list[list[str]]:
        """The trials as rows of text, the first one the header; the winner is marked."""
        names = list(dict.fromkeys(name for trial in self.trials for name in trial.settings))
        rows = [["trial", *names, "updates", f"dev {self.metric}", ""]]
        for trial in self.trials:
            mark = "← best" if trial.number == self.best.number else "" if trial.state == "complete" else trial.state
            rows.append(
                [
                    str(trial.number + 1),
                    *(_short(trial.settings.get(name, "")) for name in names),
                    "–" if trial.updates is None else str(trial.updates),
                    "–" if trial.value is None else f"{trial.value:.3f}",
                    mark,
                ]
            )
        return rows

    def to_text(self, width: int | None = None) -> str:
        """The trials as a table, within `width` columns of the screen if it is given, and what came of them."""
        heading, *rows = self.table()
        chosen = ", ".join(f"{name} {_short(value)}" for name, value in self.best.settings.items())
        ended = [trial.state for trial in self.trials]
        given_up = ", ".join(f"{ended.count(state)} {state}" for state in ("pruned", "diverged") if state in ended)
        return "\n".join(
            [
                TextTable(heading=heading, rows=rows, left=0).text(width),
                "",
                f"best settings (trial {self.best.number + 1}): {chosen}",
                *([f"of {len(self.trials)} trials {given_up}"] if given_up else []),
                self.sentence,
            ]
        )

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(self.table(), [self.sentence])


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
