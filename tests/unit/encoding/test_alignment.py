"""Labels meet word pieces: no word, no label and no entity is lost unseen, whatever the tokenizer and the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.corpora.records import Sentence
from companion.corpora.schemes import entities
from companion.encoding import alignment as alignment_module
from companion.encoding.alignment import NO_PIECE, Alignment, align, align_many
from companion.encoding.ledger import Ledger
from companion.encoding.pieces import reads_split_words, special_tokens, whole_characters, word_pieces
from companion.encoding.windows import Span, cut
from companion.errors import AlignmentError, ConfigError, ModelError
from tests.tokenizers import KINDS, make_tokenizer

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")
LABEL_IDS = {label: number for number, label in enumerate(LABELS)}
each_tokenizer = pytest.mark.parametrize("kind", KINDS)

INVISIBLE = {
    "zero-width space": "\u200b",
    "zero-width joiner": "\u200d",
    "soft hyphen": "\u00ad",
    "variation selector": "\ufe0f",
    "right-to-left mark": "\u200f",
    "byte order mark": "\ufeff",
    "NUL": "\x00",
    "bell": "\x07",
    "private use": "\ue000",
    "lone surrogate": "\ud83d",
    "combining mark": "\u0301",
    "space": " ",
}
SCRIPTS = ("👨‍👩‍👧", "🇨🇭", "北京", "กรุงเทพ", "القاهرة", "e\u0301cole", "école", "A\ue000B", "x\u200by", "U.S.", "3,500")


def run(words, tags, tokenizer, **options) -> Alignment:
    settings = {"max_length": 128, "overlap": 32, "label_ids": None if tags is None else LABEL_IDS} | options
    return align(words, tags, tokenizer, **settings)


def tags_read_back(result: Alignment) -> list[str | None]:
    """The tag of each word, from the labels of the windows alone."""
    found = result.per_word([window.labels for window in result.windows])
    return [None if label is None else LABELS[label] for label in found]


@each_tokenizer
def test_a_short_sentence_reads_as_the_tokenizer_itself_reads_it(kind, tokenizers):
    tokenizer = tokenizers[kind]
    sentences = [
        "Angela Merkel visited the U.S. !",
        "田中 访问了 北京 。",
        "x",
        "[SEP] </s> <mask> [MASK]",
        " ".join(SCRIPTS),
    ]
    for words in map(str.split, sentences):
        [window] = run(words, None, tokenizer).windows
        encoding = tokenizer(words, is_split_into_words=True)
        assert window.input_ids == encoding["input_ids"]
        assert window.word_of_piece == encoding.word_ids()
        assert window.labels == [-100] * len(window.input_ids)
    assert len(special_tokens(tokenizer).before) == len(special_tokens(tokenizer).after) == 1


@each_tokenizer
def test_the_first_piece_carries_the_label_or_all_pieces_do(kind, tokenizers):
    words, tags = ["Zwingmann", "Newcastle-upon-Tyne", "北京大学", "again"], ["B-PER", "B-LOC", "I-LOC", "O"]
    first, every = (run(words, tags, tokenizers[kind], policy=policy).windows[0] for policy in ("first", "all"))
    assert first.input_ids == every.input_ids
    previous, pieces_seen = None, 0
    for word, one, other in zip(first.word_of_piece, first.labels, every.labels, strict=True):
        if word is None:
            assert (one, other) == (-100, -100)
        elif word != previous:
            assert one == other == LABEL_IDS[tags[word]]
        else:
            assert one == -100
            assert other == LABEL_IDS[tags[word].replace("B-", "I-")]
            pieces_seen += 1
        previous = word
    assert pieces_seen > 2


@each_tokenizer
@pytest.mark.parametrize("policy", ["first", "all"])
def test_600_words_become_windows_that_score_each_word_once(kind, policy, tokenizers):
    words = [["Angela", "Merkel", "visited", "Wolfsburg"][number % 4] for number in range(600)]
    tags = [["B-PER", "I-PER", "O", "B-LOC"][number % 4] for number in range(600)]
    result = run(words, tags, tokenizers[kind], policy=policy, overlap=48)
    assert len(result.windows) > 4
    assert [word for window in result.windows for word in window.owned] == list(range(600))
    assert all(len(window.input_ids) <= 128 for window in result.windows)
    context = sum(len(set(window.word_of_piece) - {None}) - len(window.owned) for window in result.windows)
    assert context > len(result.windows)
    assert tags_read_back(result) == tags
    assert (result.ledger.entities_in, result.ledger.entities_out) == (300, 300)
    result.ledger.check()


@each_tokenizer
def test_an_entity_across_the_edge_of_a_window_comes_back_whole(kind, tokenizers):
    words = ["Angela"] * 400
    tags = ["O"] * 5 + ["B-PER"] + ["I-PER"] * 380 + ["O"] * 14
    result = run(words, tags, tokenizers[kind])
    assert len(result.windows) > 1
    assert entities(tags_read_back(result)) == entities(tags) == [(5, 386, "PER")]


@each_tokenizer
@pytest.mark.parametrize("name", INVISIBLE)
def test_a_word_without_pieces_keeps_its_label_on_the_unknown_token(kind, name, tokenizers):
    tokenizer, word = tokenizers[kind], INVISIBLE[name]
    empty = not word_pieces([word], tokenizer)[word]
    places = {
        "alone": ([word], ["B-PER"]),
        "start": ([word, "Angela", "Merkel"], ["B-PER", "I-PER", "I-PER"]),
        "middle": (["Angela", word, "Merkel"], ["B-PER", "I-PER", "I-PER"]),
        "end": (["Angela", "Merkel", word], ["B-PER", "I-PER", "I-PER"]),
    }
    for words, tags in places.values():
        result = run(words, tags, tokenizer)
        assert tags_read_back(result) == tags
        assert result.ledger.words_unknown == empty
        assert result.ledger.words_repaired == (name == "lone surrogate")
        assert (result.ledger.entities_in, result.ledger.entities_out) == (1, 1)
        result.ledger.check()
        if empty:
            assert tokenizer.unk_token_id in result.windows[0].input_ids
            assert f"U+{ord(word):04X}" in str(result.ledger)
    assert len(places) == 4


def test_some_words_really_have_no_piece(tokenizers):
    empty = {
        kind: [name for name, word in INVISIBLE.items() if not word_pieces([word], tokenizers[kind])[word]]
        for kind in KINDS
    }
    assert len(empty["wordpiece"]) >= 8
    assert empty["chinese"] == empty["wordpiece"]
    assert empty["bytelevel"] == []


@pytest.mark.parametrize(
    ("words", "tags", "expected", "lost"),
    [
        (["\u200b", "Angela", "Merkel"], ["B-PER", "I-PER", "I-PER"], [None, "B-PER", "I-PER"], 0),
        (["Angela", "\u200b", "Merkel"], ["B-PER", "I-PER", "I-PER"], ["B-PER", None, "I-PER"], 0),
        (["Angela", "Merkel", "\u200b"], ["B-PER", "I-PER", "I-PER"], ["B-PER", "I-PER", None], 0),
        (["Angela", "\u200b", "Merkel"], ["B-PER", "B-PER", "I-PER"], ["B-PER", None, "B-PER"], 0),
        (["Angela", "\u200b", "Merkel"], ["B-PER", "O", "B-PER"], ["B-PER", None, "B-PER"], 0),
        (["Angela", "\u200b"], ["O", "B-PER"], ["O", None], 1),
        (["\u200b"], ["B-PER"], [None], 1),
    ],
)
def test_without_an_unknown_token_the_word_is_rejected_by_name_and_its_entity_still_begins(
    words, tags, expected, lost, without_unknown
):
    result = run(words, tags, without_unknown, source="notes.conll:7")
    assert tags_read_back(result) == expected
    ledger = result.ledger
    assert ledger.words_rejected == {NO_PIECE: 1}
    assert ledger.words_labelled == len(words) - 1
    assert ledger.entities_rejected == lost
    assert ledger.entities_in == ledger.entities_out + lost == len(entities(tags))
    [name] = ledger.names
    assert name.startswith("notes.conll:7, word ")
    assert "U+200B" in name
    ledger.check()


@pytest.mark.parametrize(("kind", "character"), [("chinese", "上"), ("bytelevel", "y"), ("unigram", "y")])
def test_a_word_of_5000_characters_is_shortened_and_keeps_its_label(kind, character, tokenizers):
    words, tags = ["Angela", character * 5000, "Merkel"], ["B-PER", "I-PER", "I-PER"]
    for policy in ("first", "all"):
        result = run(words, tags, tokenizers[kind], policy=policy)
        assert tags_read_back(result) == tags
        assert result.ledger.words_shortened == 1
        assert "word 2" in result.ledger.names[0]
        assert "to 126 pieces" in result.ledger.names[0]
        assert max(len(window.input_ids) for window in result.windows) == 128
        result.ledger.check()


def test_a_very_long_word_of_a_word_piece_vocabulary_is_one_unknown_piece(tokenizers):
    result = run(["y" * 5000], ["B-PER"], tokenizers["wordpiece"])
    assert len(result.windows[0].input_ids) == 3
    assert result.ledger.words_shortened == 0
    result.ledger.check()


@each_tokenizer
def test_a_sentence_of_100_000_words_is_windowed(kind, tokenizers):
    words = ["Angela", "\u200b", "visited", "北京", "."] * 20_000
    tags = ["B-PER", "I-PER", "O", "B-LOC", "O"] * 20_000
    ledger = run(words, tags, tokenizers[kind]).ledger
    assert ledger.words_labelled == 100_000
    assert ledger.entities_out == 40_000
    assert len(ledger.names) <= 10
    ledger.check()


@each_tokenizer
def test_prediction_needs_no_tags_and_scores_each_word_once(kind, tokenizers):
    words = ["Angela", "\u200b", *["visited"] * 300, "北京"]
    result = run(words, None, tokenizers[kind])
    assert {label for window in result.windows for label in window.labels} == {-100}
    numbers = [window.word_of_piece for window in result.windows]
    assert result.per_word(numbers) == list(range(303))
    assert result.ledger.words_labelled == result.ledger.words_in == 303
    result.ledger.check()


def test_no_words_make_no_windows(tokenizers):
    result = run([], [], tokenizers["wordpiece"])
    assert result.windows == ()
    assert result.per_word([]) == []
    result.ledger.check()


@each_tokenizer
def test_many_sentences_align_as_each_one_does(kind, tokenizers):
    rows = [
        (("Angela", "\u200b", "visited"), ("B-PER", "I-PER", "O")),
        (("北京",) * 200, ("B-LOC",) * 200),
        (("x",), ("O",)),
    ]
    sentences = [Sentence(words=words, tags=tags, source=f"file:{n}") for n, (words, tags) in enumerate(rows)]
    options = {"max_length": 64, "overlap": 16, "policy": "all"}
    together = align_many(sentences, tokenizers[kind], label_ids=LABEL_IDS, **options)
    alone = [
        align(s.words, s.tags, tokenizers[kind], label_ids=LABEL_IDS, source=s.source, **options) for s in sentences
    ]
    assert together == alone
    assert len(together) == 3
    unlabelled = align_many(sentences, tokenizers[kind], **options)
    assert [[w.input_ids for w in a.windows] for a in unlabelled] == [[w.input_ids for w in a.windows] for a in alone]
    assert {label for a in unlabelled for w in a.windows for label in w.labels} == {-100}


def test_truncation_saved_with_the_tokenizer_cuts_nothing(tokenizers):
    tokenizer = make_tokenizer("wordpiece")
    tokenizer.backend_tokenizer.enable_truncation(8)
    tokenizer.backend_tokenizer.enable_padding(length=8)
    words = ["visited"] * 60
    assert run(words, ["O"] * 60, tokenizer) == run(words, ["O"] * 60, tokenizers["wordpiece"])


def test_half_a_character_is_replaced_and_nothing_else():
    assert whole_characters("a\ud83d") == "a\ufffd"
    for word in ["\ufeffx", "😀", "e\u0301", "\x00", "北京", ""]:
        assert whole_characters(word) == word


def test_a_tokenizer_without_word_ids_is_refused():
    from transformers import ByT5Tokenizer

    with pytest.raises(ModelError, match="ByT5Tokenizer has no word_ids") as caught:
        run(["Angela"], None, ByT5Tokenizer())
    assert "tokenizer.json" in str(caught.value)


def test_a_byte_level_tokenizer_that_glues_split_words_is_refused(tokenizers):
    from tokenizers import pre_tokenizers

    tokenizer = make_tokenizer("bytelevel")
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert not reads_split_words(tokenizer)
    assert sum(reads_split_words(other) for other in tokenizers.values()) == 4
    with pytest.raises(ModelError, match="add_prefix_space=True"):
        run(["New", "York"], None, tokenizer)


@pytest.mark.parametrize(
    ("words", "tags", "message"),
    [
        (["a", "b"], ["O"], "2 words but 1 tags"),
        (["a", "b"], ["O", "I-PER"], "word 2: I-PER continues no entity"),
        (["a", "b"], ["B-LOC", "I-PER"], "word 2: I-PER continues no entity"),
        (["a"], ["B-SHIP"], "B-SHIP is not one of the labels O, B-LOC"),
    ],
)
def test_wrong_tags_name_the_sentence_and_the_word(words, tags, message, tokenizers):
    with pytest.raises(AlignmentError) as caught:
        run(words, tags, tokenizers["wordpiece"], source="train.conll:12")
    assert str(caught.value).startswith("train.conll:12")
    assert message in str(caught.value)
    assert "→" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "last"}, "policy"),
        ({"max_length": 2}, "max_length"),
        ({"max_length": 16, "overlap": 14}, "overlap=14"),
        ({"label_ids": {"O": 0, "B-PER": 0}}, "one id to two labels"),
        ({"ignore_index": 0}, "ignore index 0"),
        ({"label_ids": None}, "no label_ids"),
    ],
)
def test_wrong_settings_are_named(options, message, tokenizers):
    with pytest.raises(ConfigError, match=message):
        run(["a"], ["O"], tokenizers["wordpiece"], **options)


def test_continuing_labels_must_exist_under_policy_all(tokenizers):
    with pytest.raises(AlignmentError, match="I-PER is not one of the labels"):
        run(["Angela"], ["B-PER"], tokenizers["wordpiece"], policy="all", label_ids={"O": 0, "B-PER": 1})


def drop_a_word(counts, **options):
    *spans, last = cut(counts, **options)
    return [*spans, Span(last.words, last.owned[:-1])]


def own_a_word_twice(counts, **options):
    first, second, *spans = cut(counts, **options)
    return [first, Span(second.words, range(second.owned.start - 1, second.owned.stop)), *spans]


def read_one_word_late(counts, **options):
    return [Span(range(span.words.start + 1, span.words.stop), span.owned) for span in cut(counts, **options)]


@pytest.mark.parametrize("fault", [drop_a_word, own_a_word_twice, read_one_word_late])
@pytest.mark.parametrize("labelled", [True, False])
def test_the_ledger_catches_a_faulty_cutter(fault, labelled, tokenizers, monkeypatch):
    words = ["Angela", "Merkel", "visited", "Wolfsburg"] * 40
    tags = ["B-PER", "I-PER", "O", "B-LOC"] * 40
    monkeypatch.setattr(
        alignment_module, "cut", lambda counts, **options: cut(counts, **options) and fault(counts, **options)
    )
    result = run(words, tags if labelled else None, tokenizers["wordpiece"], source="dev.conll:3")
    assert not result.ledger.balanced
    with pytest.raises(AlignmentError, match=r"dev\.conll:3"):
        (Ledger() + result.ledger).check()


@pytest.mark.parametrize("policy", ["first", "all"])
def test_the_ledger_catches_shifted_labels(policy, tokenizers, monkeypatch):
    honest = alignment_module._labels_of
    shifted = {"B-PER": "I-PER", "I-PER": "O", "O": "B-LOC", "B-LOC": "B-PER"}
    monkeypatch.setattr(alignment_module, "_labels_of", lambda tag, *rest: honest(shifted[tag], *rest))
    words, tags = ["Angela", "Merkel", "visited", "Wolfsburg"], ["B-PER", "I-PER", "O", "B-LOC"]
    ledger = run(words, tags, tokenizers["wordpiece"], policy=policy).ledger
    assert (ledger.words_labelled, ledger.entities_out) == (0, 0)
    with pytest.raises(AlignmentError, match="0 labelled"):
        ledger.check()


hard_words = st.one_of(
    st.sampled_from([*INVISIBLE.values(), *SCRIPTS, "Angela", "Merkel", "北", "์", "\U0010fffd", "上" * 200]),
    st.text(st.characters(), min_size=1, max_size=8),
)


@st.composite
def labelled_sentences(draw):
    words = draw(st.lists(hard_words, min_size=1, max_size=60))
    tags = []
    while len(tags) < len(words):
        kind, length = draw(st.sampled_from(["", "", "PER", "LOC"])), draw(st.integers(1, 5))
        tags += ["O"] * length if not kind else [f"B-{kind}", *[f"I-{kind}"] * (length - 1)]
    return words, tags[: len(words)]


@each_tokenizer
@settings(max_examples=150, deadline=None)
@given(
    sentence=labelled_sentences(),
    max_length=st.integers(4, 40),
    overlap=st.integers(0, 40),
    policy=st.sampled_from(["first", "all"]),
)
def test_the_ledger_balances_over_any_text(kind, sentence, max_length, overlap, policy, tokenizers):
    words, tags = sentence
    result = run(
        words, tags, tokenizers[kind], max_length=max_length, overlap=min(overlap, max_length - 3), policy=policy
    )
    assert tags_read_back(result) == tags
    assert result.ledger.words_rejected == {}
    assert result.ledger.entities_out == result.ledger.entities_in == len(entities(tags))
    result.ledger.check()


@settings(max_examples=150, deadline=None)
@given(sentence=labelled_sentences(), max_length=st.integers(4, 40))
def test_without_an_unknown_token_every_entity_is_counted_and_begins_with_b(sentence, max_length, without_unknown):
    words, tags = sentence
    result = run(words, tags, without_unknown, max_length=max_length, overlap=1)
    left = [tag for tag in tags_read_back(result) if tag is not None]
    assert len(left) == len(words) - sum(result.ledger.words_rejected.values())
    assert len(entities(left)) == result.ledger.entities_out
    assert result.ledger.entities_in == len(entities(tags))
    result.ledger.check()
