"""Records: written cell by cell, resumed, checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.errors import CompanionError, ConfigError, RecordError
from companion.experiments import load_record, run_cells, validate_cell, values_of
from companion.experiments.catalog import NAMES, find
from companion.experiments.records import only

# Measured by the tests themselves: make torture, make bench.
NO_EXPERIMENTS = {"torture", "training-speed", "prediction-speed", "prediction-scale", "service", "serving"}
CELLS = [{"arm": arm, "seed": seed} for arm in ("left", "right") for seed in (1, 0)]


def _run(root: Path, measured: list[dict], stop_after: int = 99) -> list:
    def measure(**factors: object) -> dict[str, float]:
        if len(measured) == stop_after:
            raise KeyboardInterrupt
        measured.append(factors)
        return {"score": len(measured) + factors["seed"] / 10}  # type: ignore[operator]

    return run_cells("toy", CELLS, measure, root=root, command="toy", say=lambda line: None)


def test_a_run_that_is_cut_off_goes_on_where_it_was(tmp_path: Path) -> None:
    first: list[dict] = []
    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path, first, stop_after=2)
    assert len(list((tmp_path / "toy").glob("*.json"))) == 2
    second: list[dict] = []
    cells = _run(tmp_path, second)
    assert second == CELLS[2:]
    assert [dict(cell.factors) for cell in cells] == CELLS


def test_single_cells_can_be_measured(tmp_path: Path) -> None:
    measured: list[dict] = []
    with only("right-"):
        assert [cell.factors["arm"] for cell in _run(tmp_path, measured)] == ["right", "right"]
    assert len(measured) == 2
    with only("left-0"):
        assert [cell.name for cell in _run(tmp_path, measured)] == ["left-0"]
    with only("middle"):
        assert _run(tmp_path, measured) == []
    assert len(_run(tmp_path, measured)) == 4 == len(measured)


def test_values_come_in_order_of_seed(tmp_path: Path) -> None:
    _run(tmp_path, [])
    cells = load_record("toy", tmp_path)
    assert values_of(cells, "score", arm="left") == [2.0, 1.1]
    with pytest.raises(RecordError):
        values_of(cells, "score", arm="middle")
    with pytest.raises(RecordError):
        values_of(cells, "speed", arm="left")


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("result"),
        lambda document: document.update(result={}),
        lambda document: document.update(factors={"arm": "other", "seed": 0}),
        lambda document: document.update(schema=99),
        lambda document: document.update(extra=1),
        lambda document: document.update(seconds="long"),
    ],
)
def test_a_damaged_record_is_refused(tmp_path: Path, damage: object) -> None:
    _run(tmp_path, [])
    path = min((tmp_path / "toy").glob("*.json"))
    document = json.loads(path.read_text(encoding="utf-8"))
    damage(document)  # type: ignore[operator]
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(RecordError, match=path.name):
        validate_cell(path)


def test_no_record_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="run the experiment"):
        load_record("nothing", tmp_path)


def test_every_shipped_record_follows_the_schema() -> None:
    from companion.corpora.location import data_root

    folders = sorted(path.name for path in (data_root() / "records").iterdir() if path.is_dir())
    assert set(folders) - NO_EXPERIMENTS <= set(NAMES)
    for name in folders:
        for cell in load_record(name):
            assert cell.seconds > 0
            assert "/" not in cell.command, "a record names no path of a machine"
            assert "torch" in cell.environment
    assert len(folders) >= 2


def test_every_experiment_can_be_found() -> None:
    for name in NAMES:
        assert callable(find(name).run)
    with pytest.raises(ConfigError, match="nowhere"):
        find("nowhere")
    assert issubclass(RecordError, CompanionError)
