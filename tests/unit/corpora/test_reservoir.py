"""The reservoir: equal to algorithm R written down again, uniform, and the same after a pause."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora import Reservoir
from companion.errors import ConfigError
from companion.randomness import key

QUICK = settings(max_examples=60, deadline=None)
SIZES = st.integers(1, 12)
LENGTHS = st.integers(0, 60)
SEEDS = st.integers(0, 2**31)


def by_hand(rows, size, seed):
    held = list(rows[:size])
    for number in range(size, len(rows)):
        place = random.Random(key(seed, "reservoir", number)).randrange(number + 1)
        if place < size:
            held[place] = rows[number]
    return held


@QUICK
@given(SIZES, LENGTHS, SEEDS)
def test_it_is_algorithm_r(size, length, seed):
    rows = [f"row {number}" for number in range(length)]
    found = Reservoir(size, seed=seed).extend(rows)
    assert found.rows == by_hand(rows, size, seed)
    assert found.seen == length
    assert len(set(found.rows)) == len(found.rows) == min(size, length)


@QUICK
@given(SIZES, LENGTHS, LENGTHS, SEEDS)
def test_a_pause_changes_nothing(size, before, after, seed):
    rows = list(range(before + after))
    first = Reservoir(size, seed=seed).extend(rows[:before])
    stored = json.loads(json.dumps(first.state()))
    assert Reservoir.from_state(stored).extend(rows[before:]).rows == Reservoir(size, seed=seed).extend(rows).rows
    # What was put down is a copy: going on does not change it.
    assert stored["rows"] == by_hand(rows[:before], size, seed)


def frequencies(memory, *, length=40, size=8, seeds=3000):
    """How often each row of a stream is held, over many seeds."""
    counts = Counter(row for seed in range(seeds) for row in memory(size, seed).extend(range(length)).rows)
    return [counts[row] for row in range(length)], seeds * size / length


def chi_square(counts, expected, size, length):
    """Pearson's statistic; exactly `size` rows are held each time, which shrinks every variance by 1 - size/length."""
    return sum((count - expected) ** 2 for count in counts) / (expected * (1 - size / length)) * (length - 1) / length


def test_every_row_is_held_with_the_same_chance():
    """Fixed seeds, so the test cannot be lucky or unlucky twice; its rate of false alarms is one in a thousand."""
    from scipy.stats import chi2

    counts, expected = frequencies(lambda size, seed: Reservoir(size, seed=seed))
    assert expected == 600
    assert chi2.sf(chi_square(counts, expected, 8, 40), df=39) > 0.001


class Latest(Reservoir):
    """A well-known bug: every row is taken in."""

    def _draw(self, number):
        return random.Random(key(self.seed, "latest", number)).randrange(self.size)


class OffByOne(Reservoir):
    """The other well-known bug: the draw is from 0 to n - 1."""

    def _draw(self, number):
        return random.Random(key(self.seed, "reservoir", number)).randrange(number)


@pytest.mark.parametrize("kind", [Latest, OffByOne])
def test_memories_that_are_not_uniform_are_seen(kind):
    from scipy.stats import chi2

    counts, expected = frequencies(lambda size, seed: kind(size, seed=seed), seeds=3000)
    assert chi2.sf(chi_square(counts, expected, 8, 40), df=39) < 1e-6


def test_what_cannot_be_a_memory_is_refused():
    for size in (0, -1, 2.0, True):
        with pytest.raises(ConfigError, match="size of the memory"):
            Reservoir(size)
    state = Reservoir(3).extend("abcd").state()
    with pytest.raises(ConfigError, match="2 rows for a memory of 3 that has seen 4"):
        Reservoir.from_state({**state, "rows": state["rows"][:2]})
