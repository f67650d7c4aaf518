"""Decay against L2: the closed form, the record, and that measuring again gives the record."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from companion.experiments import load_record
from companion.experiments.decay_against_l2 import ARMS, DECAYS, NAME, SEEDS, descend, measure, penalised, problem, run


def test_the_closed_form_on_a_diagonal_problem() -> None:
    curvature_22, target_2 = torch.diag(torch.tensor([1.9, 0.1])).double(), torch.ones(2).double()
    assert penalised(curvature_22, target_2, 0.1) == pytest.approx([0.95, 0.5])
    assert penalised(curvature_22, target_2, 0.0) == pytest.approx([1.0, 1.0])


def test_every_problem_is_a_long_valley() -> None:
    for seed in range(20):
        steep, flat = problem(seed)[0].diagonal().tolist()
        assert 0.6 < steep < 1.6 and 50 < steep / flat < 800
    assert not torch.equal(problem(0)[0], problem(1)[0])


def test_under_sgd_the_two_are_one_and_under_adam_they_are_not() -> None:
    ends = {arm: torch.tensor(descend(arm, *problem(3), steps=200)) for arm in ARMS}
    assert torch.allclose(ends["sgd-l2"], ends["sgd-decoupled"], atol=1e-12)
    assert (ends["adam-l2"] - ends["adamw"]).abs().max() > 0.1
    assert torch.allclose(ends["adam-l2"][0], ends["adamw"][0]), "without decay they agree"


def test_the_fast_profile_runs_every_arm(tmp_path: Path) -> None:
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["arm"] for cell in cells] == list(ARMS)
    assert all(cell.result["decays"] == list(DECAYS) for cell in cells)


def test_the_record_holds_five_seeds_of_every_arm() -> None:
    cells = load_record(NAME)
    assert {(cell.factors["arm"], cell.factors["seed"]) for cell in cells} == {(a, s) for a in ARMS for s in SEEDS}
    for cell in cells:
        ends = torch.tensor([cell.result["first_weight"], cell.result["second_weight"]])
        minima = torch.tensor([cell.result["minimum_first_weight"], cell.result["minimum_second_weight"]])
        if cell.factors["arm"] == "adamw":
            assert (ends - 1).abs().max() < 0.02
        else:
            assert (ends - minima).abs()[:, 3:].max() < 0.01, "λ = 0.1 and more has arrived"


def test_measuring_again_gives_the_record() -> None:
    [recorded] = [cell for cell in load_record(NAME) if cell.name == "sgd-l2-5000-3"]
    again = measure(**recorded.factors)
    for name, values in recorded.result.items():
        assert again[name] == pytest.approx(values, abs=1e-6)
