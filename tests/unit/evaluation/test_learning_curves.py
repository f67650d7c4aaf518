"""Learning curves: bands are those of the seeds, and labels are read off a line, never beyond its end."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import EvaluationError
from companion.evaluation.intervals import seeds_interval
from companion.evaluation.learning_curves import labels_needed, learning_curve

SIZES = [20, 50, 200, 800]
SCORES = [[0.40, 0.52, 0.66, 0.74], [0.44, 0.50, 0.70, 0.73], [0.36, 0.54, 0.68, 0.75]]


def flat_band(means: list[float]) -> list[list[float]]:
    """Two seeds that agree, so that the band has no width."""
    return [means, means]


def test_each_point_is_the_interval_over_its_seeds() -> None:
    curve = learning_curve(SIZES, SCORES)
    assert [point.labels for point in curve.points] == SIZES
    for place, point in enumerate(curve.points):
        assert point.score == seeds_interval([scores[place] for scores in SCORES])
    lines = str(curve).splitlines()
    assert len(lines) == 5 and lines[1].split() == ["20", "3", "0.400", "[0.301,", "0.499]"]
    page = curve._repr_html_()
    assert page.count("<tr>") == 5 and "95% intervals over the seeds" in page


def test_a_curve_that_is_straight_in_log_labels_is_read_exactly() -> None:
    sizes = [10, 100, 1000]
    curve = learning_curve(sizes, flat_band([0.2, 0.4, 0.6]))
    for labels in (10, 32, 100, 316, 1000):
        needed = labels_needed(curve, min(0.6, 0.2 * math.log10(labels)))
        assert needed.labels == needed.low == needed.high == labels
    assert labels_needed(curve, 0.5).labels == math.ceil(10**2.5)
    assert str(labels_needed(curve, 0.5)) == "0.500 takes about 317 labels (95 % band: 317 to 317)"


def test_what_is_not_reached_is_said_and_not_extrapolated() -> None:
    curve = learning_curve(SIZES, SCORES)
    needed = labels_needed(curve, 0.9)
    assert (needed.labels, needed.low, needed.high) == (None, None, None)
    assert str(needed) == "0.900 is not reached with 800 labels"
    early = labels_needed(curve, 0.2)
    assert early.labels == 20 and "the fewest that were tried" in str(early)


def test_the_band_says_how_sure_the_number_of_labels_is() -> None:
    curve = learning_curve(SIZES, SCORES)
    needed = labels_needed(curve, 0.6)
    assert needed.low < needed.labels < needed.high <= 800
    assert 50 < needed.labels < 200
    unsafe = labels_needed(curve, 0.735)
    assert unsafe.labels is not None and unsafe.high is None
    assert str(unsafe).endswith("to more than 800)")


def test_a_curve_that_falls_again_has_not_reached_the_score() -> None:
    curve = learning_curve([10, 20, 40, 80], flat_band([0.3, 0.6, 0.5, 0.7]))
    assert labels_needed(curve, 0.55).labels == math.ceil(40 * 2**0.25)
    assert labels_needed(learning_curve([10, 20], flat_band([0.6, 0.5])), 0.55).labels is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=6), st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_more_is_asked_more_is_needed(means: list[float], score: float) -> None:
    sizes = [10 * 2**place for place in range(len(means))]
    curve = learning_curve(sizes, flat_band(means))
    needed, more = (labels_needed(curve, wanted).labels for wanted in (score, min(1.0, score + 0.1)))
    assert (needed is None) == (means[-1] < score)
    assert needed is None or sizes[0] <= needed <= sizes[-1]
    assert more is None or (needed is not None and needed <= more)


@pytest.mark.parametrize(
    ("sizes", "scores", "message"),
    [
        ([], [[], []], "the sizes are"),
        ([0, 10], [[0.1, 0.2]] * 2, "the sizes are"),
        ([10, 10], [[0.1, 0.2]] * 2, "the sizes are"),
        ([10, 20], [[0.1, 0.2], [0.1]], "seed number 1 has 1 scores for 2 sizes"),
        ([10], [[0.1]], "at least two values, got 1"),
        ([10], [[0.1], [math.nan]], "value 1 is nan"),
    ],
)
def test_what_is_no_curve_is_refused(sizes: list[int], scores: list[list[float]], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        learning_curve(sizes, scores)


def test_a_score_must_be_a_number() -> None:
    with pytest.raises(EvaluationError, match="the score is nan"):
        labels_needed(learning_curve(SIZES, SCORES), math.nan)
