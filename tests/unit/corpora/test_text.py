"""Bytes become text in one way, and a byte that does not fit is named with its offset and line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.corpora.records import Corpus
from companion.corpora.text import read_text, split_lines
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

from .conftest import STEADY, Writer


def test_a_leading_byte_order_mark_is_stripped_and_an_inner_one_kept(write: Writer) -> None:
    assert read_text(write(b"\xef\xbb\xbfEU\xef\xbb\xbf O")) == "EU\ufeff O"


@pytest.mark.parametrize(
    ("data", "offset", "line", "words"),
    [
        ("EU\tO\nCafé\tO\n".encode("latin-1"), 8, 2, "byte 0xe9 at offset 8 is not utf-8"),
        (b"\xef\xbb\xbfEU\tO\r\n\xff\tO\n", 9, 2, "byte 0xff at offset 9 is not utf-8"),
        (b"a\tO\rb\tO\r\xc3", 8, 3, "byte 0xc3 at offset 8 is not utf-8"),
        ("EU\tO\n".encode("utf-16"), 0, 1, "the mark of UTF-16"),
        ("EU\tO\n".encode("utf-32"), 0, 1, "the mark of UTF-32"),
        ("EU\tO\n".encode("utf-16-le"), 1, 1, "byte 0x00 at offset 1"),
        ("EU\tO\n".encode("utf-16-be"), 0, 1, "byte 0x00 at offset 0"),
    ],
)
def test_other_encodings_are_refused_with_the_byte(
    write: Writer, data: bytes, offset: int, line: int, words: str
) -> None:
    path = write(data)
    with pytest.raises(DataError) as caught:
        read_text(path)
    assert words in str(caught.value)
    assert f"offset {offset}" in str(caught.value)
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert caught.value.remedy


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "cp1252"])
def test_a_declared_encoding_is_used(write: Writer, encoding: str) -> None:
    assert read_text(write("Café\tO\n".encode(encoding)), encoding=encoding) == "Café\tO\n"


def test_an_unknown_encoding_is_named(write: Writer) -> None:
    with pytest.raises(DataError, match="unknown encoding 'klingon'"):
        read_text(write("x"), encoding="klingon")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file") as caught:
        read_text(tmp_path / "gone.conll")
    assert caught.value.file == str(tmp_path / "gone.conll")
    with pytest.raises(DataError, match="a folder, not a file"):
        read_text(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        read_text("nul\0byte")


def test_only_three_characters_end_a_line() -> None:
    assert split_lines("a\nb\r\nc\rd") == ["a", "b", "c", "d"]
    assert split_lines("a\x0bb\x0cc\x85d\u2028e\n") == ["a\x0bb\x0cc\x85d\u2028e"]
    assert split_lines("") == []
    assert split_lines("\n\n") == ["", ""]


@STEADY
@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_a_typed_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    path.write_bytes(data)
    try:
        expected = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        with pytest.raises(DataError, match="at offset"):
            read_text(path)
        return
    if b"\x00" not in data:
        assert read_text(path) == expected


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\xff\x00", "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\x00\x00\x00", "an Excel workbook"),
        (b"PAR1\x15\x00\xff", "a Parquet file"),
        (b"\x1f\x8b\x08", "a gzip archive"),
    ],
)
def test_files_that_are_no_text_are_named(write: Writer, content: bytes, what: str) -> None:
    assert read_text(write(b"PAR1S B-LOC\n")) == "PAR1S B-LOC\n"
    with pytest.raises(DataError, match=what) as error:
        read_text(write(content))
    assert error.value.remedy


@pytest.mark.parametrize(
    "read", [Corpus.from_conll, Corpus.from_csv, Corpus.from_jsonl, TextCorpus.from_csv, TextCorpus.from_jsonl]
)
def test_rows_in_memory_are_no_file(read: Callable[[Any], Any]) -> None:
    with pytest.raises(DataError, match="a list is no path of a file") as error:
        read([{"text": "a", "label": "b"}])
    assert "from_rows" in error.value.remedy
