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


def test_the_keys_that_are_there_are_named(write: Writer) -> None:
    path = write(json.dumps({"messages": [{"role": "user", "content": "a"}]}))
    with pytest.raises(DataError, match="there is 'messages'") as error:
        PairCorpus.from_jsonl(path)
    assert "several turns" in error.value.remedy
