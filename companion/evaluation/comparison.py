"""Two reports on the same rows: both scores, their difference with its interval, a test, and a sentence to quote."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from companion.corpora.text_table import TextTable
from companion.errors import EvaluationError
from companion.evaluation.classification import (
    ClassificationReport,
    accuracy_of,
    indicators,
    label_counts,
    macro_f1_of,
)
from companion.evaluation.intervals import Interval
from companion.evaluation.paired import PairedTest, mcnemar_test, paired_bootstrap, permutation_test
from companion.evaluation.regression import RegressionReport
from companion.evaluation.report import EntityReport, html_table
from companion.evaluation.taxonomy import visible

Report = EntityReport | ClassificationReport | RegressionReport
NAMES = {
    "entity_f1": "entity F1",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "mean_squared_error": "mean squared error",
    "mean_absolute_error": "mean absolute error",
}
RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How two systems differ in one score.

    Taught in: book/walkthroughs/honest-experiments
    """

    metric: str
    """Which score."""
    a: Interval
    """The first system's, with the interval of its report."""
    b: Interval
    """The second system's."""
    difference: Interval
    """Second minus first, with the paired bootstrap interval by row."""
    test: PairedTest
    """How surprising the difference would be if the two were equally good."""

    @property
    def shows_one_better(self) -> bool:
        """Whether the interval of the difference leaves 0 out."""
        low, high = self.difference.low, self.difference.high
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """Two systems on the same rows; `print` it, or quote its `sentence`.

    Taught in: book/walkthroughs/honest-experiments
    """

    names: tuple[str, str]
    """What the two are called."""
    rows: int
    """How many sentences or texts both were measured on."""
    unit: str
    """What a row is: "sentences" or "texts"."""
    differences: tuple[Difference, ...]
    """One for each score, the one to quote first."""

    @property
    def sentence(self) -> str:
        """What the comparison shows, in words that can be quoted, with what it does not cover."""
        first, (a, b) = self.differences[0], map(visible, self.names)
        interval, share = first.difference, not first.metric.endswith("error")
        factor, unit, digits = (100, " points", ".1f") if share else (1, "", ".3g")
        size = f"{abs(interval.mean or 0) * factor:{digits}}{unit}"
        if not interval.mean:
            said = f"{b} and {a} have the same {NAMES[first.metric]}"
        elif share:
            said = f"{b} is {size} {'better' if interval.mean > 0 else 'worse'} than {a} in {NAMES[first.metric]}"
        else:
            more = "larger (worse)" if interval.mean > 0 else "smaller (better)"
            said = f"the {NAMES[first.metric]} of {b} is {size} {more} than that of {a}"
        low, high = ((end or 0) * factor for end in (interval.low, interval.high))
        ends = f"{interval.level * 100:g} % interval of the difference {low:{digits}} to {high:{digits}}{unit}"
        verdict = "" if first.shows_one_better else " The interval holds 0: these rows do not tell which is better."
        return (
            f"On the same {self.rows:,} {self.unit} {said} ({ends}). If the two were equally good, the luck of the "
            f"rows would show a difference at least this large in {_frequency(first.test.p_value)} such comparisons "
            f"({first.test.method}).{verdict} Not covered: the luck of training, for each is a single run, and texts "
            "of another kind."
        )

    def to_dict(self) -> dict[str, Any]:
        """The comparison as JSON values."""
        return {
            "names": list(self.names),
            "rows": self.rows,
            "unit": self.unit,
            "differences": {
                row.metric: {name: asdict(getattr(row, name)) for name in ("a", "b", "difference", "test")}
                for row in self.differences
            },
            "sentence": self.sentence,
        }

    def to_text(self, width: int | None = None) -> str:
        """The table, within `width` columns of the screen if it is given, and the sentence."""
        heading, *rows = self._rows()
        return f"{TextTable(heading=heading, rows=rows).text(width)}\n\n{self.sentence}"

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(self._rows(), [self.sentence])

    def _rows(self) -> list[list[str]]:
        level = self.differences[0].difference.level
        rows = [["", *map(visible, self.names), f"difference [{level:.0%} interval]", "p", "test"]]
        for row in self.differences:
            scores = [format(row.a), format(row.b), f"{row.difference:+.3f}"]
            rows.append([NAMES[row.metric], *scores, f"{row.test.p_value:.3g}", self._describe(row.test)])
        return rows

    def _describe(self, test: PairedTest) -> str:
        if test.only_a is None or test.only_b is None:
            return test.method
        a, b = map(visible, self.names)
        return f"{test.method}: right only in {a} {test.only_a:,}, only in {b} {test.only_b:,}"


def compare(
    report_a: Report,
    report_b: Report,
    *,
    names: tuple[str, str] = ("A", "B"),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare two reports that `companion.evaluate` made of two models on the same rows.

    Taggers are compared in entity F1 (a permutation test), classifiers in accuracy (McNemar's mid-p) and macro F1
    (permutations), regressions in their errors. Intervals are a paired bootstrap by sentence or text.

    Raises:
        EvaluationError: the reports are of different kinds, or were not made on the same rows.

    Taught in: book/walkthroughs/honest-experiments
    """
    if type(report_a) is not type(report_b):
        kinds = " and ".join(type(report).__name__ for report in (report_a, report_b))
        raise EvaluationError(f"{kinds} have no score in common", remedy="compare two models of the same task")
    _check_rows(report_a, report_b)
    find = {EntityReport: _entities, ClassificationReport: _labels, RegressionReport: _numbers}[type(report_a)]
    tables, intervals, tests = find(report_a, report_b)
    differences = []
    for metric, (rows_a, rows_b, statistic) in tables.items():
        drawn = paired_bootstrap(rows_b, rows_a, statistic, resamples=resamples, seed=seed)
        a, b = intervals[metric]
        test = tests.get(metric) or permutation_test(rows_a, rows_b, statistic, resamples=resamples, seed=seed)
        differences.append(Difference(metric=metric, a=a, b=b, difference=drawn, test=test))
    entities = isinstance(report_a, EntityReport)
    return Comparison(
        names=names,
        rows=report_a.sentences if isinstance(report_a, EntityReport) else report_a.texts,
        unit="sentences" if entities else "texts",
        differences=tuple(differences),
    )


def _check_rows(a: Report, b: Report) -> None:
    """Refuse reports whose gold labels, or words where they are known, are not the same row by row."""
    if isinstance(a, EntityReport) and isinstance(b, EntityReport):
        if (a.strict, a.scheme) != (b.strict, b.scheme):
            raise EvaluationError(
                "one report counts strictly and the other does not, or their tag schemes differ",
                remedy="score both in the same way",
            )
        sides, unit = [_gold_entities(report) for report in (a, b)], "sentence"
        if a.words is not None and b.words is not None:
            words = ([tuple(row) for row in report.words] for report in (a, b))
            sides = [list(zip(*side, strict=True)) for side in zip(sides, words, strict=True)]
    else:
        sides, unit = [list(report.gold) for report in (a, b)], "text"
    if len(sides[0]) != len(sides[1]):
        raise EvaluationError(
            f"the reports are about {len(sides[0]):,} and {len(sides[1]):,} {unit}s",
            remedy="evaluate both models on the same rows, in the same order",
        )
    for place, (one, other) in enumerate(zip(*sides, strict=True)):
        if one != other:
            raise EvaluationError(
                f"{unit} {place} is not the same in both reports: its words or its right labels differ",
                remedy="evaluate both models on the same rows, in the same order",
            )


def _gold_entities(report: EntityReport) -> list[frozenset[Any]]:
    found: list[set[Any]] = [set() for _ in range(report.sentences)]
    for outcome in report.outcomes:
        if outcome.gold is not None:
            found[outcome.sentence].add(outcome.gold)
    return [frozenset(entities) for entities in found]


def _entities(a: EntityReport, b: EntityReport) -> tuple[dict, dict, dict]:
    tables = []
    for report in (a, b):
        totals = [sentence.total for sentence in report.counts]
        tables.append(np.array([[total.correct, total.predicted, total.gold] for total in totals], dtype=np.float64))
    return {"entity_f1": (*tables, _micro_f1)}, {"entity_f1": (a.f1, b.f1)}, {}


def _labels(a: ClassificationReport, b: ClassificationReport) -> tuple[dict, dict, dict]:
    classes = sorted({*a.per_class, *b.per_class})
    truth = indicators(a.gold, classes)
    rows_a, rows_b = (label_counts(truth, indicators(report.predicted, classes)) for report in (a, b))
    tables = {"accuracy": (rows_a[:, -2:], rows_b[:, -2:], accuracy_of), "macro_f1": (rows_a, rows_b, macro_f1_of)}
    intervals = {"accuracy": (a.accuracy, b.accuracy), "macro_f1": (a.macro_f1, b.macro_f1)}
    return tables, intervals, {"accuracy": mcnemar_test(rows_a[:, -2] > 0, rows_b[:, -2] > 0)}


def _numbers(a: RegressionReport, b: RegressionReport) -> tuple[dict, dict, dict]:
    errors = [np.asarray(report.predicted) - np.asarray(report.gold) for report in (a, b)]
    sizes = {"mean_squared_error": [error**2 for error in errors], "mean_absolute_error": [*map(np.abs, errors)]}
    tables = {
        name: (*(np.stack([size, np.ones_like(size)], axis=1) for size in pair), accuracy_of)
        for name, pair in sizes.items()
    }
    return tables, {name: (getattr(a, name), getattr(b, name)) for name in sizes}, {}


def _micro_f1(sums: np.ndarray) -> np.ndarray:
    both = sums[:, 1] + sums[:, 2]
    return np.divide(2 * sums[:, 0], both, out=np.full(len(sums), np.nan), where=both > 0)


def _frequency(p_value: float) -> str:
    if p_value < 0.001:
        return "fewer than 1 of 1,000"
    return f"about {round(p_value * 1000)} of 1,000" if p_value < 0.01 else f"about {round(p_value * 100)} of 100"
