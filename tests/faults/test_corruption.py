"""A sample of the ten thousand damages of `make torture`, and proof that the count would see one that slips through."""

from __future__ import annotations

import pytest

from companion.training.checkpoint import Checkpoints
from tests.faults.corruption import KINDS, corrupt
from tests.faults.stress import run


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    run(str(folder))
    return folder


def test_every_damage_is_recognised_and_the_checkpoint_before_it_used(finished):
    found = corrupt(finished, count=200, seed=1)
    assert (found.damages, found.recognised, found.fell_back, found.missed) == (200, 200, 200, [])
    assert set(found.kinds) == set(KINDS)
    assert len(KINDS) == 8
    assert len(found.files) == 5
    assert found.without_effect < 60


def newest_unseen(store: Checkpoints):
    """Sabotage: the newest folder is taken as it is, as most trainers do."""
    return store.path(store.steps()[-1]), []


def test_a_checkpoint_that_is_taken_unseen_fails_the_count(finished):
    found = corrupt(finished, count=20, newest=newest_unseen)
    assert (found.recognised, found.fell_back, len(found.missed)) == (0, 0, 5)


def without_digests(monkeypatch):
    from companion.training import checkpoint

    monkeypatch.setattr(checkpoint, "verify_checkpoint", lambda folder: checkpoint._read_manifest(folder))


def test_a_reader_that_does_not_compare_digests_fails_the_count(finished, monkeypatch):
    without_digests(monkeypatch)
    found = corrupt(finished, count=60)
    assert found.recognised < 60
    assert found.missed


def test_one_checkpoint_is_not_enough_to_fall_back(tmp_path):
    run(str(tmp_path))
    for step in Checkpoints(tmp_path / "checkpoints").steps()[:-1]:
        path = Checkpoints(tmp_path / "checkpoints").path(step)
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    with pytest.raises(RuntimeError, match="two whole checkpoints"):
        corrupt(tmp_path, count=1)
