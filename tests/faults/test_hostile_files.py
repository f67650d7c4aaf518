"""More than a hundred files made to run code: none runs, no pickle is read, nothing hangs, each ends in a typed error,
in the checkpoint before it, or is opened with its hostile part ignored."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import pytest

from tests.faults.hostile import (
    CHECKPOINTS,
    CODE,
    MODELS,
    Arms,
    attack,
    attack_in_child,
    make_targets,
    watching,
    write_code,
)

HARMLESS_OUTCOMES = {"refused", "passed over", "ignored"}
# What could wait for ever is opened in a child that can be given up.
MAY_HANG = [
    name for name in (*CHECKPOINTS, *MODELS) if any(word in name.split() for word in ("pipe", "device", "device's"))
]


@pytest.fixture(scope="module")
def targets(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("targets")
    make_targets(folder)
    return folder


def check(name, watch):
    assert not watch.code_ran, name
    assert (watch.pickles_read, watch.events) == (0, []), name
    assert watch.outcome in HARMLESS_OUTCOMES, f"{name}: {watch.outcome} {watch.message}"


@pytest.mark.parametrize("arena", ["checkpoints", "models"])
def test_a_hostile_file_achieves_nothing(targets, tmp_path, arena):
    names = [name for name in {"checkpoints": CHECKPOINTS, "models": MODELS}[arena] if name not in MAY_HANG]
    outcomes = set()
    for name in names:
        watch = attack(str(targets), str(tmp_path / "place"), name)
        check(name, watch)
        outcomes.add(watch.outcome)
        shutil.rmtree(tmp_path / "place")
    assert len(names) >= 40
    assert len(outcomes) == 2


def test_nothing_waits_for_ever(targets, tmp_path):
    for name in MAY_HANG:
        check(name, attack_in_child(targets, tmp_path / "place", name))
        shutil.rmtree(tmp_path / "place")
    assert len(MAY_HANG) == 10


def test_there_are_enough_of_them():
    assert not set(CHECKPOINTS) & set(MODELS)
    assert len(CHECKPOINTS) + len(MODELS) >= 110


def test_an_untouched_target_is_opened(targets, tmp_path):
    CHECKPOINTS["nothing"], MODELS["nothing at all"] = (lambda folder, arms: None,) * 2
    try:
        outcomes = [
            attack(str(targets), str(tmp_path / f"{n}"), name).outcome
            for n, name in enumerate(("nothing", "nothing at all"))
        ]
    finally:
        del CHECKPOINTS["nothing"], MODELS["nothing at all"]
    assert outcomes == ["passed over", "ignored"], "nothing was refused"


def test_the_watch_sees_code_that_runs_and_pickles_that_are_read(tmp_path):
    arms = Arms(canary=tmp_path / "canary", outside=tmp_path / "outside")
    write_code(tmp_path / "code", tmp_path / "other canary")
    with watching(arms, tmp_path / "code") as watch:
        pickle.loads(arms.pickle())
    assert (watch.code_ran, watch.pickles_read) == (True, 2), "the reader, and the function that the pickle looked up"
    shutil.rmtree(arms.canary)
    with watching(arms, tmp_path / "code") as watch:
        __import__(CODE)
    assert (watch.code_ran, watch.pickles_read) == (True, 0)
    with watching(arms, tmp_path / "code") as watch:
        pass
    assert not watch.code_ran


def test_the_attacks_work_on_a_reader_that_trusts(tmp_path):
    """The pickles under other names are real ones: read as such, each runs."""
    import torch

    arms = Arms(canary=tmp_path / "canary", outside=tmp_path / "outside")
    pickled = [name for name in CHECKPOINTS if name.startswith("pickle ")]
    for name in pickled:
        checkpoint = tmp_path / "checkpoint"
        checkpoint.mkdir()
        CHECKPOINTS[name](checkpoint, arms)
        [path] = [path for path in checkpoint.iterdir() if path.name != "manifest.json"]
        pickle.loads(path.read_bytes())
        assert arms.canary.exists(), name
        shutil.rmtree(arms.canary)
        shutil.rmtree(checkpoint)
    assert len(pickled) == 16
    (tmp_path / "checkpoint").mkdir()
    CHECKPOINTS["a torch file as model.safetensors"](tmp_path / "checkpoint", arms)
    # By its name torch would take it for what it says it is.
    (tmp_path / "checkpoint" / "model.safetensors").rename(tmp_path / "model.bin")
    torch.load(tmp_path / "model.bin", weights_only=False)
    assert arms.canary.exists()
