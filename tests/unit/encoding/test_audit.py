"""The label audit tells a label that is right from one that only looks right."""

from __future__ import annotations

import pytest

from companion.corpora.records import Sentence
from companion.encoding.audit import (
    Labelled,
    aligned_labels,
    audit_labels,
    audit_sentence,
    positional_labels,
    shifted_labels,
)
from companion.encoding.pieces import word_pieces
from companion.errors import AlignmentError, ModelError
from tests.tokenizers import KINDS

each_tokenizer = pytest.mark.parametrize("kind", KINDS)


def sentence(text: str, tags: str) -> Sentence:
    return Sentence(words=tuple(text.split()), tags=tuple(tags.split()), source="train.conll:1")


ONE_PIECE_EACH = sentence("Merkel visited Wolfsburg .", "B-PER O B-LOC O")
PIECES = sentence("Merkel visited Zürich U.S. Wolfsburg .", "B-PER O B-LOC I-LOC B-LOC O")


def test_position_by_position_every_label_stands_one_piece_early(tokenizers):
    strip = audit_sentence(ONE_PIECE_EACH, positional_labels, tokenizers["wordpiece"])
    assert strip.labelled.pieces[:6] == ("[CLS]", "Merkel", "visited", "Wolfsburg", ".", "[SEP]")
    assert strip.labelled.labels[:6] == ("B-PER", "O", "B-LOC", "O", "O", "O")
    assert strip.labelled.word_of_piece[:6] == (None, 0, 1, 2, 3, None)
    assert strip.label_owner[:6] == (0, 1, 2, 3, None, None)
    assert len(strip.labelled.labels) == 128
    assert strip.right == (False, False, False, False)
    assert strip.agrees == (False, False, False, True)


def test_the_shift_repairs_words_up_to_the_first_one_with_two_pieces(tokenizers):
    tokenizer = tokenizers["wordpiece"]
    counts = {word: len(row) for word, row in word_pieces(PIECES.words, tokenizer).items()}
    assert [counts[word] > 1 for word in PIECES.words] == [False, False, True, True, False, False]
    assert audit_sentence(ONE_PIECE_EACH, shifted_labels, tokenizer).right == (True,) * 4
    assert audit_sentence(PIECES, shifted_labels, tokenizer).right == (True, True, True, False, False, False)


@each_tokenizer
def test_alignment_is_right_for_every_word(kind, tokenizers):
    long = Sentence(words=PIECES.words * 60, tags=PIECES.tags * 60)
    strange = Sentence(
        words=("👨‍👩‍👧", "\u200b", "กรุงเทพ", "\ud83d", "e\u0301", "\x00"), tags=("B-PER",) * 3 + ("O",) * 3
    )
    audit = audit_labels([ONE_PIECE_EACH, PIECES, long, strange], aligned_labels, tokenizers[kind], max_length=32)
    assert audit.sentences == 4
    assert audit.words == audit.words_right == audit.words_agreeing == 4 + 6 + 360 + 6
    assert audit.entity_words == audit.entity_words_right == audit.entity_words_agreeing == 2 + 4 + 240 + 3


@each_tokenizer
def test_counts_are_the_sums_of_the_strips(kind, tokenizers):
    sentences = [ONE_PIECE_EACH, PIECES]
    for labeller in (positional_labels, shifted_labels, aligned_labels):
        audit = audit_labels(sentences, labeller, tokenizers[kind], strips=9)
        assert len(audit.strips) == 2
        assert audit.words_right == sum(sum(strip.right) for strip in audit.strips)
        entity_right = [
            right for strip in audit.strips for right, tag in zip(strip.right, strip.tags, strict=True) if tag != "O"
        ]
        assert audit.entity_words == len(entity_right) == 6
        assert audit.entity_words_right == sum(entity_right)
        assert f"{audit.words_right} of 10 words" in str(audit)
    assert len(audit_labels(sentences, positional_labels, tokenizers[kind], strips=1).strips) == 1


@each_tokenizer
def test_positional_labels_give_no_word_its_own_label(kind, tokenizers):
    audit = audit_labels([ONE_PIECE_EACH, PIECES], positional_labels, tokenizers[kind])
    assert (audit.words_right, audit.entity_words_right) == (0, 0)
    assert audit.words_agreeing > 0


def test_a_label_equal_by_luck_is_not_called_right(tokenizers):
    outside = sentence("Merkel visited Wolfsburg .", "O O O O")
    audit = audit_labels([outside], positional_labels, tokenizers["wordpiece"])
    assert (audit.words_right, audit.words_agreeing, audit.entity_words) == (0, 4, 0)


def test_words_behind_the_cut_are_not_right(tokenizers):
    long = Sentence(words=("visited",) * 30, tags=("O",) * 30)
    audit = audit_labels([long], shifted_labels, tokenizers["wordpiece"], max_length=12)
    assert (audit.words, audit.words_right) == (30, 10)


@each_tokenizer
def test_pieces_of_joined_text_find_their_words(kind, tokenizers):
    tokenizer = tokenizers[kind]
    words = ("Angela", "北京", "U.S.", "😀", "กรุงเทพ", "é", "e\u0301", "👨‍👩‍👧", "x")
    strip = audit_sentence(Sentence(words=words, tags=("O",) * len(words)), positional_labels, tokenizer)
    encoding = tokenizer(list(words), is_split_into_words=True)
    used = len(encoding["input_ids"])
    assert strip.labelled.word_of_piece[:used] == tuple(encoding.word_ids())
    assert set(strip.labelled.word_of_piece[used:]) == {None}


def test_a_labelling_function_of_your_own_can_be_audited(tokenizers):
    def one_late(words, tags, tokenizer, max_length):
        return aligned_labels(words, ["O", *tags[:-1]], tokenizer, max_length)

    def ragged(words, tags, tokenizer, max_length):
        return Labelled(pieces=("a", "b"), word_of_piece=(0, 1), labels=("O",))

    late = audit_labels([ONE_PIECE_EACH], one_late, tokenizers["wordpiece"])
    assert (late.words_right, late.words) == (0, 4)
    with pytest.raises(AlignmentError, match=r"train\.conll:1: .*2 pieces, 2 word numbers and 1 labels"):
        audit_labels([ONE_PIECE_EACH], ragged, tokenizers["wordpiece"])


def test_a_tokenizer_without_word_ids_is_refused():
    from transformers import ByT5Tokenizer

    with pytest.raises(ModelError, match="no word_ids"):
        audit_labels([ONE_PIECE_EACH], positional_labels, ByT5Tokenizer())
