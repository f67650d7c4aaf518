"""Two texts under one label: read by name, kept together, and never half lost."""

import json
from pathlib import Path

import pytest

from companion.corpora.augmentation import Capitals, augment
from companion.corpora.decontamination import decontaminate
from companion.corpora.pairs import labels_as_answers
from companion.corpora.portrait import texts_portrait
from companion.corpora.stratified import stratified_parts
from companion.corpora.text_pairs import lone_text
from companion.corpora.texts import Text, TextCorpus
from companion.errors import ConfigError, DataError

PAIRS = [
    ("A man sleeps.", "He is awake.", "no"),
    ("A man sleeps.", "Somebody sleeps.", "yes"),
    ("It rains.", "It is wet.", "yes"),
]


def as_found(corpus: TextCorpus) -> list[tuple]:
    return [(row.text, row.text_pair, row.label) for row in corpus.train]


def test_pairs_are_read_by_the_name_of_their_column_wherever_they_stand(tmp_path: Path) -> None:
    import pandas
    from datasets import Dataset

    table, lines = tmp_path / "a.csv", tmp_path / "a.jsonl"
    rows = [dict(zip(("premise", "hypothesis", "gold"), row, strict=True)) for row in PAIRS]
    table.write_text("premise,hypothesis,gold\n" + "".join(",".join(row) + "\n" for row in PAIRS), "utf-8")
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    named = {"text": "premise", "text_pair": "hypothesis", "label": "gold", "split": False}
    read = {
        "csv": TextCorpus.from_csv(table, **named),
        "jsonl": TextCorpus.from_jsonl(lines, **named),
        "rows": TextCorpus.from_rows(rows, **named),
        "tuples": TextCorpus.from_rows([((one, other), label) for one, other, label in PAIRS], split=False),
        "frame": TextCorpus.from_rows(pandas.DataFrame(rows), **named),
        "datasets": TextCorpus.from_datasets({"train": Dataset.from_list(rows)}, **named),
    }
    for name, corpus in read.items():
        assert as_found(corpus) == PAIRS and corpus.pairs, name
        assert all(not row.meta for row in corpus.train), name
    assert read["csv"].train[1].source == "a.csv:3"


def test_a_column_text_pair_needs_no_name_and_a_null_in_it_is_none(tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"text": "a", "text_pair": "b", "label": "x"}\n', "utf-8")
    assert as_found(TextCorpus.from_jsonl(lines, split=False)) == [("a", "b", "x")]
    lines.write_text('{"text": "a", "text_pair": null, "label": "x"}\n', "utf-8")
    corpus = TextCorpus.from_jsonl(lines, split=False)
    assert as_found(corpus) == [("a", None, "x")] and not corpus.pairs


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ('{"text": "a", "second": "b", "label": "x"}\n{"text": "a", "label": "x"}\n', 2, "no field 'second'"),
        ('{"text": "a", "second": " ", "label": "x"}\n', 1, "the second is ' '"),
        ('{"text": "a", "second": null, "label": "x"}\n', 1, "the second is None"),
    ],
)
def test_a_second_text_that_is_not_there_is_named_by_file_and_line(
    tmp_path: Path, content: str, line: int, message: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(content, "utf-8")
    with pytest.raises(DataError, match=message) as caught:
        TextCorpus.from_jsonl(path, text_pair="second", split=False)
    assert caught.value.line == line and str(caught.value.file) == str(path)


@pytest.mark.parametrize("both", [["a", "b"], ("a", "b", "c")])
def test_texts_in_one_cell_are_told_how_a_pair_is_written(both) -> None:
    # A list was said to be a whole column, as pandas writes it, and of a tuple of three nothing was said.
    with pytest.raises(DataError, match="Two texts are two fields, text and text_pair, or a tuple of two"):
        TextCorpus.from_rows([(both, "x")], split=False)


def test_a_corpus_holds_pairs_in_all_rows_or_in_none(tmp_path: Path) -> None:
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"text": "a", "text_pair": "b", "label": "x"}\n{"text": "c", "label": "y"}\n', "utf-8")
    with pytest.raises(DataError, match="a.jsonl:2: the row holds one text, and those before it hold pairs"):
        TextCorpus.from_jsonl(lines, split=False)
    alone, both = Text(text="a", label="x"), Text(text="a", text_pair="b", label="x", source="dev:1")
    with pytest.raises(DataError, match="dev:1: the row holds a pair of texts, and those before it hold one text each"):
        TextCorpus(name="mixed", train=[alone], dev=[both])


def test_one_column_for_two_of_them_is_refused() -> None:
    with pytest.raises(ConfigError, match="text and text_pair are the same column 'a'"):
        TextCorpus.from_rows([{"a": "x", "label": "y"}], text="a", text_pair="a")


def test_an_empty_second_text_is_no_pair() -> None:
    with pytest.raises(DataError, match="the text_pair is ' '"):
        Text(text="a", text_pair=" ", label="x")


def test_pairs_with_one_first_text_fall_into_one_split() -> None:
    rows = [((f"premise {place % 40}", f"hypothesis {place}"), "yes" if place % 3 else "no") for place in range(240)]
    corpus = TextCorpus.from_rows(rows)
    assert set(corpus.splits) == {"train", "dev", "test"}
    of = {name: {row.text for row in part} for name, part in corpus.splits.items()}
    assert sum(map(len, of.values())) == 40 == len(set.union(*of.values()))
    assert "each first text" in corpus.notes[0]
    parts = stratified_parts([row for part in corpus.splits.values() for row in part], {"one": 0.5, "other": 0.5})
    assert not {row.text for row in parts["one"]} & {row.text for row in parts["other"]} and all(parts.values())


def test_rows_that_share_one_text_alone_are_no_repetition() -> None:
    first, second, third = (Text(text=one, text_pair=other, label=label) for one, other, label in PAIRS)
    assert "also stand in train" not in TextCorpus(name="x", train=[first, third], dev=[second]).describe()
    assert "1 texts of dev also stand in train" in TextCorpus(name="x", train=[first], dev=[first]).describe()
    assert texts_portrait(TextCorpus(name="x", train=[first, third], test=[second])).exact_across == 0


def test_both_texts_are_counted_and_both_are_taken_out_of_unlabelled_text() -> None:
    row = Text(text="the first of the two texts", text_pair="quite another one behind it", label="x")
    assert texts_portrait(TextCorpus(name="x", train=[row])).lengths == {"train": (11,)}
    found = decontaminate([row.text_pair, "something else altogether", row.text], [row])
    assert found.kept == ("something else altogether",) and found.held_out == 2


def test_a_changed_copy_keeps_the_second_text() -> None:
    [copy] = augment([Text(text="Rain", text_pair="It is Wet", label="x")], Capitals(writing="upper")).rows
    assert copy.texts == ("RAIN", "It is Wet")


def test_what_reads_one_text_refuses_a_pair_by_its_place() -> None:
    assert lone_text(Text(text="a", label="x"), "a prompt") == "a"
    with pytest.raises(DataError, match="a.csv:3: the row is a pair of texts, and a prompt reads one"):
        labels_as_answers([Text(text="a", text_pair="b", label="x", source="a.csv:3")])
