"""Any bytes give sentences or a typed error, and what was read can be written and read again."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from companion.corpora.conll import format_conll, read_conll
from companion.corpora.jsonl import read_jsonl
from companion.corpora.records import Corpus
from companion.corpora.schemes import validate
from companion.corpora.tables import read_csv
from companion.errors import CompanionError

from .conftest import STEADY

PIECES = st.sampled_from(
    [
        *(
            "EU",
            "#",
            "# a = b",
            "-DOCSTART-",
            "O",
            "B-PER",
            "I-PER",
            "S-LOC",
            "E-LOC",
            "PER",
            "\t",
            "\t",
            " ",
            "\n",
            "\n",
        ),
        *(
            "\r\n",
            "\r",
            "\ufeff",
            "\u200b",
            "\x00",
            "\u2028",
            "é",
            "中",
            '"',
            ",",
            "{",
            "}",
            "sentence,word,tag\n",
            "1",
        ),
    ]
)
FILES = st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode()))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "delimiter": st.sampled_from(["\t", " "]),
        "invalid": st.just("repair"),
        "word_column": st.sampled_from([0, 1]),
        "tag_column": st.sampled_from([-1, 1]),
        "columns": st.sampled_from([2, (2, 3)]),
        "label_map": st.just({"PER": "B-PER"}),
        "scheme": st.sampled_from(["IOB1", "IOB2", "BIOES"]),
    },
)


def outcome(read: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What the reader gives, or None for a typed refusal; any other exception ends the test."""
    try:
        return read(*arguments, **options)
    except CompanionError as error:
        return None if str(error) else error


def put(folder: pytest.TempPathFactory, data: bytes, name: str):
    path = folder.getbasetemp() / name
    path.write_bytes(data)
    return path


@given(FILES, OPTIONS)
@example(b"\xef\xbb\xbf\xef\xbb\xbfx\tO\n", {})
@example(b"# a = b\tO\nx\tO\n", {})
@example(b"x\t# a = b\tO\n", {"word_column": 1, "delimiter": "\t"})
@settings(STEADY, max_examples=400)
def test_any_file_is_read_or_refused(tmp_path_factory, data: bytes, options: dict) -> None:
    path = put(tmp_path_factory, data, "fuzz.conll")
    sentences = outcome(read_conll, path, **options)
    assert sentences is None or len(sentences) > 0
    for sentence in sentences or ():
        assert len(sentence.words) == len(sentence.tags) > 0
        assert validate(sentence.tags) == []
    written = outcome(format_conll, sentences) if sentences else None
    if written is None:
        return
    again = read_conll(put(tmp_path_factory, written, "again.conll"), delimiter="\t")
    facts = [(sentence.words, sentence.tags, dict(sentence.meta)) for sentence in sentences]
    assert [(sentence.words, sentence.tags, dict(sentence.meta)) for sentence in again] == facts


@given(FILES)
@STEADY
def test_any_bytes_are_a_corpus_or_a_typed_error(tmp_path_factory, data: bytes) -> None:
    path = put(tmp_path_factory, data, "fuzz.txt")
    for read in (Corpus.from_conll, Corpus.from_csv, Corpus.from_jsonl):
        corpus = outcome(read, path, split=False)
        assert corpus is None or (corpus.labels[0] == "O" and len(corpus.describe()) > 0)


CELLS = st.sampled_from(["sentence", "word", "tag", "s1", "s2", "EU", "O", "B-PER", "", '"', '""', "é", "a\nb", "\x00"])


@given(st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=8), st.sampled_from(",;\t|"))
@STEADY
def test_any_table_is_read_or_refused(tmp_path_factory, rows: list[list[str]], delimiter: str) -> None:
    table = [["sentence", "word", "tag"], *rows]
    data = "\n".join(delimiter.join(row) for row in table).encode()
    sentences = outcome(read_csv, put(tmp_path_factory, data, "fuzz.csv"))
    assert sentences is None or sum(len(sentence.words) for sentence in sentences) <= len(rows)


LEAVES = st.sampled_from(["O", "B-PER", "EU", "", "\ud800", "New York", None, True, 0, 1, 7, -1, 0.5, float("nan")])
SPANS = st.fixed_dictionaries({}, optional={"start": LEAVES, "end": LEAVES, "label": LEAVES})
VALUES = LEAVES | st.lists(LEAVES | SPANS | st.lists(LEAVES, max_size=3), max_size=3)
RECORDS = st.dictionaries(st.sampled_from(["words", "tags", "text", "spans", "note"]), VALUES, max_size=5)


@given(st.lists(RECORDS, max_size=4))
@STEADY
def test_any_records_are_read_or_refused(tmp_path_factory, records: list[dict]) -> None:
    data = "\n".join(json.dumps(record) for record in records).encode()
    sentences = outcome(read_jsonl, put(tmp_path_factory, data, "fuzz.jsonl"))
    assert sentences is None or len(sentences) == len(records)
