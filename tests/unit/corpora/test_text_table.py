"""The maker of tables: what it sets, and what it folds where the screen is narrower."""

from __future__ import annotations

import pytest

from companion.corpora.text_table import TextTable, extent, folded

RULED = [["one", "1", "2"], None, ["mean", "1.5", ""]]


def test_columns_rules_and_sides() -> None:
    assert TextTable(heading=["name", "a", "b"], rows=RULED).text().splitlines() == [
        "name  a    b",
        "------------",
        "one   1    2",
        "------------",
        "mean  1.5",
    ]
    assert TextTable(heading=["name", "a", "b"], rows=RULED, left=1, least=5).text().splitlines() == [
        "name      a      b",
        "------------------",
        "one       1      2",
        "------------------",
        "mean    1.5",
    ]
    assert TextTable(heading=["name", "a"], rows=[["one", "1"]], parted=True).text() == "name  a\n────  ─\none   1"


def test_a_table_without_rows() -> None:
    assert TextTable(heading=["name", "a"], rows=[]).text(40) == "name  a\n-------"


def test_without_a_width_a_row_is_one_line_however_long() -> None:
    lines = TextTable(heading=["name", "what"], rows=[["one", "word " * 999 + "end"]]).text().splitlines()
    assert len(lines) == 3
    assert lines[2].endswith("word end")


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("北京", 4),
        ("ＡＢ", 4),
        ("한국", 4),
        ("🙂", 2),
        ("é", 1),
        ("e\u0301", 1),
        ("a\u200db", 2),
        ("─–→", 3),
    ],
)
def test_columns_of_the_screen(text: str, columns: int) -> None:
    assert extent(text) == columns


def test_wide_characters_leave_the_next_column_straight() -> None:
    table = TextTable(heading=["name", "f1"], rows=[["余额没有更新", "0.5"], ["north", "0.25"]], left=1)
    assert {extent(line) for line in table.text().splitlines()} == {18}
    assert table.text().splitlines()[2] == "余额没有更新   0.5"


def test_wide_characters_count_twice_where_a_table_is_folded() -> None:
    name = "余额没有更新" * 8
    assert len(f"{name}  0.25") <= 60 < extent(name), "counted by characters, the table would fit"
    lines = TextTable(heading=["name", "f1"], rows=[[name, "0.5"], ["north", "0.25"]], left=1).text(60).splitlines()
    assert 50 < max(map(extent, lines)) <= 60
    assert "".join(line.split()[0] for line in lines[2:-1]) == name


def test_a_text_with_two_blanks_is_one_cell() -> None:
    """A maker that looks for columns in finished lines takes these for two."""
    lines = TextTable(heading=["type", "text"], rows=[["ORG", "Bank  of " + "word " * 20]]).text(60).splitlines()
    assert lines[:2] == ["type ORG", "  text  Bank  of word word word word word word word word"]


def test_a_cell_of_two_lines_keeps_to_its_column() -> None:
    table = TextTable(heading=["type", "text", "score"], rows=[["ORG", "New\nYork", "1"], ["LOC", "Rome", "2"]])
    assert table.text().splitlines()[2:] == ["ORG   New   1", "      York", "LOC   Rome  2"]


def test_what_has_no_room_in_columns_goes_below_its_row() -> None:
    row = ["newsroom", "566 kB", "in this package", "CC0", "news in six beats"]
    table = TextTable(heading=["corpus", "size", "where", "licence", "what"], rows=[row, row], explained=True)
    assert table.text(45).splitlines() == [
        "corpus    size    where            licence",
        "------------------------------------------",
        *["newsroom  566 kB  in this package  CC0", "    news in six beats"] * 2,
    ]
    assert table.text(40).splitlines()[2:4] == [
        "newsroom  566 kB  in this package",
        "    licence CC0 · news in six beats",
    ]
    assert table.text(14).splitlines()[2:5] == ["newsroom", "    size 566", "    kB · where"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("one two three", ["one two", "three"]),
        ("low-rank-8", ["low-", "rank-8"]),
        ("one_two_three", ["one_two_", "three"]),
        ("x 1e-05 -1.25", ["x 1e-05", "-1.25"]),
        ("abcdefghijk", ["abcdefgh", "ijk"]),
        ("北京大学出版社", ["北京大学", "出版社"]),
        ("a北京大学", ["a北京大", "学"]),
        ("two\nlines", ["two", "lines"]),
        ("", [""]),
    ],
)
def test_lines_end_between_words_and_never_inside_a_number(text: str, lines: list[str]) -> None:
    assert folded(text, 8) == lines
