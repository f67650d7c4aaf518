"""Replayed searches: what they try, spend and choose on a table whose answers are known."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import ConfigError
from companion.recipes.search_replay import (
    Candidate,
    replay_grid,
    replay_halving,
    replay_random,
    stop_with_patience,
)
from companion.training.config import TrainConfig
from companion.training.judgement import judge
from companion.training.state import State


def candidate(name: int, *dev: float, test: tuple[float, ...] | None = None, **settings: object) -> Candidate:
    return Candidate(settings={"name": name, **settings}, dev=dev, test=dev if test is None else test)


TABLE = [candidate(n, n / 10, n / 10 + 0.01, n / 10 + 0.02, n / 10 + 0.03) for n in range(8)]


def test_random_search_draws_nested_trials_and_takes_the_best_on_dev() -> None:
    three, five = replay_random(TABLE, 3, 1), replay_random(TABLE, 5, 1)
    assert five.dev >= three.dev
    assert (three.tried, three.spent) == (3, 12)
    everything = replay_random(TABLE, 8, 1)
    assert everything.winner == TABLE[7]
    assert everything.dev == pytest.approx(0.73)
    firsts = {replay_random(TABLE, 1, seed).winner.settings["name"] for seed in range(40)}
    assert len(firsts) > 4


def test_the_test_score_is_that_of_the_best_evaluation_on_dev() -> None:
    row = candidate(0, 0.5, 0.7, 0.7, 0.6, test=(0.1, 0.2, 0.3, 0.9))
    replay = replay_random([row], 1, 0)
    assert (replay.dev, replay.test) == (0.7, 0.2)
    assert replay.optimism == pytest.approx(0.5)


def test_a_grid_is_looked_up() -> None:
    table = [candidate(rate * 10 + size, rate / size, rate=rate, size=size) for rate in (1, 2, 3) for size in (1, 2)]
    replay = replay_grid(table, {"rate": (1, 2), "size": (2,)})
    assert replay.winner.settings == {"name": 22, "rate": 2, "size": 2}
    assert (replay.tried, replay.spent) == (2, 2)
    with pytest.raises(ConfigError, match="0 runs with {'rate': 4, 'size': 1}"):
        replay_grid(table, {"rate": (4,), "size": (1,)})
    with pytest.raises(ConfigError, match="2 runs with {'rate': 1}"):
        replay_grid(table, {"rate": (1,)})


def test_halving_spends_less_and_misses_a_late_bloomer() -> None:
    replay = replay_halving(TABLE, 8, 0)
    # Eight read one evaluation, four a second, two the last two.
    assert (replay.tried, replay.spent) == (8, 8 + 4 + 2 * 2)
    assert replay.winner == TABLE[7]
    late = candidate(9, 0.0, 0.1, 0.9, 0.99)
    assert replay_random([*TABLE, late], 9, 0).winner == late
    assert replay_halving([*TABLE, late], 9, 0).winner == TABLE[7]


def test_halving_of_one_candidate_is_a_plain_run() -> None:
    assert replay_halving(TABLE[:1], 1, 0) == replay_random(TABLE[:1], 1, 0)


def test_curves_of_different_length_cost_what_they_are_long() -> None:
    table = [candidate(0, 0.9), candidate(1, 0.1, 0.2, 0.3, 0.4), candidate(2, 0.5, 0.5)]
    replay = replay_halving(table, 3, 0)
    assert replay.winner == table[0]
    assert replay.spent == 3


@pytest.mark.parametrize("trials", [0, 9])
def test_a_table_has_only_so_many_runs(trials: int) -> None:
    with pytest.raises(ConfigError, match="table of 8 runs"):
        replay_random(TABLE, trials, 0)
    with pytest.raises(ConfigError, match="factor is 1"):
        replay_halving(TABLE, 2, 0, factor=1)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=25),
    st.integers(1, 6),
    st.sampled_from([0.0, 0.05, 0.1]),
)
def test_patience_stops_where_the_loop_would(scores: list[int], patience: int, gain: float) -> None:
    curve = [score / 20 for score in scores]
    state, config = State(), TrainConfig(patience=patience, minimum_gain=gain, metric="accuracy")
    stopped = len(curve) - 1
    for place, score in enumerate(curve):
        state.step = place + 1
        judge(state, {"accuracy": score}, lambda model: {}, config)
        if state.waited >= patience:
            stopped = place
            break
    assert stop_with_patience(curve, patience, minimum_gain=gain) == (stopped, state.best_step - 1)


def test_patience_needs_a_curve() -> None:
    with pytest.raises(ConfigError, match="0 evaluations"):
        stop_with_patience([], 1)
    with pytest.raises(ConfigError, match="patience 0"):
        stop_with_patience([0.5], 0)
