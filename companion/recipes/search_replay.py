"""Searches replayed on a table of finished runs: what each would have tried, spent and chosen, without training.

A table says how every candidate scored on dev and on test at each of its evaluations. A search sees the dev scores
only; what its choice is worth is read off the test scores afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.errors import ConfigError
from companion.randomness import permutation
from companion.recipes.tuning_space import Choice, grid_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One finished run of a table.

    Taught in: book/walkthroughs/honest-experiments
    """

    settings: Mapping[str, Any]
    """What it was trained with."""
    dev: tuple[float, ...]
    """Its dev score at each evaluation; more is better."""
    test: tuple[float, ...]
    """Its test score at the same moments."""

    @property
    def best(self) -> int:
        """The place of the best dev score, the earliest of several: whose weights the run would keep."""
        return self.dev.index(max(self.dev))


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What a replayed search did and chose.

    Taught in: book/walkthroughs/honest-experiments
    """

    winner: Candidate
    """The candidate with the best dev score among those that were trained to their end."""
    dev: float
    """Its dev score, the one that won."""
    test: float
    """The test score of the same weights."""
    tried: int
    """How many candidates were begun."""
    spent: int
    """How many evaluations' worth of training it took, in all."""

    @property
    def optimism(self) -> float:
        """How much better the winner looks on dev than it is on test."""
        return self.dev - self.test


def replay_grid(table: Sequence[Candidate], values: Mapping[str, Sequence[Any]]) -> Replay:
    """Try every combination of the values, each to its end.

    Raises:
        ConfigError: the table has no run of a combination, or several.

    Taught in: book/walkthroughs/honest-experiments
    """
    chosen = []
    for point in grid_of({name: Choice(values=tuple(some)) for name, some in values.items()}):
        found = [row for row in table if all(row.settings.get(name) == value for name, value in point.items())]
        if len(found) != 1:
            raise ConfigError(
                f"the table has {len(found)} runs with {point}",
                remedy="give every setting that differs in the table a value that occurs there",
            )
        chosen += found
    return _conclude(chosen, tried=len(chosen), spent=sum(len(row.dev) for row in chosen))


def replay_random(table: Sequence[Candidate], trials: int, seed: int) -> Replay:
    """Try some candidates, drawn without replacement, each to its end.

    The draws of one seed are nested: more trials begin with the fewer.

    Raises:
        ConfigError: the table has fewer candidates, or none is asked for.

    Follows: Bergstra and Bengio (2012), "Random Search for Hyper-Parameter Optimization".
    Taught in: book/walkthroughs/honest-experiments
    """
    chosen = _draw(table, trials, seed)
    return _conclude(chosen, tried=trials, spent=sum(len(row.dev) for row in chosen))


def replay_halving(table: Sequence[Candidate], trials: int, seed: int, *, factor: int = 2) -> Replay:
    """Begin with as many candidates as `replay_random` and keep the better `1 / factor` after 1, factor, … evaluations.

    Those that are left after the last cut are trained to their end. Only what was trained counts as spent.

    Raises:
        ConfigError: as `replay_random`, or for a factor below 2.

    Follows: Jamieson and Talwalkar (2016), "Non-stochastic Best Arm Identification and Hyperparameter Optimization".
    Taught in: book/walkthroughs/honest-experiments
    """
    if factor < 2:
        raise ConfigError(f"factor is {factor}", remedy="give 2 or more: one of how many goes on")
    left, spent, done, goal = _draw(table, trials, seed), 0, 0, 1
    while goal < max(len(row.dev) for row in left) and len(left) > 1:
        spent += sum(min(goal, len(row.dev)) - min(done, len(row.dev)) for row in left)
        # Sorting is stable: of equals, those that were drawn first go on.
        left = sorted(left, key=lambda row: -row.dev[min(goal, len(row.dev)) - 1])[: max(1, len(left) // factor)]
        done, goal = goal, goal * factor
    spent += sum(len(row.dev) - min(done, len(row.dev)) for row in left)
    return _conclude(left, tried=trials, spent=spent)


def stop_with_patience(dev: Sequence[float], patience: int, *, minimum_gain: float = 0.0) -> tuple[int, int]:
    """Where the loop would have stopped on this dev curve, and which evaluation it would have kept (both from 0).

    The rule of `TrainConfig(patience=…, minimum_gain=…)`: stop after `patience` evaluations in a row none of which
    exceeds the best so far by more than `minimum_gain`.

    Raises:
        ConfigError: an empty curve, or a patience below 1.

    Follows: Prechelt (1998), "Early Stopping – But When?".
    Taught in: book/walkthroughs/honest-experiments
    """
    if not len(dev) or patience < 1:
        raise ConfigError(
            f"{len(dev)} evaluations with patience {patience}",
            remedy="give one evaluation or more, and a patience of 1 or more",
        )
    best = 0
    for place, score in enumerate(dev):
        if score - dev[best] > minimum_gain:
            best = place
        elif place - best >= patience:
            return place, best
    return len(dev) - 1, best


def _draw(table: Sequence[Candidate], trials: int, seed: int) -> list[Candidate]:
    if not 1 <= trials <= len(table):
        raise ConfigError(
            f"{trials} trials from a table of {len(table)} runs", remedy=f"give a number from 1 to {len(table)}"
        )
    return [table[place] for place in permutation(len(table), seed, "replay")[:trials]]


def _conclude(finished: Sequence[Candidate], *, tried: int, spent: int) -> Replay:
    winner = max(finished, key=lambda row: max(row.dev))
    return Replay(winner=winner, dev=max(winner.dev), test=winner.test[winner.best], tried=tried, spent=spent)
