"""Labelled texts: what is read, and what is refused with file and line."""

from pathlib import Path

import pytest

from companion.corpora.catalog import load_corpus
from companion.corpora.texts import Text, TextCorpus, label_parts
from companion.errors import CompanionError, ConfigError, DataError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_csv_with_named_columns_and_line_ends_in_cells(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", 'id,says,wish\r\n1,"where is\r\nit?",track\r\n2,stop,cancel\r\n')
    corpus = TextCorpus.from_csv(train, dev=train, text="says", label="wish", name="mine")
    assert [text.text for text in corpus.train] == ["where is\r\nit?", "stop"]
    assert corpus.labels == ("cancel", "track") and corpus.name == "mine"
    assert corpus.train[1].source == "a.csv:4" and corpus.train[1].meta == {"id": "2"}
    assert list(corpus.splits) == ["train", "dev"]


def test_jsonl_with_named_fields(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", '{"q": "stop", "y": "cancel", "n": 3, "d": "orders"}\n\n{"q": "go", "y": "start"}\n'
    )
    corpus = TextCorpus.from_jsonl(path, test=path, text="q", label="y")
    assert [(text.text, text.label, text.source) for text in corpus.train] == [
        ("stop", "cancel", "a.jsonl:1"),
        ("go", "start", "a.jsonl:3"),
    ]
    assert corpus.train[0].meta == {"d": "orders"}


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("a.csv", "text,label\nhello\n", 2, "1 cells instead of 2"),
        ("a.csv", "text,label\n,x\n", 2, "the text is ''"),
        ("a.csv", "text,label\nhello, \n", 2, "the label is"),
        ("a.csv", "text,class\nhello,x\n", 1, "no column 'label'"),
        ("a.csv", "text,label\n", None, "holds no text"),
        ("a.csv", "", None, "empty"),
        ("a.jsonl", '{"text": "a"}\n', 1, "no field 'label'"),
        ("a.jsonl", '{"text": 3, "label": "x"}\n', 1, "the text is 3"),
        ("a.jsonl", '["a", "x"]\n', 1, "not a JSON object"),
        ("a.jsonl", '{"text": "a"\n', 1, "not JSON"),
    ],
)
def test_bad_input_is_named_by_file_and_line(tmp_path: Path, name: str, content: str, line: int, message: str) -> None:
    path = write(tmp_path / name, content)
    read = TextCorpus.from_csv if name.endswith("csv") else TextCorpus.from_jsonl
    with pytest.raises(DataError, match=message) as caught:
        read(path, dev=path)
    assert caught.value.line == line
    assert str(caught.value.file).endswith(name)
    assert caught.value.remedy


def test_a_lone_file_is_split_by_rule_and_rows_stay_where_they_are(tmp_path: Path) -> None:
    rows = [f"message number {number},x" for number in range(200)]
    few = TextCorpus.from_csv(write(tmp_path / "few.csv", "text,label\n" + "\n".join(rows[:100])))
    many = TextCorpus.from_csv(write(tmp_path / "many.csv", "text,label\n" + "\n".join(rows)))
    for split, part in few.splits.items():
        assert {text.text for text in part} <= {text.text for text in many.splits[split]}
    assert sum(map(len, many.splits.values())) == 200 and "hash of each text" in many.notes[0]
    assert 0.7 < len(many.train) / 200 < 0.9


def test_labels_of_json_may_be_lists_and_numbers(tmp_path: Path) -> None:
    rows = ['["b", "a"]', "[]", "3", "4.5", "true", '"plain"']
    path = write(tmp_path / "a.jsonl", "".join(f'{{"text": "t", "label": {row}}}\n' for row in rows))
    corpus = TextCorpus.from_jsonl(path, dev=path)
    assert [text.label for text in corpus.train] == ["b|a", "|", "3", "4.5", "true", "plain"]
    assert label_parts("b| a") == ("b", "a") and label_parts("|") == ()
    for bad in ('["a|b"]', '["a", ""]', '["a", 3]', "null", "{}"):
        path = write(tmp_path / "bad.jsonl", f'{{"text": "t", "wish": {bad}}}\n')
        with pytest.raises(DataError, match="the wish is") as caught:
            TextCorpus.from_jsonl(path, label="wish")
        assert caught.value.line == 1


def test_the_description_warns_of_what_train_lacks_and_what_it_repeats(tmp_path: Path) -> None:
    train = write(tmp_path / "train.csv", "text,label\nstop it,cancel\ngo on,start\n")
    dev = write(tmp_path / "dev.csv", "text,label\nstop it,cancel\nwhere is it,track\n")
    described = TextCorpus.from_csv(train, dev=dev, name="mine", licence="CC0-1.0").describe()
    assert described.startswith("mine · CC0-1.0")
    assert "warning: track never occurs in train" in described
    assert "warning: 1 texts of dev also stand in train" in described
    assert TextCorpus(name="empty", train=(), dev=(Text(text="a", label="b"),)).describe()


def test_an_unknown_option_and_an_empty_text_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "text,label\na,b\n")
    with pytest.raises(ConfigError, match="unknown option 'labels'"):
        TextCorpus.from_csv(path, labels="y")
    with pytest.raises(CompanionError):
        Text(text="  ", label="x")


def test_newsroom_gives_its_sentences_as_texts() -> None:
    newsroom = load_corpus("newsroom")
    texts = newsroom.texts("sentiment")
    assert texts.labels == ("negative", "neutral", "positive")
    assert [text.text for text in texts.dev] == [sentence.meta["text"] for sentence in newsroom.dev]
    assert len(newsroom.texts("topic").labels) == 6
    with pytest.raises(DataError, match="says nothing about 'mood'"):
        newsroom.texts("mood")


def test_a_label_can_be_left_out() -> None:
    helpdesk = load_corpus("helpdesk")
    inside = helpdesk.without("out_of_scope")
    assert len(inside.labels) == len(helpdesk.labels) - 1 == 30
    assert "left out: out_of_scope" in inside.describe()
    with pytest.raises(DataError, match="no text is labelled"):
        helpdesk.without("nonsense")


def test_spaces_around_a_label_make_no_other_label_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text;label\nx;good\ny;good \nz; bad\n")
    corpus = TextCorpus.from_csv(tmp_path / "a.csv", split=False)
    assert corpus.labels == ("bad", "good")
    assert corpus.notes == ("left out: spaces at the ends of 2 labels (first: a.csv:3, a.csv:4)",)
    (tmp_path / "a.jsonl").write_text('{"text": "x", "label": "good "}\n{"text": "y", "label": 3}\n')
    corpus = TextCorpus.from_jsonl(tmp_path / "a.jsonl", split=False)
    assert corpus.labels == ("3", "good") and len(corpus.notes) == 1


def test_a_header_that_comes_back_and_unusable_options_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,label\nx,good\ntext,label\ny,bad\n")
    with pytest.raises(DataError, match=r"a\.csv:3: the header stands here again"):
        TextCorpus.from_csv(path)
    with pytest.raises(ConfigError, match="delimiter=';;'"):
        TextCorpus.from_csv(path, delimiter=";;")
    with pytest.raises(ConfigError, match="same column 'text'"):
        TextCorpus.from_csv(path, label="text")
    path.write_text('text,label\n"x,good\n')
    with pytest.raises(DataError) as caught:
        TextCorpus.from_csv(path)
    assert caught.value.remedy == "Close the quotation mark."


def test_rows_that_are_no_texts_are_named() -> None:
    class Table:
        """What a data frame looks like: it has a length, and gives columns by name."""

        def __len__(self) -> int:
            return 2

        def __getitem__(self, name: str) -> object:
            raise KeyError(name)

    for rows, what in (
        ([("x", "good")], "holds a tuple"),
        ([{"text": "x"}], "holds a dict"),
        (Table(), "is a Table"),
        ("a.csv", "is a str"),
        ((row for row in ()), "is a generator"),
    ):
        with pytest.raises(DataError, match=f"mine: train {what}") as caught:
            TextCorpus(name="mine", train=rows)  # type: ignore[arg-type]
        assert "companion.Text(text=" in caught.value.remedy
    with pytest.raises(DataError) as number:
        Text(text="x", label=3)  # type: ignore[arg-type]
    assert number.value.remedy == "A label is text: write '3'."


def test_a_corpus_is_shown_in_one_line() -> None:
    rows = [Text(text=str(number), label=f"l{number:02}") for number in range(12)]
    shown = repr(TextCorpus(name="mine", train=rows, dev=rows[:2]))
    assert (
        shown == "TextCorpus('mine', train=12 rows, dev=2 rows, labels: l00, l01, l02, l03, l04, l05, l06, l07, … (12))"
    )


PAIRS = [(f"room {number}", "good" if number % 2 else " bad") for number in range(40)]


def test_pairs_and_dictionaries_are_read_as_a_file_would_be(tmp_path: Path) -> None:
    corpus = TextCorpus.from_rows(PAIRS, name="mine", licence="CC0-1.0")
    path = write(tmp_path / "mine.csv", "text,label\n" + "".join(f"{text},{label}\n" for text, label in PAIRS))
    filed = TextCorpus.from_csv(path)
    for split in ("train", "dev", "test"):
        assert [(row.text, row.label) for row in getattr(corpus, split)] == [
            (row.text, row.label) for row in getattr(filed, split)
        ]
    assert corpus.labels == ("bad", "good") and corpus.licence == "CC0-1.0"
    assert corpus.notes[0] == filed.notes[0] and corpus.notes[-1].endswith(
        "(first: mine/train#1, mine/train#3, mine/train#5)"
    )
    rows = [{"says": "stop", "wish": ["a", "b"], "by": "Ada", "n": 3}, {"says": "go", "wish": 4}]
    given = TextCorpus.from_rows((row for row in rows), dev=rows[:1], text="says", label="wish")
    assert [row.label for row in given.train] == ["a|b", "4"] and given.train[0].meta == {"by": "Ada"}
    assert given.dev[0].source == "rows/dev#1" and given.notes == ()


def test_a_data_frame_is_read_without_a_word_of_pandas_in_the_package() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["stop", "go"], "label": pandas.Categorical(["a", "b"]), "by": ["Ada", None]})
    corpus = TextCorpus.from_rows(frame, split=False)
    assert [(row.text, row.label, row.meta) for row in corpus.train] == [("stop", "a", {"by": "Ada"}), ("go", "b", {})]
    numbers = pandas.DataFrame({"text": ["stop", "go"], "label": [1, 2]})
    assert TextCorpus.from_rows(numbers, split=False).labels == ("1", "2")
    frame.loc[1, "text"] = None
    with pytest.raises(DataError, match=r"rows/test:2: the text is"):
        TextCorpus.from_rows(numbers, test=frame)
    numbers["label"] = [1, None]
    with pytest.raises(DataError, match=r"rows/train:2: the label is nan"):
        TextCorpus.from_rows(numbers)


@pytest.mark.parametrize(
    ("rows", "place", "message"),
    [
        ([("a", "x"), ("b",)], "rows/dev:2", "the row is a tuple"),
        (["ab"], "rows/dev:1", "the row is a str"),
        ([("a", None)], "rows/dev:1", "the label is None"),
        ([("a", float("nan"))], "rows/dev:1", "the label is nan"),
        ([{"text": "a"}], "rows/dev:1", "no field 'label'"),
        ([], "rows/dev", "the split holds no text"),
        ({"text": ["a"], "label": ["x"]}, "rows/dev", "a dict is no list of rows"),
        ("a.csv", "a.csv", "a str is no list of rows"),
        (3, "rows/dev", "a int is no list of rows"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_split_and_number(rows: object, place: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        TextCorpus.from_rows(PAIRS, dev=rows)  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{place}: {message}") and caught.value.remedy


def test_unusable_options_of_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="same column 'text'"):
        TextCorpus.from_rows(PAIRS, label="text")
    with pytest.raises(ConfigError, match="from_rows: unknown option 'dve'") as caught:
        TextCorpus.from_rows(PAIRS, dve=PAIRS)  # type: ignore[call-arg]
    assert caught.value.remedy == "Did you mean dev?"
    with pytest.raises(DataError, match=r"rows/train: the rule puts no text into train"):
        TextCorpus.from_rows([("only one 1", "x")])
