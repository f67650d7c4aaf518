"""Readers who choose articles, simulated: everyone has a favourite topic, and everyone sees what the others read.

The topics are the labels of the corpus; no word of an article plays a part. A click follows the crowd with a given
probability: any unread article, in proportion to one plus its clicks so far. Otherwise it follows the reader's taste:
any unread article of the favourite topic, all alike. At 1 the best recommender is a list of what is popular; at 0
popularity is noise. Where real readers stand, this simulation cannot say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from companion.errors import ConfigError
from companion.randomness import key


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingLog:
    """What every reader clicked, round by round.

    Taught in: book/outlook/three-applications
    """

    clicks_RT: np.ndarray
    """The article of each reader's click in each round, shape [readers, rounds]; no reader reads one twice."""
    articles: int
    """How many articles there are."""

    def popularity(self, rounds: int) -> np.ndarray:
        """The clicks of each article in the first so many rounds, shape [articles].

        Raises:
            ConfigError: there are fewer rounds.
        """
        if not 0 <= rounds <= self.clicks_RT.shape[1]:
            raise ConfigError(f"{rounds} rounds of {self.clicks_RT.shape[1]}", remedy="count rounds that took place")
        return np.bincount(self.clicks_RT[:, :rounds].ravel(), minlength=self.articles)


def simulate_readers(
    topics: Sequence[str], *, readers: int = 300, rounds: int = 9, crowd: float, seed: int
) -> ReadingLog:
    """Let every reader click one article in every round; `topics` holds the topic of each article.

    Raises:
        ConfigError: `crowd` is no probability, or a topic has too few articles for so many rounds.

    Taught in: book/outlook/three-applications
    """
    kinds = sorted(set(topics))
    own = {kind: np.array([place for place, topic in enumerate(topics) if topic == kind]) for kind in kinds}
    if not 0 <= crowd <= 1:
        raise ConfigError(f"crowd is {crowd}", remedy="choose a probability from 0 to 1")
    if not kinds or min(map(len, own.values())) <= rounds:
        raise ConfigError(f"{rounds} rounds", remedy="every topic needs more articles than there are rounds")
    draw = np.random.Generator(np.random.PCG64(key(seed, "readers", str(crowd))))
    taste = [kinds[number] for number in draw.integers(0, len(kinds), readers)]
    clicks_RT = np.zeros((readers, rounds), dtype=np.int64)
    counts = np.zeros(len(topics))
    for now in range(rounds):
        for reader in draw.permutation(readers):
            read = clicks_RT[reader, :now]
            if draw.random() < crowd:
                weights = counts + 1
            else:
                weights = np.zeros(len(topics))
                weights[own[taste[reader]]] = 1
            weights[read] = 0
            clicks_RT[reader, now] = place = draw.choice(len(topics), p=weights / weights.sum())
            counts[place] += 1
    return ReadingLog(clicks_RT=clicks_RT, articles=len(topics))
