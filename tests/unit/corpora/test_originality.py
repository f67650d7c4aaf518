"""What counts as repeated, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.originality import (
    bare,
    distinct_trigram_ratio,
    near_duplicates,
    repeated,
    sample_words,
    shell,
)
from companion.corpora.records import Sentence


def sentence(text: str, tags: str) -> Sentence:
    return Sentence(words=tuple(text.split()), tags=tuple(tags.split()), source="f:1")


def test_a_shell_forgets_names_numbers_and_case() -> None:
    one = sentence("Ada Berg sold 1,200 shares of Norvik", "B-PER I-PER O O O O B-ORG")
    other = sentence("Li sold 3 Shares of Kestrow Bank", "B-PER O O O O B-ORG I-ORG")
    assert shell(one) == ("<PER>", "sold", "0", "shares", "of", "<ORG>") == shell(other)
    assert shell(sentence("Li sold Oslo", "B-PER O B-LOC")) != shell(sentence("Li sold Oslo", "B-PER O B-ORG"))


def test_repeated_gives_every_place() -> None:
    assert repeated("abcab") == {"a": [0, 3], "b": [1, 4]}
    assert repeated("abc") == {}


def test_bare_forgets_case_punctuation_and_space() -> None:
    assert bare(" “Oslo”,  IT is—cold!_ ") == bare("oslo it is cold")
    assert bare("ﬁne") == "fine"


def test_the_trigram_ratio_counts_within_rows_only() -> None:
    assert distinct_trigram_ratio([["a", "b", "c"], ["A", "b", "c"]]) == 0.5
    assert distinct_trigram_ratio([["a", "b", "c", "d"], ["b", "c"]]) == 1.0
    assert distinct_trigram_ratio([["a"]]) == 1.0


def test_a_stamped_corpus_is_told_from_a_written_one() -> None:
    written = ["the ferry was late again", "nobody had told the band", "it rained on both goals", "a vote is due"]
    stamped = [f"the price of {name} rose on monday" for name in ("tin", "zinc", "lead", "wheat")]
    assert distinct_trigram_ratio(row.split() for row in stamped) < 0.9
    assert distinct_trigram_ratio(row.split() for row in written) == 1.0


def test_a_sample_holds_about_as_many_words_as_asked() -> None:
    rows = [["w"] * 5 for _ in range(100)]
    assert sum(map(len, sample_words(rows, 52))) == 55
    numbered = [[str(number)] for number in range(50)]
    assert sample_words(numbered, 10_000) != numbered and sorted(sample_words(numbered, 10_000)) == sorted(numbered)
    assert sample_words(numbered, 9) == sample_words(numbered, 9) != sample_words(numbered, 9, seed=1)


def test_near_duplicates_within_and_across() -> None:
    texts = [
        "The cat sat on the old mat today",
        "the cat sat on the old mat today!",
        "Nothing of the kind was seen here",
    ]
    found = near_duplicates(texts)
    assert [(pair.left, pair.right) for pair in found] == [(0, 1)] and found[0].similarity == 1.0
    across = near_duplicates(["the cat sat on the old mat yesterday"], texts)
    assert [(pair.left, pair.right) for pair in across] == [(0, 0), (0, 1)]
    assert near_duplicates(["where is it"], ["is it where"]) != []
    assert near_duplicates(["where is it"], ["what a day"]) == []


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=5, max_size=8).map(" ".join), max_size=8))
def test_near_duplicates_equal_the_plain_double_loop(texts: list[str]) -> None:
    def grams(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return set(zip(words, words[1:], words[2:], strict=False))

    expected = [
        (left, right)
        for left in range(len(texts))
        for right in range(left + 1, len(texts))
        if len(grams(texts[left]) & grams(texts[right])) / len(grams(texts[left]) | grams(texts[right])) >= 0.5
    ]
    assert [(pair.left, pair.right) for pair in near_duplicates(texts, similarity=0.5)] == expected


@pytest.mark.parametrize("size", [0, 1, 10**6])
def test_a_sample_of_nothing_is_nothing(size: int) -> None:
    assert sample_words([], size) == []
