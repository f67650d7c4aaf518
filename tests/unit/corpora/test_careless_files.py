"""Files as a careless user has them: what was read as something else in silence is warned of, read, or named."""

import json

import pytest

from companion.corpora.records import Corpus
from companion.corpora.report import alike
from companion.corpora.tables import named_rows
from companion.corpora.text_table import extent
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

from .conftest import Writer

ROWS = [(f"text {number}", "good" if number % 2 else "bad") for number in range(8)]


def test_names_that_are_probably_one_are_found() -> None:
    assert alike(["PER", "Per", "LOC"]) == ["'PER' and 'Per'"]
    assert alike(["1", "1.0", "2", "two"]) == ["'1' and '1.0'"]
    assert alike(["track order", "track_order", "Track-Order"]) == ["'track order', 'track_order' and 'Track-Order'"]
    assert alike(["good", "bad", "nan", "10", "1", "B", "b-"]) == []


def test_labels_and_types_that_differ_in_capitals_are_warned_of() -> None:
    corpus = TextCorpus.from_rows([*ROWS, ("text 9", "Good"), ("text 10", "Bad")], split=False)
    told = corpus.describe()
    assert "warning: 'Bad' and 'bad' are different labels here; 'Good' and 'good' are different labels here" in told
    assert "different labels" not in TextCorpus.from_rows(ROWS, split=False).describe()
    tagged = [(["Ada", "Bo"], ["B-PER", "B-Per"]), (["Oslo"], ["B-LOC"])]
    assert "warning: 'PER' and 'Per' are different types here" in Corpus.from_rows(tagged, split=False).describe()
    assert "different types" not in Corpus.from_rows(tagged[1:], split=False).describe()


def test_a_column_of_numbers_is_hardly_one_of_texts() -> None:
    told = TextCorpus.from_rows(
        [(str(number), label) for number, (_, label) in enumerate(ROWS)], split=False
    ).describe()
    assert "warning: all texts of train are numbers (first: '0'): is this the column of the texts?" in told
    assert "are numbers" not in TextCorpus.from_rows([("1", "a"), ("one", "b")], split=False).describe()


def test_a_file_without_empty_lines_is_one_sentence(write: Writer) -> None:
    lines = ["Ada B-PER", "wrote O", ". O"] * 100
    whole = Corpus.from_conll(write("\n".join(lines)), split=False).describe()
    assert "warning: all of train is one sentence of 300 words: are the empty lines between sentences missing?" in whole
    parted = Corpus.from_conll(write("\n\n".join(["\n".join(lines[:3])] * 100)), split=False).describe()
    assert "one sentence" not in parted


@pytest.mark.parametrize("mark", ["sep=;", "SEP=;", '"sep=;"'])
def test_the_line_in_which_excel_names_the_delimiter_is_no_header(mark: str, write: Writer) -> None:
    path = write(f"{mark}\ntext;label\nfine;good\nno; bad\n", "own.csv")
    rows = TextCorpus.from_csv(path, split=False).train
    assert [(row.text, row.label, row.source) for row in rows] == [
        ("fine", "good", "own.csv:3"),
        ("no", "bad", "own.csv:4"),
    ]
    assert [row for _, row in named_rows("sep=a,b\n1,2\n", ("sep=a",), path=path)] == [{"sep=a": "1", "b": "2"}]


def test_an_empty_line_above_the_header_is_passed_over(write: Writer) -> None:
    rows = TextCorpus.from_csv(write("\n\ntext,label\nfine,good\nno,bad\n", "own.csv"), split=False).train
    assert [(row.text, row.source) for row in rows] == [("fine", "own.csv:4"), ("no", "own.csv:5")]


@pytest.mark.parametrize("indent", [None, 2])
def test_json_that_is_one_object_is_named_as_such(indent: int | None, write: Writer) -> None:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    path = write(json.dumps({"version": 1, "data": rows}, indent=2), "own.json")
    with pytest.raises(DataError, match="the file is one JSON object with the keys 'version', 'data'") as caught:
        TextCorpus.from_jsonl(path)
    assert "one list of objects" in caught.value.remedy
    columns = {"text": [text for text, _ in ROWS] * 40, "label": [label for _, label in ROWS] * 40}
    with pytest.raises(DataError) as caught:
        TextCorpus.from_jsonl(write(json.dumps(columns, indent=indent), "own.json"))
    assert "orient='records'" in caught.value.remedy and len(caught.value.problem) < 120
    with pytest.raises(DataError, match="not JSON: Expecting"):
        TextCorpus.from_jsonl(write('{"text": "a",\n"label"', "own.json"))


def test_wide_labels_do_not_push_their_columns_aside() -> None:
    rows = [(f"text {number}", label) for number, label in enumerate(["正面", "负面的", "neutral"] * 3)]
    lines = TextCorpus.from_rows(rows, split=False).describe().splitlines()
    assert {extent(line) for line in lines[2:7]} == {extent("neutral") + 8} and len(lines) == 7
