"""The two simulations: what they promise of their schedules, and what moves when a knob is turned."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError
from companion.experiments.simulated_news import simulate_news
from companion.experiments.simulated_readers import simulate_readers

TEXTS = [
    Text(text=f"{topic} {number}", label="negative" if number % 3 == 0 else "neutral", meta={"topic": topic})
    for topic in ("markets", "sport")
    for number in range(60)
]
BAD = [text.label == "negative" for text in TEXTS]


def test_bursts_are_bad_and_busy_days_are_only_long():
    streams = [simulate_news(TEXTS, seed=seed) for seed in range(5)]
    assert all(len(stream.days["sport"]) == 120 for stream in streams)
    shares, lengths = {"burst": [], "busy": [], "other": []}, {"burst": [], "busy": [], "other": []}
    for stream in streams:
        for topic in ("markets", "sport"):
            assert len(stream.bursts[topic]) == 2 and len(stream.busy[topic]) == 3
            assert min(stream.bursts[topic][0][0], stream.busy[topic][0]) >= 30
            for day, (hits, total) in enumerate(zip(*stream.counts(topic, BAD), strict=True)):
                planted = any(start <= day < end for start, end in stream.bursts[topic])
                kind = "burst" if planted else "busy" if day in stream.busy[topic] else "other"
                shares[kind].append(hits / max(total, 1)), lengths[kind].append(total)
    assert np.mean(shares["burst"]) == pytest.approx(0.8, abs=0.04)
    assert np.mean(shares["busy"]) == pytest.approx(1 / 3, abs=0.04)
    assert np.mean(shares["other"]) == pytest.approx(1 / 3, abs=0.02)
    assert np.mean(lengths["busy"]) == pytest.approx(80, abs=6) and np.mean(lengths["other"]) == pytest.approx(
        20, abs=1
    )


def test_a_stream_holds_its_topic_alone_and_comes_again_by_its_seed():
    one, again, other = (simulate_news(TEXTS, seed=seed) for seed in (1, 1, 2))
    places = np.concatenate(one.days["sport"])
    assert {TEXTS[place].meta["topic"] for place in places} == {"sport"}
    assert all(map(np.array_equal, one.days["sport"], again.days["sport"])) and one.bursts == again.bursts
    assert one.bursts != other.bursts


def test_a_stream_that_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="plant at most 11"):
        simulate_news(TEXTS, bursts=10, seed=0)
    with pytest.raises(DataError, match="markets"):
        simulate_news([text for text in TEXTS if text.label == "negative"], seed=0)


def test_readers_read_nothing_twice_and_the_crowd_knob_makes_stars():
    topics = ["a", "b", "c"] * 20
    own, crowd = (simulate_readers(topics, readers=60, rounds=6, crowd=knob, seed=0) for knob in (0.0, 1.0))
    assert all(len({*row}) == 6 for log in (own, crowd) for row in log.clicks_RT.tolist())
    assert all(len({topics[place] for place in row}) == 1 for row in own.clicks_RT)
    assert max(crowd.popularity(6)) > 2 * max(own.popularity(6))


def test_popularity_counts_the_past_alone():
    log = simulate_readers(["a", "b"] * 20, readers=30, rounds=5, crowd=0.5, seed=0)
    assert log.popularity(0).sum() == 0 and log.popularity(4).sum() == 120
    assert Counter(log.clicks_RT[:, 4].tolist()) == {
        place: count for place, count in enumerate(log.popularity(5) - log.popularity(4)) if count
    }
    with pytest.raises(ConfigError, match="6 rounds of 5"):
        log.popularity(6)


@pytest.mark.parametrize("setting", [{"crowd": 1.5}, {"crowd": 0.5, "rounds": 40}])
def test_readers_that_cannot_be_are_refused(setting):
    with pytest.raises(ConfigError):
        simulate_readers(["a", "b"] * 20, seed=0, **setting)
