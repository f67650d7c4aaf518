"""Stratified splits by rule: shares within each label, repeated texts together, nothing but the text decides."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.stratified import stratified_parts
from companion.corpora.texts import Text
from companion.errors import ConfigError

SHARES = {"train": 0.7, "dev": 0.1, "test": 0.2}


def texts(count: int = 200) -> list[Text]:
    return [Text(text=f"sentence {number}", label="ab"[number % 5 == 0]) for number in range(count)]


def test_every_label_keeps_its_share() -> None:
    parts = stratified_parts(texts(), SHARES)
    counts = {part: Counter(text.label for text in rows) for part, rows in parts.items()}
    assert counts == {"train": {"a": 112, "b": 28}, "dev": {"a": 16, "b": 4}, "test": {"a": 32, "b": 8}}


def test_the_split_is_the_same_everywhere() -> None:
    places = {text.text: part for part, rows in stratified_parts(texts(20), SHARES).items() for text in rows}
    assert [int(name.split()[1]) for name, part in sorted(places.items()) if part == "dev"] == [16, 9]
    other = stratified_parts(texts(20), SHARES, seed=1)
    assert [text.text for text in other["test"]] != [name for name, part in places.items() if part == "test"]


def test_the_order_of_the_file_decides_nothing_and_is_kept() -> None:
    rows = texts()
    parts, again = stratified_parts(rows, SHARES), stratified_parts(rows[::-1], SHARES)
    for part, found in parts.items():
        assert found == sorted(found, key=rows.index)
        assert again[part] == found[::-1]


# Few letters, so that texts repeat, in either case and with any white space.
SOME = st.tuples(st.text("aAb \t", min_size=1).filter(str.strip), st.sampled_from(["x", "y"]))


@given(st.lists(SOME, max_size=40))
def test_no_text_stands_in_two_parts_and_none_is_lost(pairs: list[tuple[str, str]]) -> None:
    rows = [Text(text=text, label=label) for text, label in pairs]
    parts = stratified_parts(rows, SHARES)
    assert Counter(text for found in parts.values() for text in found) == Counter(rows)
    seen = [{" ".join(text.text.lower().split()) for text in found} for found in parts.values()]
    assert sum(map(len, seen)) == len(set().union(*seen))


@pytest.mark.parametrize("shares", [{}, {"train": 0.7, "dev": 0.2}, {"train": 1.0, "dev": 0.0}, {"a": 1.5, "b": -0.5}])
def test_shares_that_are_none_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="shares="):
        stratified_parts(texts(), shares)
