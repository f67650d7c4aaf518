"""What annotation tools export is read as it is; rows that nobody accepted are left out and counted."""

import json
from typing import Any

import pytest

from companion.corpora.jsonl import read_jsonl
from companion.corpora.records import Corpus
from companion.corpora.tally import Tally
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

from .conftest import Writer

TEXT = "Hi 😀 Ada left Oslo"
PER, LOC = (5, 8, "PER"), (14, 18, "LOC")
TAGS = ("O", "O", "B-PER", "O", "B-LOC")
HASHES = {"_input_hash": 1, "_task_hash": 2, "_view_id": "ner_manual"}


def named(span: tuple[int, int, str], *, shift: int = 0, **more: Any) -> dict[str, Any]:
    """A span of Label Studio, which repeats its text."""
    start, end, label = span
    return {"start": start + shift, "end": end + shift, "text": TEXT[start:end], "labels": [label], **more}


def task(*values: dict[str, Any], data: dict[str, Any] | None = None, **about: Any) -> dict[str, Any]:
    """A task of Label Studio with one annotation."""
    result = [{"type": "labels", "from_name": "label", "to_name": "text", "value": value} for value in values]
    return {"id": 1, "data": data or {"text": TEXT}, "annotations": [{"result": result, **about}], "predictions": []}


FORMS: dict[str, dict[str, Any]] = {
    "doccano": {"id": 1, "text": TEXT, "label": [list(PER), list(LOC)], "Comments": []},
    "doccano with data": {"id": 1, "data": TEXT, "label": [list(PER), list(LOC)]},
    "doccano labels": {"text": TEXT, "labels": [list(PER), list(LOC)]},
    "doccano relations": {
        "text": TEXT,
        "entities": [{"id": 3, "label": label, "start_offset": a, "end_offset": b} for a, b, label in (PER, LOC)],
        "relations": [],
    },
    "prodigy": {
        "text": TEXT,
        "spans": [{"start": a, "end": b, "label": label, "token_start": 0} for a, b, label in (PER, LOC)],
        "answer": "accept",
        **HASHES,
    },
    "label studio": task(named(PER), named(LOC)),
    "label studio, as the browser counts": task(named(PER, shift=1), named(LOC, shift=1)),
    "label studio, another field": task(named(PER), named(LOC), data={"review": TEXT, "number": 3}),
    "label studio, small": {"id": 1, "text": TEXT, "label": [named(PER), named(LOC)], "annotator": 1},
}


@pytest.mark.parametrize("name", FORMS)
def test_spans_are_read_in_every_form(write: Writer, name: str) -> None:
    lines = write(json.dumps(FORMS[name]) + "\n", name="export.jsonl")
    assert [sentence.tags for sentence in read_jsonl(lines)] == [TAGS]
    whole = write(json.dumps([FORMS[name], FORMS[name]], indent=1), name="export.json")
    assert [(sentence.tags, sentence.source) for sentence in read_jsonl(whole)] == [
        (TAGS, "export.json:1"),
        (TAGS, "export.json:2"),
    ]
    memory = Corpus.from_spans([FORMS[name]], split=False)
    assert [sentence.tags for sentence in memory.train] == [TAGS]


def test_what_was_rejected_is_no_sentence_without_names(write: Writer) -> None:
    rows = [{"text": f"Row {n} of Oslo", "spans": [], "answer": answer, **HASHES} for n, answer in enumerate(ANSWERS)]
    tally = Tally()
    kept = read_jsonl(write("\n".join(map(json.dumps, rows))), tally=tally)
    assert [sentence.words[1] for sentence in kept] == ["0", "3"]
    assert tally.skipped["rows that were rejected or ignored in Prodigy"] == 2


ANSWERS = ("accept", "reject", "ignore", "accept")


def test_an_accepted_row_may_have_nothing_marked(write: Writer) -> None:
    row = {"text": "Nobody left", "answer": "accept", **HASHES}
    assert read_jsonl(write(json.dumps(row)))[0].tags == ("O", "O")


def test_a_field_called_answer_is_a_fact_where_no_tool_wrote_it(write: Writer) -> None:
    row = {"text": "Oslo", "spans": [[0, 4, "LOC"]], "answer": "reject"}
    assert read_jsonl(write(json.dumps(row)))[0].meta["answer"] == "reject"


def test_tasks_that_nobody_annotated_are_left_out(write: Writer) -> None:
    skipped = [task(named(PER), was_cancelled=True), {"id": 3, "data": {"text": "New"}, "annotations": []}]
    tally = Tally()
    empty = task()
    kept = read_jsonl(write(json.dumps([*skipped, empty])), tally=tally)
    assert [sentence.tags for sentence in kept] == [("O",) * 5]
    assert tally.skipped["tasks of Label Studio without an annotation"] == 2


def test_of_two_annotations_one_has_to_be_right(write: Writer) -> None:
    two = task(named(PER))
    two["annotations"] = two["annotations"] + task(named(LOC), ground_truth=True)["annotations"]
    assert read_jsonl(write(json.dumps(two)))[0].tags == ("O", "O", "O", "O", "B-LOC")
    two["annotations"][0]["ground_truth"] = True
    with pytest.raises(DataError, match="has 2 annotations") as error:
        read_jsonl(write(json.dumps([task(named(PER)), two])))
    assert error.value.line == 2


def test_a_span_that_repeats_another_text_is_found(write: Writer) -> None:
    path = write(json.dumps(task(named(PER, shift=4), named(LOC))))
    with pytest.raises(DataError, match=r"\[9, 12\) PER says 'Ada', and there the text has 'lef'"):
        read_jsonl(path)
    tally = Tally()
    assert read_jsonl(path, faults="repair", tally=tally)[0].tags == ("O", "O", "O", "B-PER", "B-LOC")
    assert tally.repairs == {"span whose own text is another": 1, "span that cuts a word": 1}


def test_the_browsers_counting_is_counted(write: Writer) -> None:
    tally = Tally()
    read_jsonl(write(json.dumps(FORMS["label studio, as the browser counts"])), tally=tally)
    assert tally.repairs == {"offsets in UTF-16 units": 2}
    tally = Tally()
    read_jsonl(write(json.dumps(FORMS["label studio"])), tally=tally)
    assert not tally.repairs


def test_regions_of_a_page_are_refused(write: Writer) -> None:
    region = task(named(PER))
    region["annotations"][0]["result"][0]["type"] = "hypertextlabels"
    with pytest.raises(DataError, match="hypertextlabels mark no plain text"):
        read_jsonl(write(json.dumps(region)))


LABELLED: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "label studio": (
        [
            {
                "data": {"text": f"Room {n}"},
                "annotations": [{"result": [{"type": "choices", "value": {"choices": labels}}]}],
            }
            for n, labels in enumerate((["good"], ["bad", "loud"]))
        ],
        ["good", "bad|loud"],
    ),
    "label studio, stars": (
        [{"data": {"text": "a"}, "annotations": [{"result": [{"type": "rating", "value": {"rating": 4}}]}]}],
        ["4"],
    ),
    "prodigy": (
        [
            {"text": "a", "label": "good", "answer": "accept", **HASHES, "_view_id": "classification"},
            {"text": "b", "label": "good", "answer": "reject", **HASHES, "_view_id": "classification"},
        ],
        ["good"],
    ),
    "prodigy, options": (
        [{"text": "a", "options": [], "accept": ["good"], "answer": "accept", **HASHES, "_view_id": "choice"}],
        ["good"],
    ),
    "doccano": ([{"id": 1, "text": "a", "label": ["good"], "Comments": []}], ["good"]),
}


@pytest.mark.parametrize("name", LABELLED)
def test_labels_of_texts_are_read(write: Writer, name: str) -> None:
    rows, labels = LABELLED[name]
    corpus = TextCorpus.from_jsonl(write(json.dumps(rows), name="export.json"), split=False)
    assert [text.label for text in corpus.train] == labels
    assert any("rejected" in note for note in corpus.notes) == (name == "prodigy")


def test_spans_where_a_label_is_needed_are_named(write: Writer) -> None:
    with pytest.raises(DataError, match="holds character spans") as error:
        TextCorpus.from_jsonl(write(json.dumps(FORMS["doccano"])))
    assert "Corpus.from_jsonl" in error.value.remedy
