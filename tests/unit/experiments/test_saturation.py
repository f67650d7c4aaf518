"""Saturation: the two forms against 50 digits, the record, and that measuring again gives the record."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from companion.experiments import load_record
from companion.experiments.saturation import (
    NAME,
    PRECISIONS,
    SEEDS,
    SPREADS,
    exact,
    hinted_words,
    measure,
    run,
    stable,
    textbook,
)


@pytest.mark.parametrize(("z", "y", "loss"), [(20.0, 0.0, 20.0), (-110.0, 1.0, 110.0)])
def test_the_pilot(z: float, y: float, loss: float) -> None:
    logit, label = torch.tensor(z, requires_grad=True), torch.tensor(y)
    assert textbook(logit, label).item() == math.inf
    [gradient] = torch.autograd.grad(textbook(logit, label), logit)
    assert gradient.isnan()
    assert stable(logit, label).item() == loss
    [gradient] = torch.autograd.grad(stable(logit, label), logit)
    assert gradient.item() == 1 - 2 * y


def test_a_right_and_certain_answer_is_no_number_either() -> None:
    assert textbook(torch.tensor(20.0), torch.tensor(1.0)).isnan()
    assert stable(torch.tensor(20.0), torch.tensor(1.0)).item() == pytest.approx(math.exp(-20), rel=1e-6)


def test_the_gradient_has_no_corner_at_zero() -> None:
    for y in (0.0, 1.0):
        logit = torch.tensor(0.0, requires_grad=True)
        stable(logit, torch.tensor(y)).backward()
        assert logit.grad.item() == 0.5 - y


def test_exact_is_exact() -> None:
    assert exact(0.0, 1.0) == math.log(2)
    assert exact(-30.0, 0.0) == math.log1p(math.exp(-30))
    assert exact(-40.0, 0.0) == pytest.approx(math.exp(-40), rel=1e-15)
    assert exact(3.0, 0.0) == pytest.approx(3 + math.log1p(math.exp(-3)), rel=1e-15)
    assert exact(-3.0, 1.0) == exact(3.0, 0.0)


def test_the_fast_profile_runs_both_precisions(tmp_path: Path) -> None:
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["precision"] for cell in cells] == list(PRECISIONS)
    for cell in cells:
        assert cell.result["spreads"] == list(SPREADS)
        assert cell.result["textbook_loss_not_finite"][-1] > 0.2
        assert cell.result["stable_loss_not_finite"] == cell.result["stable_gradient_not_finite"] == [0.0] * 12


def test_the_record_holds_five_seeds_of_both_precisions() -> None:
    cells = load_record(NAME)
    assert {(cell.factors["precision"], cell.factors["seed"]) for cell in cells} == {
        (precision, seed) for precision in PRECISIONS for seed in SEEDS
    }
    for cell in cells:
        digits = 3e-7 if cell.factors["precision"] == "float32" else 5e-16
        assert max(cell.result["stable_largest_error"]) < digits
        assert max(cell.result["textbook_largest_error"]) == 1.0
        assert cell.result["stable_loss_not_finite"] == [0.0] * len(SPREADS)


def test_measuring_again_gives_the_record() -> None:
    [recorded] = [cell for cell in load_record(NAME) if cell.name == "float32-4000-3"]
    again = measure(**recorded.factors)
    for name, values in recorded.result.items():
        if name.endswith("not_finite"):
            assert again[name] == pytest.approx(values, abs=0.002)
    assert again["textbook_last_finite_logit"] == pytest.approx(recorded.result["textbook_last_finite_logit"], abs=0.5)


def test_words_have_five_hints_and_a_label() -> None:
    hints, labels, dev_hints, dev_labels, size = hinted_words()
    assert hints.shape == (len(labels), 5) and dev_hints.shape == (len(dev_labels), 5)
    assert len(labels) > 5 * len(dev_labels) > 5_000
    assert hints.unique().numel() < size == int(dev_hints.max()) + 1
    assert [len(hints[:, place].unique()) for place in (3, 4)] == [2, 2]
    assert sorted(labels.unique().tolist()) == [0.0, 1.0]
    assert 0.1 < labels.mean() < 0.2
