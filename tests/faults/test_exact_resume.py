"""A pairwise sample of the exact-resume matrix, one kill a cell; `make torture` kills every cell more than once."""

from __future__ import annotations

import signal
from itertools import combinations

import pytest
import torch

from tests.faults.exact_resume import (
    CHOICES,
    UPDATES,
    Setting,
    Trial,
    calls_of,
    count_calls,
    kill_and_resume,
    matrix,
    pairwise,
    run_all,
)
from tests.faults.torture import manifests

SAMPLE = pairwise(matrix())


def computes_bf16() -> bool:
    from companion.training.resolve import _computes_bf16

    return _computes_bf16(torch.device("cpu"))


@pytest.mark.two_process
@pytest.mark.parametrize("setting", SAMPLE, ids=str)
def test_a_killed_run_ends_with_the_same_bits(tmp_path, setting):
    if setting.precision == "bf16" and not computes_bf16():
        pytest.skip("this processor does not compute in bf16")
    [trial] = kill_and_resume(setting, tmp_path, kills=1, seed=1)
    assert trial.passed, trial


def test_the_matrix_is_whole():
    assert len(matrix()) == len(set(matrix())) == 48 + 96
    assert all(setting.workers == 0 for setting in matrix() if setting.feed == "source")


def test_the_sample_joins_every_two_values():
    met = {pair for setting in SAMPLE for pair in combinations([getattr(setting, name) for name in CHOICES], 2)}
    possible = {pair for setting in matrix() for pair in combinations([getattr(setting, name) for name in CHOICES], 2)}
    assert met == possible
    assert len(SAMPLE) <= 12


PLAIN = Setting(task="token", feed="source", order="random", workers=0, accumulation=3, precision="fp32", processes=1)


@pytest.mark.parametrize("sabotage", [False, True])
def test_a_dropout_that_follows_the_process_is_seen(tmp_path, sabotage):
    assert run_all(PLAIN, tmp_path / "straight", sabotage=sabotage) == [0]
    codes = run_all(PLAIN, tmp_path / "run", place=("training/loop.py:_take_step", 8), sabotage=sabotage)
    assert codes == [-signal.SIGKILL]
    assert run_all(PLAIN, tmp_path / "run", sabotage=sabotage) == [0]
    assert (manifests(tmp_path / "run") != manifests(tmp_path / "straight")) is sabotage


def test_the_run_is_cut_saved_and_evaluated(tmp_path):
    [calls] = calls_of(PLAIN, tmp_path / "run")
    totals = {name: count for name, (_, count) in calls.items()}
    assert totals["training/loop.py:_take_step"] == UPDATES
    assert totals["encoding/source.py:TokenBatches.collate"] >= 3 * UPDATES
    assert totals["training/checkpoint.py:Checkpoints.save"] >= UPDATES // 2
    assert totals["training/judgement.py:evaluate_model"] == UPDATES // 3
    assert calls["training/loop.py:_take_step"][0] == 2, "saved after the second update for the first time"
    late = [name for name, (early, count) in calls.items() if early < count]
    assert len(late) > 60, "there are many places to die at"


def test_calls_are_counted():
    from companion.randomness import key

    calls = count_calls(lambda: [key(0, "x") for _ in range(3)] and None)
    assert calls == {"randomness.py:key": (0, 3)}


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({}, True),
        ({"codes": (-9, 17)}, True),
        ({"codes": (-9, 0)}, True),
        ({"codes": (0,)}, False),
        ({"codes": (-9, None)}, False),
        ({"codes": (-9, 1)}, False),
        ({"codes": (-9, -9)}, False),
        ({"resumed": (0, 1)}, False),
        ({"equal": False}, False),
    ],
)
def test_a_trial_passes_only_as_it_should(change, passed):
    made = {"place": "x", "turn": 1, "codes": (-9,), "resumed": (0,), "saved": 1, "equal": True} | change
    assert Trial(setting=PLAIN, **made).passed is passed
