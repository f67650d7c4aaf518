"""The rule that cuts running text into words."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.words import split_words, word_spans

from .conftest import STEADY

CASES = {
    "Berg's cat can't run.": "Berg|'s|cat|can't|run|.",
    "it’s O’Brien’s": "it|’s|O’Brien|’s",
    "Traders' 'quote'": "Traders|'|'|quote|'",
    "We'll, they've; I'd": "We|'ll|,|they|'ve|;|I|'d",
    "3.5% of £2,400 at 7:30.": "3.5|%|of|£|2,400|at|7:30|.",
    "in the U.S. at 9 p.m. Mr. X": "in|the|U.S.|at|9|p.m.|Mr|.|X",
    "a two-year, 2-1 win": "a|two|-|year|,|2|-|1|win",
    "@user #tag snake_case": "@|user|#|tag|snake_case",
    "东京タワー and 서울": "东|京|タ|ワ|ー|and|서울",
    "e\u0301te\u0301 नमस्ते": "e\u0301te\u0301|नमस्ते",
    "👩\u200d👧\u200d👦 ❤\ufe0f 👍🏽": "👩\u200d👧\u200d👦|❤\ufe0f|👍🏽",
    "zero\u200bwidth soft\u00adhyphen \u200fmark": "zero|width|soft\u00adhyphen|mark",
    "... (a)": ".|.|.|(|a|)",
    " \t\n": "",
    "": "",
}


@pytest.mark.parametrize("text", CASES)
def test_words(text: str) -> None:
    assert split_words(text) == (CASES[text].split("|") if CASES[text] else [])


@STEADY
@given(
    st.text(alphabet=st.one_of(st.sampled_from("ab1.'’-,: \n\u200d\u200b\u0301中é👩"), st.characters()), max_size=30)
)
def test_words_cover_every_visible_character_once_and_in_order(text: str) -> None:
    spans = word_spans(text)
    assert all(start < end for start, end in spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    covered = {position for start, end in spans for position in range(start, end)}
    left_out = [character for position, character in enumerate(text) if position not in covered]
    assert not any(character.isalnum() for character in left_out)
    assert not any(character.isprintable() and not character.isspace() for character in left_out)


@STEADY
@given(st.lists(st.sampled_from(["Oslo", "中", "U.S.", "3.5", "'s", "can't", "-"]), max_size=8))
def test_a_word_does_not_depend_on_what_stands_around_it(words: list[str]) -> None:
    assert split_words(" ".join(words)) == [piece for word in words for piece in split_words(word)]
