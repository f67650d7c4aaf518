"""Held-out sentences are taken out of a text however they are written, and nothing else is."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora import decontaminate, load_corpus, split_words
from companion.corpora.decontamination import SHARE, SHORTEST, bare_letters, held_out_rows, shingles_of
from companion.corpora.records import Sentence
from companion.corpora.text import read_text, split_lines
from companion.corpora.texts import Text
from companion.errors import DataError
from tests.unit.corpora.conftest import STEADY

NEWS = load_corpus("newsroom")
HELD = [sentence.meta["text"] for sentence in NEWS.test if len(bare_letters(sentence.meta["text"])) >= 2 * SHORTEST]
INNOCENT = [sentence.meta["text"] for sentence in NEWS.train]

WAYS = {
    "as it is": lambda text: text,
    "capitals": str.upper,
    "spaces": lambda text: "  " + text.replace(" ", " \t\u00a0 ") + " ",
    "cut into words": lambda text: " ".join(split_words(text)),
    "cut into letters": lambda text: " ".join(text),
    "other Unicode form": lambda text: unicodedata.normalize("NFD", text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "quotes and dashes": lambda text: "“" + text.replace("'", "’").replace("-", " — ") + "” ❤️",
    "zero-width spaces": lambda text: text.replace(" ", " \u200b"),
}
NEARLY = {
    "inside a longer line": lambda text: f"RT @somebody: {text} and that was all there was to say about it, they said.",
    "cut off": lambda text: text[: int(len(text) * 0.7)] + "…",
    "first word lost": lambda text: text.split(" ", 1)[1],
    "an address added": lambda text: f"{text} https://t.co/abcdefgh",
}


def is_long(text: str) -> bool:
    return len(bare_letters(text)) >= SHORTEST


@pytest.mark.parametrize("way", WAYS)
def test_a_sentence_is_found_however_it_is_written(way: str) -> None:
    planted = [WAYS[way](text) for text in HELD]
    found = decontaminate([*planted, *INNOCENT[:50]], HELD)
    assert (found.exact, found.near, found.kept) == (len(HELD), 0, tuple(INNOCENT[:50]))
    assert found.found == frozenset(range(len(HELD)))
    assert len(HELD) > 200


@pytest.mark.parametrize("way", NEARLY)
def test_a_line_that_nearly_holds_one_is_found(way: str) -> None:
    planted = [NEARLY[way](text) for text in HELD]
    found = decontaminate([*INNOCENT[:50], *planted], HELD)
    assert found.exact == 0
    assert found.near == len([text for text in planted if is_long(text)]) == len(HELD)
    assert found.kept == tuple(INNOCENT[:50])
    assert [removal.line for removal in found.removals] == list(range(51, 51 + len(HELD)))
    assert all(removal.share >= SHARE for removal in found.removals)


def test_the_sentences_of_another_split_are_innocent() -> None:
    """Newsroom's splits share names and phrases, but no sentence."""
    found = decontaminate(INNOCENT, held_out_rows(NEWS))
    assert (found.removals, found.kept) == ((), tuple(INNOCENT))
    assert found.held_out == len(NEWS.dev) + len(NEWS.test)
    assert len(INNOCENT) > 1000


LETTERS = st.text(alphabet="abcdefghij", min_size=1, max_size=9)
SENTENCES = st.lists(LETTERS, min_size=8, max_size=20).map(" ".join).filter(is_long)


@settings(STEADY, max_examples=60)
@given(held=st.lists(SENTENCES, min_size=1, max_size=6), others=st.lists(SENTENCES, max_size=8), data=st.data())
def test_whatever_is_planted_goes_and_what_shares_no_run_stays(held: list[str], others: list[str], data) -> None:
    known = set().union(*(shingles_of(bare_letters(text)) for text in held))
    innocent = [text for text in others if not shingles_of(bare_letters(text)) & known]
    planted = [data.draw(st.sampled_from([*WAYS.values(), NEARLY["inside a longer line"]]))(text) for text in held]
    order = data.draw(st.permutations([*planted, *innocent, ""]))
    found = decontaminate(order, held)
    assert sorted(found.kept) == sorted([*innocent, ""])
    assert found.found == frozenset(range(len(held)))
    told = found.counts()
    assert told["removed_exact"] + told["removed_near"] + told["kept"] == told["lines"] == len(order)
    # Once is enough: what is left holds nothing more.
    assert decontaminate(found.kept, held).removals == ()


def test_the_rule_is_a_share_of_the_shorter_ones_runs() -> None:
    letters = "".join(random.Random(0).choices("abcdefghijklmnopqrstuvwxyz", k=111))
    # A hundred runs of twelve; a line with the first n letters of them, and others behind, shares n - 11.
    for shared, near in ((91, True), (90, False)):
        line = letters[:shared] + "0" * (111 - shared)
        assert len(shingles_of(line)) in range(80, 101)
        found = decontaminate([line + "1" * 200], [letters])
        assert (found.near == 1) == near, shared
    assert decontaminate([line], [letters]).held_out == 1


def test_of_a_short_sentence_only_the_whole_line_counts() -> None:
    found = decontaminate(
        ["thank YOU!", "thank you for coming here today", "…", "wedding", "", "💜 💜"], ["Thank you .", "💜💜"]
    )
    assert found.kept == ("thank you for coming here today", "…", "wedding", "")
    assert (found.exact, found.near, found.short) == (2, 0, 2)
    assert "2 of them are shorter than 20" in str(found)


def test_the_report_counts_everything() -> None:
    long = "the quick brown fox jumps over the lazy dog near the river"
    found = decontaminate(
        ["", long, f"yes, {long}", "nothing", long.upper()], [long, "not there at all, this one here"]
    )
    assert [removal.kind for removal in found.removals] == ["exact", "near", "exact"]
    assert found.counts() == {
        "lines": 5,
        "removed_exact": 2,
        "removed_near": 1,
        "kept": 2,
        "kept_empty": 1,
        "held_out": 2,
        "held_out_found": 1,
        "held_out_short": 0,
    }
    assert str(found).splitlines()[0].split() == ["5", "lines", "read"]


def test_sentences_and_texts_can_be_held_out() -> None:
    long = "the quick brown fox jumps over the lazy dog"
    rows = [Sentence(words=tuple(long.split()), tags=("O",) * 9), Text(text=long, label="x"), long]
    assert decontaminate([long], rows).found == {0, 1, 2}


def test_marks_are_kept_where_they_are_letters() -> None:
    assert bare_letters("हिन्दी में") == "हिन्दीमें"
    assert bare_letters("STRASSE") == bare_letters("straße") == "strasse"
    assert bare_letters("İ") == bare_letters("i\u0307")


@pytest.mark.parametrize("lines", ["one line", b"bytes"])
def test_a_single_string_is_refused(lines) -> None:
    with pytest.raises(DataError, match="lines is one piece of text"):
        decontaminate(lines, ["a sentence"])
    with pytest.raises(DataError, match="held_out is one piece of text"):
        decontaminate(["a line"], lines)


def test_what_is_no_text_and_what_is_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="line 2 is None"):
        decontaminate(["a", None], ["a sentence"])
    with pytest.raises(DataError, match="held-out sentence 1 is 7"):
        decontaminate(["a"], ["a sentence", 7])
    for nothing in ([], ["", " \u200b "]):
        with pytest.raises(DataError, match="no sentence is held out"):
            decontaminate(["a"], nothing)
    with pytest.raises(DataError, match="has no split 'validation'"):
        held_out_rows(NEWS, "validation")


@pytest.mark.public_data
def test_the_text_of_wnut17_holds_nearly_all_of_its_dev_and_test(public_root: Path) -> None:
    corpus = load_corpus("wnut17")
    paths = sorted((public_root / "wnut17_unlabelled").iterdir())
    lines = [line for path in paths for line in split_lines(read_text(path))]
    found = {split: decontaminate(lines, held_out_rows(corpus, split)) for split in ("dev", "test")}
    assert {split: (len(one.found), one.held_out) for split, one in found.items()} == {
        "dev": (1006, 1009),
        "test": (1259, 1287),
    }
    both = decontaminate(lines, held_out_rows(corpus))
    assert (both.exact, both.near, len(lines)) == (2399, 93, 102_327)
    assert decontaminate(both.kept, held_out_rows(corpus)).removals == ()
