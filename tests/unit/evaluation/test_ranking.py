"""Hits and areas: against counting by hand, and an interval that covers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import EvaluationError
from companion.evaluation import Rank, auroc, hit_rate, mean_auc, rank_of

SCORES = st.lists(st.integers(0, 4), min_size=2, max_size=12)


@settings(max_examples=60, deadline=None)
@given(scores=SCORES, k=st.integers(1, 5))
def test_a_tie_is_a_lottery(scores, k):
    """The chance of a hit and the area are means over all places that the item may get among its equals."""
    better, equal = (sum(map(test, scores[1:])) for test in (scores[0].__lt__, scores[0].__eq__))
    places, rank = range(better, better + equal + 1), rank_of(scores, 0)
    assert rank.hit(k) == pytest.approx(np.mean([place < k for place in places]))
    assert rank.auc == pytest.approx(1 - np.mean(places) / (len(scores) - 1))


def test_what_was_read_is_no_candidate():
    assert rank_of([0.5, 0.9, 0.9, 0.1], 0) == Rank(better=2, tied=0, others=3)
    assert rank_of([0.5, 0.9, 0.9, 0.1], 0, exclude={1, 2}) == Rank(better=0, tied=0, others=1)


def test_means_come_with_an_interval():
    draw = np.random.default_rng(0)
    ranks = [rank_of(draw.random(50), 0) for _ in range(200)]
    assert hit_rate(ranks, 5).low < 0.1 < hit_rate(ranks, 5).high
    assert mean_auc(ranks).low < 0.5 < mean_auc(ranks).high
    assert hit_rate(ranks, 50).mean == 1.0


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=4, max_size=40))
def test_the_area_is_the_share_of_pairs_in_order(rows):
    scores, positive = zip(*rows, strict=True)
    high, low = ([score for score, is_high in rows if is_high == kind] for kind in (True, False))
    if min(len(high), len(low)) < 2:
        with pytest.raises(EvaluationError, match="at least two"):
            auroc(scores, positive)
    else:
        pairs = [1.0 if one > other else 0.5 if one == other else 0.0 for one in high for other in low]
        assert auroc(scores, positive).mean == pytest.approx(np.mean(pairs))


def test_the_interval_covers_the_truth_and_a_narrower_one_does_not():
    draw, truth = np.random.default_rng(0), 0.7602  # of two normal laws one apart: the normal law's value at 1 / √2
    found = [auroc(np.r_[draw.normal(1, 1, 40), draw.normal(0, 1, 30)], [True] * 40 + [False] * 30) for _ in range(400)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    narrow = np.mean([abs(one.mean - truth) <= one.sd for one in found])
    assert 0.91 <= covered <= 0.985
    assert narrow < 0.8


def test_perfect_scores_stay_within_one():
    assert auroc([3, 4, 1, 2], [True, True, False, False]).high == 1.0


@pytest.mark.parametrize(
    ("item", "exclude", "scores"), [(3, (), [1, 2]), (0, (0,), [1, 2]), (0, (), [np.nan, 1]), (0, (1,), [1, 2])]
)
def test_what_cannot_be_ranked_is_refused(item, exclude, scores):
    with pytest.raises(EvaluationError, match="item"):
        rank_of(scores, item, exclude=exclude)


def test_nothing_to_average_is_refused():
    with pytest.raises(EvaluationError, match="no rank"):
        hit_rate([], 3)
    with pytest.raises(EvaluationError, match="finite score"):
        auroc([1, 2], [True])
