"""Coverage: the populations have the truth they claim, the record keeps its promises, and a bad interval is seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from companion.evaluation.intervals import Interval
from companion.experiments import interval_coverage as module
from companion.experiments.interval_coverage import INTERVALS, NAME, ROWS, TESTS, TRAINED, measure, run
from companion.experiments.records import load_record

POPULATIONS = {
    "texts": module.texts(module.GAIN),
    "sentences": module.sentences(module.GAIN),
    "few labels": module.labels(np.array(module.SHARES), np.array(module.CONFUSION)),
    "many labels": module.labels(np.full(4, 0.25), 0.6 * np.eye(4) + 0.1),
}


@pytest.mark.parametrize("name", POPULATIONS)
def test_a_huge_data_set_has_the_truth_that_is_claimed(name: str) -> None:
    population = POPULATIONS[name]
    tables = population.draw(np.random.default_rng(0), 200_000)
    assert len(tables) == len(population.truths)
    for table, truth in zip(tables, population.truths, strict=True):
        assert population.statistic(table.sum(0, keepdims=True))[0] == pytest.approx(truth, abs=0.005)


def test_equal_systems_are_equal_and_answer_the_same_rows() -> None:
    for population in (module.texts(0), module.sentences(0)):
        assert population.truths[0] == population.truths[1]
    a, b = module.texts(0).draw(np.random.default_rng(0), 20_000)
    # What is hard for one is hard for the other: right answers go together.
    assert np.corrcoef(a[:, 0], b[:, 0])[0, 1] > 0.1


def test_the_fast_profile_measures_everything_once(tmp_path: Path) -> None:
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["measured"] for cell in cells] == [*INTERVALS, *TESTS]
    assert {cell.factors["rows"] for cell in cells} == {ROWS[0], TRAINED}
    for cell in cells:
        share = cell.result["false_positives" if cell.factors["measured"] in TESTS else "coverage"]
        assert cell.result["low"] <= share <= cell.result["high"]


def test_sabotaged_twin_an_interval_of_half_the_width_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, honest = INTERVALS["mean-over-seeds"]

    def half(*arguments: object) -> Interval:
        i = honest(*arguments)
        return Interval(mean=i.mean, low=(i.low + i.mean) / 2, high=(i.high + i.mean) / 2, n=i.n, sd=i.sd)

    monkeypatch.setattr(module, "SIMULATIONS", 400)
    monkeypatch.setitem(INTERVALS, "mean-over-seeds", (truth, half))
    seen = measure(measured="mean-over-seeds", rows=TRAINED, full=True)
    assert seen["high"] < 0.93
    assert seen["coverage"] + seen["above"] + seen["below"] == pytest.approx(1.0)


def test_the_record_keeps_what_is_promised() -> None:
    cells = {(cell.factors["measured"], cell.factors["rows"]): cell.result for cell in load_record(NAME)}
    planned = {
        (measured, rows) for measured in (*INTERVALS, *TESTS) for rows in ((TRAINED,) if "seeds" in measured else ROWS)
    }
    assert set(cells) == planned
    assert all(result["simulations"] == module.SIMULATIONS for result in cells.values())
    # Macro F1 over thirty labels is there to show where intervals fail.
    covered = {
        cell: result["coverage"] for cell, result in cells.items() if cell[0] in INTERVALS and "30" not in cell[0]
    }
    assert len(covered) == 7 * 3 + 2
    assert all(0.93 <= share <= 0.97 for share in covered.values()), covered
    thirty = [[cells[f"macro-f1-of-30{method}", rows]["coverage"] for rows in ROWS] for method in ("", "-bca")]
    assert all(percentile < bca for percentile, bca in zip(*thirty, strict=True)), thirty
    wolves = {cell: result["false_positives"] for cell, result in cells.items() if cell[0] in TESTS}
    assert len(wolves) == 5 * 3 + 1
    assert all(share <= 0.06 for share in wolves.values()), wolves
