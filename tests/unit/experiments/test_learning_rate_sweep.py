"""The learning-rate sweep: its arms differ in what they say, its record is whole, and its world is judged fairly."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from companion.experiments import learning_rate_sweep, load_record, values_of
from companion.experiments.learning_rate_sweep import ARMS, NAME, RATES, SEEDS, World, run


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=1, updates=20)


def test_the_world_is_cut_as_the_arms_need_it(world: World) -> None:
    labelled = {sentence.meta["name"] for sentence in world.corpus.train}
    assert labelled.isdisjoint(sentence.meta["name"] for sentence in world.corpus.test)
    assert labelled.issuperset(sentence.meta["name"] for sentence in world.labelled_names)
    assert not {s.words for s in world.labelled_names} <= {s.words for s in world.corpus.train}


def test_a_frozen_body_forgets_nothing_and_fine_tuning_leaves_the_original_alone(world: World) -> None:
    before = {name: tensor.clone() for name, tensor in world.pretrained.state_dict().items()}
    loss = world.masked_lm_loss(world.pretrained)
    head, full = world.fine_tuned(1e-2, arm="head"), world.fine_tuned(1e-2)
    assert head["masked_lm_loss"] == pytest.approx(loss, abs=1e-6)
    assert abs(full["masked_lm_loss"] - loss) > 0.1
    assert head["updates"] == full["updates"] and head["first_loss"] == pytest.approx(full["first_loss"], abs=1e-6)
    assert all(torch.equal(before[name], tensor) for name, tensor in world.pretrained.state_dict().items())


def test_the_fast_profile_runs_every_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning_rate_sweep, "RATES", (1e-3,))
    monkeypatch.setattr(learning_rate_sweep, "EPOCHS", 1)
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["arm"] for cell in cells] == list(ARMS)
    assert all(len(cell.result["unlabelled_f1"]) == 1 for cell in cells)


def test_the_record_holds_five_seeds_of_every_arm() -> None:
    cells = load_record(NAME)
    assert {(cell.factors["arm"], cell.factors["seed"]) for cell in cells} == {(a, s) for a in ARMS for s in SEEDS}
    assert all(cell.result["rates"] == list(RATES) for cell in cells)
    assert {cell.result["updates"] for cell in cells} == {65}


def test_the_record_is_an_arch_and_a_ramp() -> None:
    cells = load_record(NAME)
    arches = torch.tensor(values_of(cells, "unlabelled_f1", arm="full"))
    ramps = torch.tensor(values_of(cells, "masked_lm_loss", arm="full"))
    assert all(RATES[best] in (1e-3, 3e-3, 1e-2) for best in arches.argmax(1).tolist())
    assert arches[:, 0].max() < 0.2 and arches[:, -1].max() < 0.2
    assert bool((ramps[:, 5] > ramps[:, 0] + 1).all() and (ramps[:, -1] > ramps[:, 5]).all())
