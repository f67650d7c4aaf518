"""A stream of news with planted bursts of bad news, made of real labelled sentences on a known, seeded schedule.

What is real: every sentence and its label. What is simulated: when it comes. The numbers of sentences a day are
Poisson, a few days are busy, and in a burst the share of negative sentences is raised for a few days. Sentences are
drawn with replacement, so a sentence may come back, and with it whatever mistake the model makes on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.errors import ConfigError, DataError
from companion.randomness import key

if TYPE_CHECKING:
    from companion.corpora.texts import Text

NEGATIVE = "negative"


@dataclass(frozen=True, kw_only=True, slots=True)
class NewsStream:
    """Which sentences come on which day, topic by topic, and where the bursts are.

    Taught in: book/outlook/three-applications
    """

    days: Mapping[str, tuple[np.ndarray, ...]]
    """For each topic and day the places of its sentences among the texts it was made from."""
    bursts: Mapping[str, tuple[tuple[int, int], ...]]
    """For each topic its bursts, as (first day, day after the last)."""
    busy: Mapping[str, tuple[int, ...]]
    """For each topic its busy days: more sentences, of the usual tone."""

    def counts(self, topic: str, hits: Sequence[bool] | Any) -> tuple[list[int], list[int]]:
        """Hits and sentences of each day of a topic; `hits` says of every text whether it is one."""
        flags = np.asarray(hits, dtype=bool)
        return [int(flags[day].sum()) for day in self.days[topic]], [len(day) for day in self.days[topic]]


def simulate_news(
    texts: Sequence[Text],
    *,
    days: int = 120,
    calm: int = 30,
    per_day: float = 20.0,
    bursts: int = 2,
    length: int = 4,
    raised: float = 0.8,
    busy: int = 3,
    seed: int,
) -> NewsStream:
    """A stream of `days` days for each topic, from texts labelled by tone whose `meta` names their topic.

    The first `calm` days have neither burst nor busy day: a reference. After them, `bursts` bursts of `length` days
    each have a negative sentence with probability `raised`, else the topic's share among the texts. `busy` further
    days have four times as many sentences. Bursts and busy days keep `length` days from each other.

    Raises:
        ConfigError: bursts and busy days do not fit into the days.
        DataError: a topic without negative sentences, or without others.

    Taught in: book/outlook/three-applications
    """
    topics = sorted({text.meta["topic"] for text in texts})
    slots = (days - calm) // (2 * length)
    if bursts + busy > slots:
        raise ConfigError(
            f"{bursts} bursts and {busy} busy days in {days - calm} days", remedy=f"plant at most {slots} in all"
        )
    stream: dict[str, tuple[np.ndarray, ...]] = {}
    planted: dict[str, tuple[tuple[int, int], ...]] = {}
    crowded: dict[str, tuple[int, ...]] = {}
    for topic in topics:
        draw = np.random.Generator(np.random.PCG64(key(seed, "news stream", topic)))
        own = [place for place, text in enumerate(texts) if text.meta["topic"] == topic]
        bad = np.array([place for place in own if texts[place].label == NEGATIVE])
        rest = np.array([place for place in own if texts[place].label != NEGATIVE])
        if not len(bad) or not len(rest):
            raise DataError(f"{topic}: all sentences or none are {NEGATIVE}", remedy="give texts of both kinds")
        chosen = calm + 2 * length * draw.permutation(slots)[: bursts + busy]
        planted[topic] = tuple(sorted((int(start), int(start) + length) for start in chosen[:bursts]))
        crowded[topic] = tuple(sorted(int(start) for start in chosen[bursts:]))
        within = {day for start, end in planted[topic] for day in range(start, end)}
        rows = []
        for day in range(days):
            count = draw.poisson(per_day * (4 if day in crowded[topic] else 1))
            negative_N = draw.random(count) < (raised if day in within else len(bad) / len(own))
            rows.append(np.where(negative_N, draw.choice(bad, count), draw.choice(rest, count)))
        stream[topic] = tuple(rows)
    return NewsStream(days=stream, bursts=planted, busy=crowded)
