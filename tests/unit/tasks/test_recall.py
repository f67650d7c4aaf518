"""Answers from memory: the nearest question, and when not to trust it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.pairs import Pair
from companion.errors import ConfigError, DataError
from companion.tasks.recall import AnswerMemory, choose_threshold

PLACES = {"north": (0.0, 2.0), "east": (3.0, 0.0), "nearly north": (0.1, 1.0), "south west": (-1.0, -1.0)}
PAIRS = [Pair(prompt="north", answer="N"), Pair(prompt="east", answer="E")]


def read(texts):
    return np.array([PLACES[text] for text in texts], dtype=np.float32)


def test_the_nearest_question_answers_and_what_is_far_from_all_is_not_trusted():
    memory = AnswerMemory(read, PAIRS, threshold=0.5)
    near, far = memory.recall(["nearly north", "south west"])
    assert (near.pair.answer, near.trusted) == ("N", True)
    assert near.similarity == pytest.approx(1 / 1.01**0.5)
    assert not far.trusted
    assert memory.recall([]) == []
    with pytest.raises(DataError):
        AnswerMemory(read, [])


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5]), st.booleans()), min_size=1, max_size=12),
    st.floats(0.05, 1.0),
)
def test_the_threshold_gives_most_answers_at_this_precision(rows, precision):
    values, right = [value for value, _ in rows], [hit for _, hit in rows]
    found = choose_threshold(values, right, precision=precision)
    given_at = {bound: [hit for value, hit in rows if value >= bound] for bound in {*values}}
    good = [bound for bound, hits in given_at.items() if sum(hits) >= precision * len(hits)]
    assert found == (min(good) if good else float("inf"))


@pytest.mark.parametrize("arguments", [([], []), ([0.1], []), ([0.1], [True])])
def test_what_cannot_be_chosen_from_is_refused(arguments):
    with pytest.raises(ConfigError):
        choose_threshold(*arguments, precision=0.9 if len(arguments[1]) == 0 else 0.0)
