"""Rows that nobody has labelled are named together, not one at a time."""

import json
from collections.abc import Callable

import pytest

from companion.corpora.records import Corpus
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

from .conftest import Writer

SPANS = [{"start": 0, "end": 3, "label": "PER"}]


def test_texts_of_a_table_without_a_label_are_counted(write: Writer) -> None:
    rows = [f"text {number},{'' if number % 3 else 'good'}" for number in range(20)]
    with pytest.raises(DataError) as caught:
        TextCorpus.from_csv(write("\n".join(["text,label", *rows]), "own.csv"))
    assert "13 of 20 rows have no label (first: 3, 4, 6, 7, 9)" in caught.value.problem
    assert caught.value.line == 3 and "dropna(subset=['label'])" in caught.value.remedy


def test_texts_of_json_lines_without_a_label_are_counted(write: Writer) -> None:
    gaps = [{"label": "good"}, {"label": None}, {"label": ""}, {"label": " "}, {}]
    rows = [{"text": f"text {number}", **gap} for number, gap in enumerate(gaps)]
    with pytest.raises(DataError) as caught:
        TextCorpus.from_jsonl(write("\n".join(map(json.dumps, rows)), "own.jsonl"))
    assert "4 of 5 rows have no label (first: 2, 3, 4, 5)" in caught.value.problem
    with pytest.raises(DataError, match=r"rows/train:2: 4 of 5 rows have no label"):
        TextCorpus.from_rows(rows)
    # A field that is in no row is a name that is wrong, and a row with none of several labels has been labelled.
    with pytest.raises(DataError, match=r"own.jsonl:1: no field 'mark'; there is 'text'"):
        TextCorpus.from_jsonl(write("\n".join(map(json.dumps, rows)), "own.jsonl"), label="mark")
    none = [{"text": "a", "label": []}, {"text": "b", "label": ["x", "y"]}]
    assert [row.label for row in TextCorpus.from_rows(none, split=False).train] == ["|", "x|y"]


def test_texts_without_spans_are_counted(write: Writer) -> None:
    rows = [{"text": f"Ada {number}", **({} if number % 2 else {"spans": SPANS})} for number in range(9)]
    rows += [{"text": "Ada", "spans": None}]
    with pytest.raises(DataError) as caught:
        Corpus.from_jsonl(write("\n".join(map(json.dumps, rows)), "own.jsonl"))
    assert "5 of 10 rows have no spans (first: 2, 4, 6, 8, 10)" in caught.value.problem
    assert "[], says that there is none" in caught.value.remedy
    with pytest.raises(DataError, match=r"spans:2: 5 of 10 rows have no spans"):
        Corpus.from_spans(rows)
    with pytest.raises(DataError, match=r"needed are 'text' and 'marks'"):
        Corpus.from_spans(rows, spans="marks")
    assert len(Corpus.from_spans([{"text": "Ada", "spans": SPANS}, {"text": "b", "spans": []}], split=False).train) == 2


def test_sentences_without_tags_are_counted(write: Writer) -> None:
    rows = [{"words": ["Ada"], "tags": ["B-PER"]}, {"words": ["Ada"], "tags": None}, {"words": ["Ada"]}]
    with pytest.raises(DataError, match=r"own.jsonl:2: 2 of 3 rows have no tags \(first: 2, 3\)"):
        Corpus.from_jsonl(write("\n".join(map(json.dumps, rows)), "own.jsonl"))


@pytest.mark.parametrize(
    ("read", "says"),
    [
        (Corpus.from_rows, r"rows/train: a NoneType is no list of rows"),
        (TextCorpus.from_rows, r"rows/train: a NoneType is no list of rows"),
        (Corpus.from_spans, r"spans: a NoneType is no list of records"),
        (Corpus.from_conll, "a NoneType is no path"),
        (Corpus.from_csv, "a NoneType is no path"),
        (Corpus.from_jsonl, "a NoneType is no path"),
        (TextCorpus.from_csv, "a NoneType is no path"),
    ],
)
@pytest.mark.parametrize("split", [True, False])
def test_nothing_to_train_on_is_no_empty_corpus(read: Callable[..., object], says: str, split: bool) -> None:
    with pytest.raises(DataError, match=says):
        read(None, split=split)


def test_a_path_is_no_record_with_spans() -> None:
    with pytest.raises(DataError, match="spans: a str is no list of records"):
        Corpus.from_spans("train.jsonl")
