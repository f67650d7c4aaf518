"""Character spans: exact offsets, and a name for every fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.records import Corpus
from companion.corpora.spans import Span, read_spans
from companion.corpora.words import word_spans
from companion.errors import DataError

from .conftest import STEADY

TEXT = "Ada Berg's firm in Oslo, Norway"


def test_spans_become_tags() -> None:
    reading = read_spans(TEXT, [Span(0, 8, "PER"), Span(19, 23, "LOC"), Span(25, 31, "LOC")])
    assert reading.words == ("Ada", "Berg", "'s", "firm", "in", "Oslo", ",", "Norway")
    assert reading.tags == ("B-PER", "I-PER", "O", "O", "O", "B-LOC", "O", "B-LOC")
    assert [TEXT[start:end] for start, end in reading.offsets] == list(reading.words)
    assert reading.repairs == ()


FAULTS = {
    "reversed span": ([Span(8, 0, "PER")], ["O"] * 8),
    "empty span": ([Span(3, 3, "PER")], ["O"] * 8),
    "span beyond the text": ([Span(25, 40, "LOC")], ["O"] * 7 + ["B-LOC"]),
    "span with a space at its end": ([Span(0, 4, "PER")], ["B-PER"] + ["O"] * 7),
    "span with a space at its start": ([Span(18, 23, "LOC")], ["O"] * 5 + ["B-LOC", "O", "O"]),
    "span that cuts a word": ([Span(0, 6, "PER")], ["B-PER", "I-PER"] + ["O"] * 6),
    "overlapping span": ([Span(0, 8, "PER"), Span(4, 10, "ORG")], ["B-PER", "I-PER"] + ["O"] * 6),
    "nested span": ([Span(4, 8, "PER"), Span(0, 15, "ORG")], ["B-ORG", "I-ORG", "I-ORG", "I-ORG"] + ["O"] * 4),
    "repeated span": ([Span(19, 23, "LOC"), Span(19, 23, "LOC")], ["O"] * 5 + ["B-LOC", "O", "O"]),
    "span with two labels": ([Span(19, 23, "LOC"), Span(19, 23, "ORG")], ["O"] * 5 + ["B-LOC", "O", "O"]),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_named_or_repaired_and_counted(kind: str) -> None:
    spans, tags = FAULTS[kind]
    with pytest.raises(DataError, match=rf"^{kind}: \["):
        read_spans(TEXT, spans)
    reading = read_spans(TEXT, spans, faults="repair")
    assert list(reading.tags) == tags
    assert reading.repairs == (kind,)


def test_a_span_that_covers_no_word() -> None:
    with pytest.raises(DataError, match="span that covers no word"):
        read_spans("a \u200b b", [Span(2, 3, "PER")])
    assert read_spans("a \u200b b", [Span(2, 3, "PER")], faults="repair").tags == ("O", "O")


def test_a_span_wholly_outside_is_dropped() -> None:
    reading = read_spans(TEXT, [Span(99, 120, "PER"), Span(-5, -1, "PER")], faults="repair")
    assert set(reading.tags) == {"O"}
    assert reading.repairs == ("span beyond the text", "span beyond the text")


def test_offsets_of_another_unit_are_suspected() -> None:
    text = "👩 in Oslo"
    with pytest.raises(DataError) as caught:
        read_spans(text, [Span(6, 10, "LOC")])
    assert "UTF-16" in caught.value.remedy
    assert read_spans(text, [Span(5, 9, "LOC")]).tags == ("O", "O", "B-LOC")


@pytest.mark.parametrize(
    "text", ["👨‍👩‍👧 in 东京, Zürich", "e\u0301te\u0301 à Genève", "🇳🇴 Oslo", "สวัสดี Bangkok", "שלום תל אביב"]
)
def test_offsets_round_trip_in_every_script(text: str) -> None:
    offsets = word_spans(text)
    spans = [Span(start, end, "X") for start, end in offsets]
    reading = read_spans(text, spans)
    assert set(reading.tags) == {"B-X"}
    assert reading.offsets == tuple(offsets)
    assert len(reading.words) > 1


@STEADY
@given(
    st.text(alphabet="ab '.\u200b中👩", max_size=12),
    st.lists(st.builds(Span, st.integers(-3, 15), st.integers(-3, 15), st.sampled_from(["A", "B"])), max_size=4),
)
def test_any_spans_are_repaired_with_an_account(text: str, spans: list[Span]) -> None:
    reading = read_spans(text, spans, faults="repair")
    kept = sum(tag.startswith("B-") for tag in reading.tags)
    assert kept <= len(spans) <= kept + len(reading.repairs)
    if not reading.repairs:
        assert read_spans(text, spans) == reading


def test_a_corpus_from_records_in_memory() -> None:
    records = [
        {"text": f"{name} is in Oslo", "spans": [(len(name) + 7, len(name) + 11, "LOC")]} for name in ("Ada", "Bo")
    ]
    corpus = Corpus.from_spans(records, split=False, name="notes")
    assert corpus.labels == ("O", "B-LOC", "I-LOC")
    assert [sentence.source for sentence in corpus.train] == ["notes#1", "notes#2"]
    assert corpus.train[1].meta == {"text": "Bo is in Oslo"}
    with pytest.raises(DataError, match="reversed span") as caught:
        Corpus.from_spans([*records, {"text": "x", "spans": [(1, 0, "LOC")]}])
    assert (caught.value.file, caught.value.line) == ("spans", 3)
    with pytest.raises(DataError, match="needed are 'text' and 'spans'"):
        Corpus.from_spans([{"words": ["x"], "tags": ["O"]}])
