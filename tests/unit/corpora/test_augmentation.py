"""Augmentation: no entity is broken, ledgers balance, names come from train alone, everything is repeatable."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora import (
    AugmentationLedger,
    Capitals,
    Edit,
    Mentions,
    Proposal,
    Sentence,
    Synonyms,
    Text,
    Typos,
    augment,
    corrupt,
    load_corpus,
    rewrite,
)
from companion.corpora.augmentation import SHORTEST, fit_article, match_capitals, mistype
from companion.corpora.edits import entity_at, words_and_tags
from companion.corpora.lexicon import GROUPS, read_lexicon
from companion.corpora.schemes import Entity, spell, validate
from companion.errors import ConfigError, DataError

QUICK = settings(max_examples=25, deadline=None)
KINDS = ("LOC", "ORG", "PER")
WORDS = st.sampled_from("a an big town said The SAID Ann Lee Bank of Rivers quickly it's 30 … große".split())  # noqa: SIM905
ANN = Sentence(
    words=("Ann", "Lee", "said", "a", "big", "bank", "in", "Rivers", "closed"),
    tags=("B-PER", "I-PER", "O", "O", "O", "O", "O", "B-LOC", "O"),
    source="train.conll:1",
    meta={"topic": "markets", "text": "Ann Lee said a big bank in Rivers closed"},
)
BOB = Sentence(words=("Bob", "saw", "Old", "Harbour"), tags=("B-PER", "O", "B-LOC", "I-LOC"), source="train.conll:9")


@st.composite
def sentences(draw):
    words = draw(st.lists(WORDS, min_size=1, max_size=12))
    spans, position = [], 0
    while position < len(words):
        size = draw(st.integers(1, 3))
        if draw(st.booleans()) and position + size <= len(words):
            spans.append(Entity(position, position + size, draw(st.sampled_from(KINDS))))
        position += size
    return Sentence(words=tuple(words), tags=tuple(spell(spans, len(words))), source=f"s{draw(st.integers(0, 999))}")


def methods(train):
    return [
        Synonyms(share=0.5),
        Mentions.of(train, share=0.7),
        Typos(share=0.5),
        Typos(share=0.9, entities=True),
        Capitals(writing="lower"),
        Capitals(writing="upper"),
    ]


@QUICK
@given(st.lists(sentences(), min_size=1, max_size=5), st.integers(0, 99), st.integers(1, 2))
def test_every_method_keeps_every_entity_and_its_ledger_balances(rows, seed, copies):
    for method in methods(rows):
        made = augment(rows, method, copies=copies, seed=seed)
        ledger = made.ledger
        assert ledger.balanced
        assert ledger.rows_in == copies * len(rows) == ledger.copies + ledger.unchanged
        assert len(made.rows) == ledger.copies
        sources = {row.source: row for row in rows}
        for row in made.rows:
            assert validate(row.tags) == []
            assert row.source.endswith((f"~{method.name}1", f"~{method.name}2"))
            if len(sources) == len(rows):
                before = sources[row.source.partition("~")[0]]
                assert [entity.type for entity in row.entities()] == [entity.type for entity in before.entities()]
                assert row.words != before.words
        assert augment(rows, method, copies=copies, seed=seed) == made
        assert len(corrupt(rows, method, seed=seed)) == len(rows)


@QUICK
@given(st.lists(sentences(), min_size=2, max_size=5), st.integers(0, 99))
def test_mentions_come_from_the_pool_and_other_words_stay(rows, seed):
    pool = {row.words[start:end] for row in rows for start, end in entity_at(row)}
    for row in augment(rows, Mentions.of(rows), seed=seed).rows:
        assert {row.words[start:end] for start, end in entity_at(row)} <= pool
    for method in (Synonyms(), Typos(share=0.9)):
        for before, after in zip(rows, corrupt(rows, method, seed=seed), strict=True):
            assert [before.surface(entity) for entity in before.entities()] == [
                after.surface(entity) for entity in after.entities()
            ]


@QUICK
@given(st.lists(sentences(), min_size=2, max_size=6), st.integers(0, 99))
def test_the_copies_of_a_smaller_draw_begin_those_of_a_larger_one(rows, seed):
    for method in (Synonyms(), Typos(), Mentions.of(rows)):
        few, many = augment(rows[:-1], method, seed=seed).rows, augment(rows, method, seed=seed).rows
        assert many[: len(few)] == few


def test_an_edit_that_would_break_an_entity_is_refused_by_name():
    for edit in (Edit(0, 1, ("Eve",)), Edit(1, 3, ("x",)), Edit(2, 8, ("x",)), Edit(7, 9, ("x",))):
        with pytest.raises(DataError, match=r"train\.conll:1.*would break an entity"):
            rewrite(ANN, [edit])
    for edits in ([Edit(2, 2, ("x",))], [Edit(2, 3, ())], [Edit(8, 12, ("x",))], [Edit(2, 3, ("",))]):
        with pytest.raises(DataError, match=r"empty, overlaps"):
            rewrite(ANN, edits)
    with pytest.raises(DataError, match="overlaps"):
        rewrite(ANN, [Edit(2, 4, ("x",)), Edit(3, 5, ("y",))])


def test_a_rewritten_sentence_by_hand():
    found = rewrite(ANN, [Edit(7, 8, ("Old", "Harbour", "Side")), Edit(0, 2, ("Eve",)), Edit(4, 5, ("very", "big"))])
    assert " ".join(found.words) == "Eve said a very big bank in Old Harbour Side closed"
    assert found.tags == ("B-PER", "O", "O", "O", "O", "O", "O", "B-LOC", "I-LOC", "I-LOC", "O")
    # Its running text is another one now, and is not kept.
    assert found.meta == {"topic": "markets"}
    assert found.source == "train.conll:1~edited"


def test_a_text_keeps_what_stands_between_its_words():
    text = Text(text="My  parcel (the BIG one!) didn't arrive...", label="delivery_late", source="t:1")
    [copy] = augment([text], Synonyms(share=1.0)).rows
    assert copy.label == text.label
    assert copy.text.startswith("My  package (the ")
    assert copy.text.endswith(" one!) didn't come...")
    assert "LARGE" in copy.text or "SIZEABLE" in copy.text
    assert corrupt([text], Capitals(writing="upper"))[0].text == text.text.upper()
    with pytest.raises(DataError, match="a text has no mentions"):
        augment([text], Mentions.of([ANN]))


def test_what_was_left_alone_is_named():
    made = augment([ANN, BOB], Mentions.of([ANN], share=1.0))
    # "Bob" can become "Ann Lee", whose sentence has no other person.
    assert made.ledger.left_alone == {"no other mention of its type": 2}
    assert made.ledger.names[0] == "'Ann Lee': no other mention of its type (train.conll:1)"
    assert made.ledger.mentions_replaced == {"LOC": 1, "PER": 1}
    assert [row.words for row in made.rows] == [("Ann", "Lee", "saw", "Rivers")]
    assert "1 copies, 1 unchanged" in str(made.ledger)
    assert "it balances" in str(made.ledger)
    house = Sentence(words=("House", "of", "Rivers", "said"), tags=("B-ORG", "I-ORG", "I-ORG", "O"), source="x:1")
    assert augment([house], Synonyms()).ledger.left_alone == {"inside an entity": 1}
    an_old = Sentence(words=("a", "whole", "town"), tags=("O",) * 3)
    assert augment([an_old], Synonyms(share=1.0)).rows[0].words[0] == "a"


@dataclass(frozen=True)
class Renames:
    """The sabotaged twin: a method that knows nothing of entities."""

    name: str = "renames"

    def __call__(self, rows, random):
        return [Proposal(edits=(Edit(0, 1, ("Eve",)),)) for _ in rows]


def test_a_method_that_breaks_an_entity_or_a_ledger_that_does_not_balance_is_caught(monkeypatch):
    with pytest.raises(DataError, match="would break an entity"):
        augment([ANN], Renames())
    from companion.corpora import augmentation

    def loses(row, edits, *, mark):
        return Sentence(words=row.words, tags=("O",) * len(row.words), source=row.source)

    monkeypatch.setattr(augmentation, "rewrite", loses)
    with pytest.raises(DataError, match=r"does not balance \(first in train\.conll:1\)"):
        augment([ANN], Typos(share=1.0))
    monkeypatch.undo()
    same_sum = AugmentationLedger(rows_in=2, copies=1, unchanged=0)
    assert not same_sum.balanced
    assert "does NOT balance" in str(same_sum)


def test_swapped_types_that_cancel_out_in_the_sum_do_not_balance():
    one = AugmentationLedger(rows_in=1, copies=1, entities_in={"PER": 1}, entities_out={"LOC": 1}, unbalanced=("a",))
    two = AugmentationLedger(rows_in=1, copies=1, entities_in={"LOC": 1}, entities_out={"PER": 1}, unbalanced=("b",))
    assert (one + two).entities_in == (one + two).entities_out
    assert not (one + two).balanced
    assert (AugmentationLedger() + one).unbalanced == ("a",)


@QUICK
@given(st.text("abcdefgXYZ", min_size=2, max_size=9), st.integers(0, 10**6))
def test_a_typing_error_changes_the_word_by_one_stroke_behind_its_first_letter(word, seed):
    wrong = mistype(word, Random(seed))
    assert wrong != word
    assert wrong[0] == word[0]
    assert abs(len(wrong) - len(word)) <= 1
    if len(wrong) == len(word):
        assert sum(one != other for one, other in zip(word, wrong, strict=True)) <= 2


def test_short_words_numbers_and_entities_are_not_mistyped():
    row = Sentence(words=("was", "12345", "Bob", "Rivers", "thing"), tags=("O", "O", "B-PER", "B-LOC", "O"))
    for seed in range(20):
        found = corrupt([row], Typos(share=1.0), seed=seed)[0].words
        assert found[:4] == row.words[:4]
        assert found[4] != "thing"
        with_names = corrupt([row], Typos(share=1.0, entities=True), seed=seed)[0].words
        assert with_names[:3] == row.words[:3]
        assert with_names[3] != "Rivers"
    assert SHORTEST == 4


def test_small_rules():
    assert match_capitals("SAID", "noted") == "NOTED"
    assert match_capitals("Said", "noted") == "Noted"
    assert match_capitals("A", "one") == "One"
    assert fit_article(["an", "old"], 1, ["aged", "big"]) == ["aged"]
    assert fit_article(["A", "new"], 1, ["old", "fresh"]) == ["fresh"]
    assert fit_article(["the", "new"], 1, ["old", "fresh"]) == ["old", "fresh"]
    for share in (0, 1.5, True, "1"):
        with pytest.raises(ConfigError, match="share"):
            Synonyms(share=share)
    with pytest.raises(ConfigError, match="writing"):
        Capitals(writing="title")
    with pytest.raises(ConfigError, match="copies"):
        augment([ANN], Typos(), copies=0)


def test_the_lexicon_has_one_group_for_a_word_and_says_where_not():
    lexicon = read_lexicon()
    assert len(lexicon) > 250
    assert len(lexicon) == len(GROUPS.split())
    assert all(word.isalpha() and word.islower() and word not in others for word, others in lexicon.items())
    # What would tell an intent of Helpdesk or a sentiment is not there.
    assert not lexicon.keys() & {"cancel", "return", "refund", "good", "bad", "rose", "fell", "won", "lost", "not"}
    for wrong, line in (("a b\nc", 2), ("a b\nb c", 2), ("a a", 1)):
        with pytest.raises(DataError) as caught:
            read_lexicon(wrong)
        assert caught.value.line == line


def test_on_newsroom_and_helpdesk():
    newsroom, helpdesk = load_corpus("newsroom").train[:300], load_corpus("helpdesk").train[:300]
    for method in methods(newsroom):
        assert augment(newsroom, method).ledger.copies > 150
    copies = augment(helpdesk, Synonyms()).ledger
    assert 100 < copies.copies < 300
    assert words_and_tags(helpdesk[0])[1] == ["O"] * len(words_and_tags(helpdesk[0])[0])
