"""The continual experiment: its plan, its fast profile, and how strengths are chosen."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from companion.errors import RecordError
from companion.experiments import continual, load_record, run_cells


def test_the_plan_is_every_cell_once() -> None:
    cells = continual.plan()
    assert len(cells) == len({tuple(cell.values()) for cell in cells}) == 45 + 5 * 13 + 3 * 15 + 5 * 9
    assert [cell["part"] for cell in cells[:46]] == ["choose"] * 20 + ["choose-aware"] * 25 + ["compare"]
    counts = Counter(cell["strategy"] for cell in cells if cell["part"] == "choose-aware")
    assert set(counts.values()) == {5} and counts.keys() == continual.GRIDS.keys()
    assert not any(cell.get("strategy") == "adapters" and cell.get("setting") == "class-incremental" for cell in cells)
    assert continual.CHOOSING not in continual.SEEDS


def test_the_fast_profile_measures_real_cells(tmp_path: Path) -> None:
    chosen, compared = continual.run("fast", tmp_path, say=lambda line: None)
    assert chosen.result["chosen"] == continual.GRIDS["replay"][0]
    assert compared.factors["strategy"] == "naive"
    for cell in (chosen, compared):
        assert [len(row) for row in cell.result["scores"]] == [1, 2]
        assert cell.result["average"] == pytest.approx(sum(cell.result["scores"][-1]) / 2, abs=1e-3)
        assert cell.result["updates"] == 2
    # Beside the 32 new rows of the second stage, replay reads the 16 that it remembers.
    assert chosen.result["pieces"] > 1.2 * compared.result["pieces"]


def test_the_best_value_is_that_of_dev_and_needs_the_whole_grid(tmp_path: Path) -> None:
    averages = dict(zip(continual.GRIDS["ewc"], (0.1, 0.5, 0.5, 0.2, 0.3), strict=True))

    def record(values: tuple[float, ...]) -> None:
        cells = [{"part": "choose", "strategy": "ewc", "value": value} for value in values]
        run_cells(
            continual.NAME,
            cells,
            lambda *, value, **factors: {"average": averages[value]},
            root=tmp_path,
            command="made",
            say=lambda line: None,
        )

    record(continual.GRIDS["ewc"][:3])
    with pytest.raises(RecordError, match="3 of 5 values"):
        continual.best_value("ewc", "class-incremental", tmp_path)
    with pytest.raises(RecordError, match="0 of 5 values"):
        continual.best_value("ewc", "task-aware", tmp_path)
    record(continual.GRIDS["ewc"])
    assert continual.best_value("ewc", "class-incremental", tmp_path) == 1e4


def test_the_record_has_no_cell_outside_the_plan() -> None:
    planned = {tuple(cell.values()) for cell in continual.plan()}
    try:
        measured = load_record(continual.NAME)
    except RecordError:
        measured = []
    assert {tuple(cell.factors.values()) for cell in measured} <= planned
    assert all(-1 <= cell.result["forgetting"] <= 1 for cell in measured)
