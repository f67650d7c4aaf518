"""A split model is a meeting of all processes: one that fails in the middle of it must not leave the other waiting."""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from companion.errors import DataError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, loop, train
from tests.processes import ChildFailed, _meet, result_of, start
from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger

pytestmark = pytest.mark.two_process
PLACES = {"before a pass": 1, "after a pass": 1, "backward": 0, "evaluation": 1, "log": 0, "killed": 1}
"""Where one process fails, and which of the two."""
OWN = "a fault of its own"
LONGEST = 30
"""Seconds; the group itself would wait for sixty, and without a test's settings for half an hour."""


def fail(*_: Any) -> None:
    raise DataError(OWN)


class Failing(TokenCrossEntropy):
    """An objective that fails in the second update."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place, self.turn = place, 0

    def __repr__(self) -> str:
        return "Failing()"

    def __call__(self, model, batch):
        self.turn += 1
        now = self.place if self.turn == 2 else ""
        if now == "killed":
            os._exit(9)
        if now == "before a pass":
            fail()
        losses = super().__call__(model, batch)
        if now == "after a pass":
            fail()
        if now == "backward":
            losses["supervised"].register_hook(fail)
        return losses


class FailingEvaluator(TinyEvaluator):
    """An evaluator that fails before it has asked the model anything."""

    def __call__(self, model):
        fail()


def go(rank: int, place: str, fails: int, told: bool = True) -> tuple[str, str, float]:
    """What ends this process, and after how many seconds; untold, nobody translates what torch says."""
    here, begun = place if rank == fails else "", time.monotonic()
    if not told:
        loop.connected = nullcontext
    config = TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", device="cpu", sharding="full")
    evaluator = FailingEvaluator() if here == "evaluation" else TinyEvaluator()
    try:
        train(
            tiny_tagger(),
            tiny_batches(8),
            Failing(here),
            config,
            evaluate=evaluator,
            log=fail if here == "log" else None,
            say=lambda line: None,
        )
    except Exception as error:
        return type(error).__name__, str(error), time.monotonic() - begun
    return "nothing", "", time.monotonic() - begun


def go_together(folder: Path, *arguments: Any) -> list[tuple[str, str, float] | None]:
    """What ends each of two processes; None where it could not say so any more."""
    children = [start(_meet, rank, 2, str(folder / "meeting"), go, *arguments) for rank in range(2)]
    results = []
    for child in children:
        try:
            results.append(result_of(*child))
        except ChildFailed:
            results.append(None)
    return results


@pytest.mark.parametrize("place", PLACES)
def test_an_error_on_one_process_ends_the_other_with_one_that_says_so(tmp_path, place):
    fails = PLACES[place]
    results = go_together(tmp_path, place, fails)
    if place == "killed":
        assert results[fails] is None
    else:
        assert results[fails][:2] == ("DataError", OWN)
    name, message, seconds = results[1 - fails]
    assert name == "ProcessError"
    assert message.startswith("another process of this run ended or cannot be reached")
    assert message.endswith("start all processes again: the run goes on from its last checkpoint")
    assert seconds < LONGEST


def test_untold_it_is_a_puzzle_of_torch(tmp_path):
    """The twin: what the other process would read without a word of ours."""
    results = go_together(tmp_path, "before a pass", 1, False)
    assert results[1][:2] == ("DataError", OWN)
    assert results[0][0] == "RuntimeError"
    assert "gloo" in results[0][1]


def test_nothing_that_fails_is_left_out():
    assert len(PLACES) == 6
    assert set(PLACES.values()) == {0, 1}
