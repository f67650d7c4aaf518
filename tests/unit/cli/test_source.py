"""Where data comes from: what a file holds is told by its columns, and what is missing is named before it is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli.source import Source
from companion.cli.train import measured_on
from companion.corpora.records import Corpus
from companion.corpora.texts import Text, TextCorpus
from companion.errors import CompanionError, DataError

TEXTS = "review;stars;id\ngreat, really;5;a\nawful;1;b\n"
WORDS = "sentence,word,tag\n1,Oslo,B-LOC\n1,sleeps,O\n"
FILES = {
    "texts.csv": TEXTS,
    "named.csv": "text,label\ngreat,good\nawful,bad\n",
    "words.csv": WORDS,
    "texts.jsonl": '{"text": "great", "label": "good"}\n',
    "words.jsonl": '{"words": ["Oslo"], "tags": ["B-LOC"]}\n',
    "spans.jsonl": '{"text": "Oslo", "spans": [{"start": 0, "end": 4, "label": "LOC"}]}\n',
    "both.jsonl": '{"text": "Oslo", "label": "good", "spans": [{"start": 0, "end": 4, "label": "LOC"}]}\n',
    "list.jsonl": "[1, 2]\n",
    "doccano.jsonl": '{"id": 1, "text": "at home", "label": []}\n{"id": 2, "text": "Oslo", "label": [[0, 4, "LOC"]]}\n',
    "doccano-texts.jsonl": '{"id": 1, "text": "odd", "label": []}\n{"id": 2, "text": "great", "label": ["good"]}\n',
    "studio.json": '[{"data": {"text": "x"}, "annotations": []}, {"data": {"text": "Oslo"}, "annotations": [{"result": '
    '[{"type": "labels", "value": {"start": 0, "end": 4, "labels": ["LOC"]}}]}]}]',
    "rejected.jsonl": '{"text": "Oslo", "spans": [], "answer": "reject", "_task_hash": 1}\n',
    "empty.csv": "\n",
    "words.conll": "Oslo B-LOC\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of every kind."""
    place = tmp_path_factory.mktemp("files")
    for name, content in FILES.items():
        (place / name).write_text(content, encoding="utf-8")
    return place


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("texts.csv", {"columns": "text=review,label=stars"}, TextCorpus),
        ("texts.csv", {"columns": " text = review , label = stars "}, TextCorpus),
        ("named.csv", {}, TextCorpus),
        ("named.csv", {"task": "text"}, TextCorpus),
        ("words.csv", {}, Corpus),
        ("texts.jsonl", {}, TextCorpus),
        ("words.jsonl", {}, Corpus),
        ("spans.jsonl", {}, Corpus),
        ("both.jsonl", {"task": "text"}, TextCorpus),
        ("both.jsonl", {"task": "tokens"}, Corpus),
        ("both.jsonl", {"columns": "label=label"}, TextCorpus),
        ("doccano.jsonl", {}, Corpus),
        ("doccano-texts.jsonl", {}, TextCorpus),
        ("studio.json", {}, Corpus),
        ("words.conll", {}, Corpus),
        ("words.conll", {"columns": "word=0,tag=1"}, Corpus),
    ],
)
def test_a_file_says_what_it_is_for(folder: Path, name: str, options: dict[str, str], kind: type) -> None:
    source = Source(train=folder / name, dev=folder / name, **options)
    assert type(source.load()) is kind
    rows = source.load_one()
    assert len(rows) == len(source.load().train)
    assert Source(**source.to_json()).load_one() == rows


def test_a_lone_file_that_is_measured_on_is_not_split(folder: Path, tmp_path: Path) -> None:
    many = tmp_path / "many.csv"
    many.write_text("text,label\n" + "".join(f"text {number},a\n" for number in range(50)), encoding="utf-8")
    assert len(Source(train=many).load_one()) == 50
    assert 0 < len(Source(train=many).load().train) < 50


def test_the_facts_of_newsroom_are_corpora_of_texts() -> None:
    corpus = Source(corpus="newsroom-sentiment").load()
    assert (type(corpus), corpus.name, len(corpus.labels)) == (TextCorpus, "newsroom-sentiment", 3)
    with pytest.raises(CompanionError, match="nothing about 'mood'\n.*sentiment"):
        Source(corpus="newsroom-mood").load()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("texts.csv", {}, "texts.csv:1: for tagged words no column 'sentence', 'word', 'tag'; for labelled texts no "),
        ("texts.csv", {}, "no column 'text', 'label'; there is 'review', 'stars', 'id'\n.*--columns text=…,label=…"),
        ("texts.csv", {"columns": "text=review,label=star"}, "for labelled texts no column 'star'; there is 'review'"),
        ("texts.csv", {"task": "text"}, "for labelled texts no column 'text', 'label'"),
        ("words.csv", {"task": "text"}, "for labelled texts no column"),
        ("named.csv", {"columns": "word=text,label=label"}, "--columns names word, label"),
        ("named.csv", {"columns": "foo=text"}, "--columns names foo"),
        ("words.conll", {"columns": "foo=1"}, "--columns names foo"),
        ("words.conll", {"columns": "word=one"}, "no column 'one'"),
        ("words.conll", {"task": "text"}, "a CoNLL file holds words with tags"),
        ("named.csv", {"columns": "text"}, "--columns has 'text'"),
        ("named.csv", {"task": "sentences"}, "task is 'sentences'\n.*tokens, text"),
        ("named.csv", {"format": "spans"}, "format is 'spans'\n.*conll, csv, jsonl"),
        ("named.csv", {"repair": True}, "--scheme and --repair are about tags"),
        ("named.csv", {"scheme": "IOB1"}, "--scheme and --repair are about tags"),
        ("texts.jsonl", {"columns": "label=stars"}, "for labelled texts no key 'stars'; there is 'text', 'label'"),
        ("both.jsonl", {}, "can be read as tagged words and as labelled texts\n.*--task tokens or --task text"),
        ("list.jsonl", {}, "list.jsonl:1: not a JSON object"),
        ("empty.csv", {}, "the file is empty"),
        ("nowhere.csv", {}, "there is no such file"),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, name: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(CompanionError, match=message) as caught:
        Source(train=folder / name, **options).load()
    assert caught.value.remedy


def test_the_other_files_need_the_columns_too(folder: Path) -> None:
    with pytest.raises(CompanionError, match=r"texts\.csv:1: for labelled texts no column 'text', 'label'"):
        Source(train=folder / "named.csv", dev=folder / "texts.csv").load()


def test_a_file_without_one_accepted_row_says_so(folder: Path) -> None:
    with pytest.raises(CompanionError, match="no row has an answer"):
        Source(train=folder / "rejected.jsonl").load()


def test_files_in_other_encodings_are_read(tmp_path: Path) -> None:
    rows = "".join(f"Zimmer {number} für 5 €;{'gut' if number % 2 else 'öde'}\n" for number in range(20))
    (tmp_path / "excel.csv").write_bytes(f"Text;Note\n{rows}".encode("cp1252"))
    asked = {"train": tmp_path / "excel.csv", "columns": "text=Text,label=Note"}
    with pytest.raises(CompanionError, match="--encoding cp1252"):
        Source(**asked).load()
    corpus = Source(**asked, encoding="cp1252").load()
    assert corpus.labels == ("gut", "öde")
    assert all("€" in text.text for text in corpus.train)
    (tmp_path / "words.conll").write_bytes("Besançon B-LOC\n".encode("cp1252"))
    assert Source(train=tmp_path / "words.conll", encoding="cp1252").load_one()[0].words == ("Besançon",)


def test_repair_is_also_for_spans(tmp_path: Path) -> None:
    (tmp_path / "cut.jsonl").write_text('{"text": "Oslo sleeps", "spans": [[0, 3, "LOC"]]}\n', encoding="utf-8")
    with pytest.raises(CompanionError, match="cuts a word"):
        Source(train=tmp_path / "cut.jsonl").load_one()
    assert Source(train=tmp_path / "cut.jsonl", repair=True).load_one()[0].tags == ("B-LOC", "O")


@pytest.mark.parametrize("names", [("premise", "hypothesis"), ("sentence1", "sentence2")])
def test_pairs_of_texts_are_named_as_such(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / "nli.csv").write_text(f"{','.join(names)},label\na,b,neutral\n", encoding="utf-8")
    with pytest.raises(CompanionError, match="are a pair of texts") as error:
        Source(train=tmp_path / "nli.csv").load()
    assert f"--columns text={names[0]},text_pair={names[1]}" in error.value.remedy
    one = Source(train=tmp_path / "nli.csv", columns=f"text={names[0]}").load_one()
    assert [row.texts for row in one] == [("a",)]
    both = Source(train=tmp_path / "nli.csv", columns=f"text={names[0]},text_pair={names[1]}").load_one()
    assert [row.texts for row in both] == [("a", "b")]
    with pytest.raises(CompanionError, match="no column 'second'"):
        Source(train=tmp_path / "nli.csv", columns=f"text={names[0]},text_pair=second").load_one()


@pytest.mark.parametrize(("parts", "told"), [((), " --data FILE"), (("dev",), " --split dev"), (("dev", "test"), "")])
def test_the_command_that_measures_works_without_a_test_split(parts: tuple[str, ...], told: str) -> None:
    rows = [Text(text="a", label="b")]
    assert measured_on(TextCorpus(name="own", train=rows, **dict.fromkeys(parts, rows))) == told


def test_a_first_row_without_a_label_does_not_hide_the_key(tmp_path: Path) -> None:
    rows = [{"text": "a"}, {"text": "b", "label": "x"}, {"text": "c"}]
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(DataError, match="2 of 3 rows have no label"):
        Source(train=path).load()
    with pytest.raises(DataError, match="no key 'mark'; there is 'text', 'label'"):
        Source(train=path, columns="label=mark").load()
