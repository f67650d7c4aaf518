"""A checkpoint of an earlier version is taken up by today's, and ends as it would have ended then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from companion.errors import CheckpointError
from companion.training.checkpoint import SCHEMA
from companion.training.outcome import Run
from tests.faults.golden_run import GOLDEN, LEFT_AT, go
from tests.unit.training.test_restore import seal

CLOSE = 1e-6
schemas = pytest.mark.parametrize("schema", [f"schema-{number}" for number in range(1, SCHEMA + 1)])


@pytest.fixture
def left(tmp_path: Path) -> Callable[[str], Path]:
    """Copies the folder of a run that was left half way."""

    def copy(schema: str) -> Path:
        return Path(shutil.copytree(GOLDEN / schema / "checkpoints", tmp_path / "run" / "checkpoints")).parent

    return copy


def newest(folder: Path) -> Path:
    return folder / "checkpoints" / f"step-{LEFT_AT:08d}"


def furthest(run: Run, schema: str) -> float:
    """The greatest distance of a weight from where the run ended then."""
    expected, found = load_file(GOLDEN / schema / "expected.safetensors"), run.model.state_dict()
    assert expected.keys() == found.keys()
    return max((found[name] - tensor).abs().max().item() for name, tensor in expected.items())


@schemas
def test_a_run_of_an_earlier_version_goes_on(left, schema):
    folder, expected = left(schema), json.loads((GOLDEN / schema / "expected.json").read_text("utf-8"))
    history = json.loads((newest(folder) / "state.json").read_text("utf-8"))["updates"]
    run = go(folder)
    assert run.notes == (f"resumed: {LEFT_AT} of 12 updates were done",)
    assert (run.steps, run.best_step) == (expected["steps"], expected["best_step"])
    assert (len(run.history), len(run.evaluations)) == (12, 3)
    assert run.history[:LEFT_AT] == history, "what was done is as it was written"
    assert run.losses == pytest.approx(expected["losses"], abs=CLOSE)
    assert [row["loss"] for row in run.evaluations] == pytest.approx(
        [row["loss"] for row in expected["evaluations"]], abs=CLOSE
    )
    assert furthest(run, schema) < CLOSE


@schemas
def test_a_run_of_today_ends_there_too(schema):
    assert furthest(go(None), schema) < CLOSE


@schemas
@pytest.mark.parametrize("lost", ["exp_avg", "exp_avg_sq", "step"])
def test_moments_that_are_lost_end_elsewhere(left, schema, lost):
    """The twin: what is within the limit above is so because every part was taken up."""
    path = newest(folder := left(schema)) / "optimizer.safetensors"
    moments = load_file(path)
    zeroed = [name for name in moments if name.endswith(f"/{lost}")]
    save_file({name: torch.zeros_like(value) if name in zeroed else value for name, value in moments.items()}, path)
    seal(newest(folder))
    assert len(zeroed) == 3
    assert furthest(go(folder), schema) > 100 * CLOSE


@schemas
def test_a_contract_that_is_none_of_this_run_is_refused(left, schema):
    """The twin of going on: the contract of then is read, and not passed over."""
    path = newest(folder := left(schema)) / "contract.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "seed": 1}), encoding="utf-8")
    seal(newest(folder))
    with pytest.raises(CheckpointError, match="the run folder belongs to another run: seed: 1 → 0"):
        go(folder)


def test_every_schema_has_a_run_of_its_time_in_a_few_kilobytes_of_plain_files():
    folders = sorted(path.name for path in GOLDEN.iterdir())
    assert folders == sorted(f"schema-{number}" for number in range(1, SCHEMA + 1)), "write one with golden_run"
    for folder in folders:
        files = [path for path in (GOLDEN / folder).rglob("*") if path.is_file()]
        assert {path.suffix for path in files} == {".safetensors", ".json"}
        assert len(files) == 12
        assert sum(path.stat().st_size for path in files) < 20_000
