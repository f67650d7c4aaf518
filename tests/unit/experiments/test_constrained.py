"""Constrained methods on equal terms: the same rows, updates and test for every one, each at its own best rate."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from companion.errors import RecordError
from companion.experiments import constrained_costs, constrained_methods, constrained_rates, load_record
from companion.experiments.constrained_systems import CORPORA, METHODS, MORE_METHODS, draw, held_out, method_of


def test_the_plan_is_every_cell_once() -> None:
    cells = constrained_methods.plan()
    assert len(cells) == len({tuple(cell.values()) for cell in cells}) == 390
    counts = Counter((cell["method"], cell["labels"]) for cell in cells)
    assert all(counts[method, labels] == 15 for method in METHODS for labels in (50, 200, 800))
    assert all(counts[method, 200] == 15 and counts[method, 50] == 0 for method in MORE_METHODS)
    assert sum(counts[method, 1329] for method in ("full", "lora", "bitfit")) == 15


def test_the_fast_profiles_measure_real_cells(tmp_path: Path) -> None:
    [cell] = constrained_rates.run("fast", tmp_path, say=lambda line: None)
    assert cell.result["trainable"] == 6 * 2 * 8 * (384 + 384) + cell.result["head"]
    assert cell.result["optimizer_bytes"] == 8 * cell.result["trainable"]
    full, top = constrained_methods.run("fast", tmp_path, say=lambda line: None)
    assert full.result["trainable"] > 22e6 > 4e6 > top.result["trainable"] > 3.5e6
    assert full.result["rows"] == top.result["rows"] == 20
    assert full.result["steps"] == top.result["steps"] == 2
    # The same first head on the same body, and the same first rows.
    assert full.result["head"] == top.result["head"]


def test_a_smaller_draw_is_the_beginning_of_a_larger_one() -> None:
    assert draw("newsroom", 50, 3) == draw("newsroom", 200, 3)[:50]
    assert draw("newsroom", 50, 3) != draw("newsroom", 50, 4)
    assert held_out("newsroom", "test", 100) == held_out("newsroom", "test", 100)
    assert len(held_out("newsroom", "test", 100)) == 100
    assert len(held_out("newsroom", "test", 10_000)) == 346


@pytest.mark.public_data
@pytest.mark.skipif("COMPANION_DATA" not in os.environ, reason="COMPANION_DATA is not set")
@pytest.mark.parametrize("corpus", CORPORA)
def test_all_labels_are_all_labels(corpus: str) -> None:
    from companion.experiments.constrained_systems import splits_of

    assert len(splits_of(corpus).train) == constrained_methods.EVERYTHING[corpus]
    assert len(draw(corpus, 50, 0)) == 50


def test_every_name_is_a_method() -> None:
    assert len({type(method_of(name)) for name in (*METHODS, *MORE_METHODS)}) == 9


def test_the_best_rate_is_that_of_dev_and_needs_the_whole_grid(tmp_path: Path) -> None:
    scores = dict(zip(constrained_rates.RATES, (0.1, 0.5, 0.5, 0.2, 0.3), strict=True))

    def record(rates: tuple[float, ...]) -> None:
        from companion.experiments import run_cells

        cells = [{"corpus": "newsroom", "method": "lora", "rate": rate} for rate in rates]
        run_cells(
            constrained_rates.NAME,
            cells,
            lambda *, rate, **factors: {"score": scores[rate]},
            root=tmp_path,
            command="made",
            say=lambda line: None,
        )

    record(constrained_rates.RATES[:2])
    with pytest.raises(RecordError, match="2 of 5 learning rates") as caught:
        constrained_rates.best_rate("newsroom", "lora", tmp_path)
    assert "--cell newsroom-lora" in caught.value.remedy
    record(tuple(scores))
    assert constrained_rates.best_rate("newsroom", "lora", tmp_path) == 5e-4


def test_the_records_have_no_cell_outside_the_plan() -> None:
    planned = {"constrained-methods": {tuple(cell.values()) for cell in constrained_methods.plan()}}
    planned["constrained-rates"] = {
        (corpus, method, rate)
        for corpus in CORPORA
        for method in (*METHODS, *MORE_METHODS)
        for rate in constrained_rates.RATES
    }
    for name, cells in planned.items():
        # The full runs go on from one time to the next; what is there belongs to the plan.
        try:
            measured = load_record(name)
        except RecordError:
            measured = []
        assert {tuple(cell.factors.values()) for cell in measured} <= cells
        assert all(cell.result["learning_rate"] in constrained_rates.RATES for cell in measured)
    assert len(planned["constrained-rates"]) == 135


def test_costs_are_measured_in_a_process_of_their_own(tmp_path: Path) -> None:
    [cell] = constrained_costs.run("fast", tmp_path, say=lambda line: None)
    assert 0 < cell.result["seconds_per_update"] < 60
    assert cell.result["memory"] > 10e6
    # Two matrices of 8 × 384 beside each of two in six layers, the head, and what a file needs besides.
    assert 4 * cell.result["trainable"] < cell.result["stored_bytes"] < 4 * cell.result["trainable"] + 10_000
    assert cell.result["updates"] == 12
