"""Cutting a sentence into windows, and putting it together again."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.encoding.windows import Window, cut, reassemble
from companion.errors import AlignmentError, ConfigError


def test_a_short_sentence_is_one_window():
    assert cut([1, 2, 1], capacity=4, overlap=2) == [(range(3), range(3))]


def test_a_sentence_without_pieces_has_no_window():
    assert cut([], capacity=4, overlap=2) == []
    assert cut([0, 0], capacity=4, overlap=2) == []


def test_neighbours_share_words_and_the_border_lies_in_the_middle_of_them():
    spans = cut([1] * 16, capacity=10, overlap=4)
    assert [span.words for span in spans] == [range(10), range(6, 16)]
    assert [span.owned for span in spans] == [range(8), range(8, 16)]


def test_the_last_window_is_slid_back_until_it_is_full():
    spans = cut([1] * 11, capacity=10, overlap=0)
    assert [span.words for span in spans] == [range(10), range(1, 11)]
    assert [span.owned for span in spans] == [range(6), range(6, 11)]


def test_a_window_starts_on_a_whole_word_even_where_that_leaves_no_overlap():
    spans = cut([3, 3, 9, 3], capacity=10, overlap=2)
    assert [span.words for span in spans] == [range(2), range(2, 3), range(3, 4)]


@pytest.mark.parametrize(("capacity", "overlap"), [(0, 0), (-1, 0), (5, 5), (5, -1)])
def test_an_impossible_overlap_names_the_range(capacity, overlap):
    with pytest.raises(ConfigError, match="overlap") as caught:
        cut([1, 2], capacity=capacity, overlap=overlap)
    assert "Choose an overlap" in str(caught.value)


def test_a_word_longer_than_a_window_is_refused():
    with pytest.raises(AlignmentError, match="11"):
        cut([1, 11], capacity=10, overlap=2)


@st.composite
def cuttings(draw):
    capacity = draw(st.integers(1, 30))
    overlap = draw(st.integers(0, capacity - 1))
    counts = draw(st.lists(st.integers(0, capacity), max_size=120))
    return counts, capacity, overlap


@settings(max_examples=400, deadline=None)
@given(cuttings())
def test_every_word_is_owned_once_by_the_window_where_it_sees_most(cutting):
    counts, capacity, overlap = cutting
    spans = cut(counts, capacity=capacity, overlap=overlap)
    owned = [word for span in spans for word in span.owned]
    assert owned == (list(range(len(counts))) if sum(counts) else [])
    for span in spans:
        assert 0 < sum(counts[word] for word in span.words) <= capacity
        assert set(span.owned) <= set(span.words)
        for word in span.owned:
            seen = {
                other.words: min(
                    sum(counts[other.words.start : word]) if other.words.start else sum(counts),
                    sum(counts[word + 1 : other.words.stop]) if other.words.stop < len(counts) else sum(counts),
                )
                for other in spans
                if word in other.words
            }
            assert seen[span.words] == max(seen.values())


@settings(max_examples=200, deadline=None)
@given(cuttings())
def test_neighbours_share_no_more_than_the_overlap_except_before_the_last(cutting):
    counts, capacity, overlap = cutting
    # A window that owns nothing is dropped, and only unequal words can bring that about: here all are one piece.
    spans = cut([1] * len(counts), capacity=capacity, overlap=overlap)
    for earlier, later in pairwise(spans[:-1]):
        assert earlier.words.stop - later.words.start == overlap
    assert len(spans) <= 1 or all(len(span.words) == capacity for span in spans)


def window(words: list[int | None], owned: range) -> Window:
    return Window(input_ids=[7] * len(words), labels=[-100] * len(words), word_of_piece=words, owned=owned)


def test_reassemble_takes_the_first_piece_from_the_owner():
    windows = [window([None, 0, 0, 1, None], range(1)), window([None, 0, 1, 1, None], range(1, 2))]
    assert windows[0].scored() == [(0, 1)]
    assert windows[1].scored() == [(1, 2)]
    assert reassemble(windows, ["_ab_-", "-_cd_+"], 3) == ["a", "c", None]


def test_reassemble_refuses_what_does_not_fit():
    windows = [window([None, 0, 1, None], range(2))]
    with pytest.raises(AlignmentError, match="1 windows, but values for 2"):
        reassemble(windows, ["abcd", "abcd"], 2)
    with pytest.raises(AlignmentError, match="only 3 values"):
        reassemble(windows, ["abc"], 2)
    with pytest.raises(AlignmentError, match="outside"):
        reassemble(windows, ["abcd"], 1)
    with pytest.raises(AlignmentError, match="owned by two windows"):
        reassemble(windows * 2, ["abcd", "abcd"], 2)
