"""JSON lines: words and tags, or text and spans, and an error with its line for everything else."""

import json

import pytest

from companion.corpora.jsonl import read_jsonl
from companion.corpora.records import Corpus
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError

from .conftest import Writer

GOOD = '{"words": ["EU", "says"], "tags": ["B-ORG", "O"]}'
SPAN = (
    '{"text": "Ada in Oslo", "spans": [{"start": 7, "end": 11, "label": "LOC"}, [0, 3, "PER"]], "topic": "x", "n": 1}'
)


def test_both_kinds_of_lines(write: Writer) -> None:
    tally = Tally()
    words, text = read_jsonl(write(f"{GOOD}\r\n\r\n{SPAN}", name="a.jsonl"), tally=tally)
    assert (words.words, words.tags, words.source) == (("EU", "says"), ("B-ORG", "O"), "a.jsonl:1")
    assert (text.tags, text.source) == (("B-PER", "O", "B-LOC"), "a.jsonl:3")
    assert text.meta == {"text": "Ada in Oslo", "topic": "x"}
    assert tally.skipped == {"empty lines": 1, "fields that are not text": 1}


def test_keys_are_named(write: Writer) -> None:
    path = write('{"t": "Oslo", "e": [[0, 4, "LOC"]]}\n{"tokens": ["EU"], "ner": ["S-ORG"]}\n')
    with pytest.raises(DataError, match="needed are 'tokens' and 'ner', or 'text' and 'spans'"):
        read_jsonl(path, words="tokens", tags="ner")
    names = {"words": "tokens", "tags": "ner", "text": "t", "spans": "e"}
    corpus = Corpus.from_jsonl(path, split=False, **names)
    assert [sentence.tags for sentence in corpus.train] == [("B-LOC",), ("B-ORG",)]
    assert [sentence.tags for sentence in read_jsonl(path, scheme="BIOES", **names)] == [("B-LOC",), ("B-ORG",)]


FAULTS = {
    "cut off": ('{"words": ["EU"', "not JSON"),
    "two objects": (f"{GOOD} {GOOD}", "not JSON"),
    "key twice": ('{"words": ["EU"], "words": ["x"], "tags": ["O"]}', "'words' stands twice"),
    "nan": ('{"words": ["EU"], "tags": ["O"], "score": NaN}', "NaN is not JSON"),
    "infinity": ('{"words": ["EU"], "tags": ["O"], "score": -Infinity}', "-Infinity is not JSON"),
    "huge integer": ('{"words": ["EU"], "tags": ["O"], "n": ' + "9" * 5000 + "}", "not JSON"),
    "deep": ("[" * 100_000, "nested too deeply"),
    "a list": ("[1]", "a list where an object is needed"),
    "no keys": ("{}", "the keys are missing"),
    "words no list": ('{"words": "EU", "tags": ["O"]}', "'words' is a str, not a list"),
    "number as word": ('{"words": [1], "tags": ["O"]}', "'words' holds 1, which is not text"),
    "null as tag": ('{"words": ["EU"], "tags": [null]}', "'tags' holds None"),
    "empty word": ('{"words": [""], "tags": ["O"]}', "'words' holds ''"),
    "half a character": ('{"words": ["\\ud800"], "tags": ["O"]}', "half a character"),
    "lengths": ('{"words": ["EU"], "tags": ["O", "O"]}', "1 words but 2 tags"),
    "no words": ('{"words": [], "tags": []}', "the sentence has no words"),
    "blank text": ('{"text": " ", "spans": []}', "the sentence has no words"),
    "text a number": ('{"text": 5, "spans": []}', "'text' holds 5"),
    "span incomplete": ('{"text": "EU", "spans": [{"start": 0}]}', "is not a span"),
    "offset a text": ('{"text": "EU", "spans": [["0", 2, "ORG"]]}', "are not both whole numbers"),
    "offset true": ('{"text": "EU", "spans": [[false, true, "ORG"]]}', "are not both whole numbers"),
    "label a number": ('{"text": "EU", "spans": [[0, 2, 7]]}', "'label' holds 7"),
    "reversed": ('{"text": "EU", "spans": [[2, 0, "ORG"]]}', "reversed span"),
    "no tag": ('{"words": ["EU"], "tags": ["ORG"]}', "'ORG' is not a tag"),
    "broken": ('{"words": ["EU"], "tags": ["I-ORG"]}', "breaks IOB2"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_with_their_line(write: Writer, name: str) -> None:
    line, words = FAULTS[name]
    path = write(f"{GOOD}\n\n{line}\n", name="train.jsonl")
    with pytest.raises(DataError) as caught:
        read_jsonl(path)
    assert words in str(caught.value)
    assert (caught.value.file, caught.value.line) == (str(path), 3)


def test_faulty_spans_are_repaired_and_counted_when_asked(write: Writer) -> None:
    tally = Tally()
    path = write('{"text": "EU ", "spans": [[0, 3, "ORG"], [2, 0, "ORG"]]}')
    assert read_jsonl(path, faults="repair", tally=tally)[0].tags == ("B-ORG",)
    assert tally.repairs == {"span with a space at its end": 1, "reversed span": 1}
    with pytest.raises(ConfigError, match="faults='ignore'"):
        read_jsonl(path, faults="ignore")


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_a_file_without_lines_is_refused(write: Writer, text: str) -> None:
    with pytest.raises(DataError, match="there is no sentence"):
        read_jsonl(write(text))


def test_json_round_trip_keeps_every_character(write: Writer) -> None:
    words = ["中", "👩\u200d👧", "a\u2028b", "\x00", "\ufeff", "e\u0301", " ", "a\tb"]
    line = json.dumps({"words": words, "tags": ["O"] * len(words)}, ensure_ascii=False)
    assert read_jsonl(write(line))[0].words == tuple(words)
