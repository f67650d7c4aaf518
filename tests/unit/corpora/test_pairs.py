"""Pairs of prompt and answer are read from JSONL, and what is no pair is named."""

import json

import pytest

from companion.corpora.pairs import Pair, PairCorpus
from companion.errors import DataError

from .conftest import Writer

ROW = {"prompt": "Où est la clé ?", "answer": "À côté de l’entrée."}


def test_files_in_other_encodings_are_read(write: Writer) -> None:
    path = write((json.dumps(ROW, ensure_ascii=False) + "\n").encode("cp1252"))
    with pytest.raises(DataError, match="is not utf-8"):
        PairCorpus.from_jsonl(path, split=False)
    assert PairCorpus.from_jsonl(path, split=False, encoding="cp1252").train[0].answer == ROW["answer"]


@pytest.mark.parametrize("row", [ROW, ("prompt", "answer"), None])
def test_rows_that_are_no_pairs_are_named(row: object) -> None:
    with pytest.raises(DataError, match="not a Pair in every row") as error:
        PairCorpus(name="own", train=[row])
    assert "companion.Pair(prompt=" in error.value.remedy
    assert PairCorpus(name="own", train=[Pair(**ROW)]).splits


PAIRS = [{"prompt": f"How many are {number}?", "answer": str(number)} for number in range(40)]
ALPACA = {"instruction": "Say it in French.", "input": "Good day", "output": "Bonjour"}


def test_rows_in_memory_are_read_as_a_file_would_be(write: Writer) -> None:
    filed = PairCorpus.from_jsonl(write("\n".join(map(json.dumps, PAIRS)), "mine.jsonl"))
    corpus = PairCorpus.from_rows([tuple(row.values()) for row in PAIRS], name="mine")
    assert len(corpus.splits) == 3 and corpus.notes == filed.notes and corpus.name == filed.name
    for split, rows in filed.splits.items():
        assert [(row.prompt, row.answer) for row in corpus.splits[split]] == [(row.prompt, row.answer) for row in rows]
    named = [{"q": "Where?", "a": "Here.", "by": "Ada", "n": 3}]
    given = PairCorpus.from_rows((row for row in named), dev=named, prompt="q", answer="a")
    assert given.train[0].meta == {"by": "Ada"} and given.dev[0].source == "rows/dev#1" and given.notes == ()
    pandas = pytest.importorskip("pandas")
    assert PairCorpus.from_rows(pandas.DataFrame(PAIRS), split=False).train[3].answer == "3"


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        ([("a", "b"), ("c",)], "rows/dev:2", "the row is a tuple"),
        ([("a", None)], "rows/dev:1", "the answer is None"),
        ([{"prompt": "a"}], "rows/dev:1", "there is 'prompt'"),
        ([], "rows/dev", "there is no pair"),
        ("a.jsonl", "rows/dev", "a str is no list of rows"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_split_and_number(rows: object, place: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        PairCorpus.from_rows([("a", "b")], dev=rows)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{place}: ") and message in caught.value.problem and caught.value.remedy


@pytest.mark.parametrize("named", [{}, {"prompt": "instruction", "answer": "output"}])
def test_the_input_of_an_alpaca_row_is_part_of_its_prompt(named: dict[str, str], write: Writer) -> None:
    rows = [ALPACA, {**ALPACA, "input": ""}, {**ALPACA, "input": None}, {"instruction": "Greet.", "output": "Bonjour"}]
    for corpus in (
        PairCorpus.from_rows(rows, split=False, **named),
        PairCorpus.from_jsonl(write("\n".join(map(json.dumps, rows))), split=False, **named),
    ):
        bare = "Say it in French."
        assert [pair.prompt for pair in corpus.train] == [f"{bare}\n\nGood day", bare, bare, "Greet."]
        assert [pair.answer for pair in corpus.train] == ["Bonjour"] * 4
        [note] = corpus.notes
        assert note.startswith("input of an Alpaca row, put below its instruction and a blank line: 1 (first: ")
    with pytest.raises(DataError, match="rows/train:1: the input is 3"):
        PairCorpus.from_rows([{**ALPACA, "input": 3}], **named)


def test_an_empty_input_in_a_data_frame_is_none() -> None:
    # pandas holds an empty cell of a CSV file as nan, which was refused: "leave it empty".
    import pandas

    frame = pandas.DataFrame([ALPACA, {**ALPACA, "input": float("nan")}])
    corpus = PairCorpus.from_rows(frame, prompt="instruction", answer="output", split=False)
    assert [row.prompt for row in corpus.train] == ["Say it in French.\n\nGood day", "Say it in French."]


def test_an_input_beside_another_prompt_stays_a_fact() -> None:
    corpus = PairCorpus.from_rows([{"prompt": "a", "answer": "b", "input": "c"}], split=False)
    assert corpus.train[0].prompt == "a" and corpus.train[0].meta == {"input": "c"} and corpus.notes == ()
