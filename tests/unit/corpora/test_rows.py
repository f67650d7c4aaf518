"""Tagged words from lists of Python: read as a file with the same words would be, and named by split and number."""

import pytest

from companion.corpora.records import Corpus
from companion.errors import ConfigError, DataError

from .conftest import Writer

ROWS = [(["Ada", "wrote", f"{number}", "."], ["B-PER", "O", "O", "O"]) for number in range(40)]


def test_rows_in_memory_are_read_as_a_file_would_be(write: Writer) -> None:
    corpus = Corpus.from_rows(ROWS, name="mine", licence="CC0-1.0")
    lines = ["\n".join(f"{word} {tag}" for word, tag in zip(*row, strict=True)) for row in ROWS]
    filed = Corpus.from_conll(write("\n\n".join(lines)))
    assert len(corpus.splits) == 3
    for split in corpus.splits:
        assert [(row.words, row.tags) for row in getattr(corpus, split)] == [
            (row.words, row.tags) for row in getattr(filed, split)
        ]
    assert corpus.labels == ("O", "B-PER", "I-PER") and corpus.licence == "CC0-1.0"
    assert any(note.startswith("split by rule") for note in corpus.report.notes)
    named = [{"tokens": ["Oslo"], "ner": ["U-LOC"], "by": "Ada", "n": 3}]
    given = Corpus.from_rows((row for row in named), dev=named, words="tokens", tags="ner", scheme="BILOU")
    assert given.train[0].tags == ("B-LOC",) and given.train[0].meta == {"by": "Ada"}
    assert given.dev[0].source == "rows/dev#1" and given.report.skipped == {"fields that are not text": 2}


def test_a_data_frame_holds_lists_or_arrays() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([{"words": list(words), "tags": list(tags)} for words, tags in ROWS])
    frame["tags"] = [pandas.Series(tags).to_numpy() for tags in frame["tags"]]
    assert Corpus.from_rows(frame, split=False).train[3].words == ("Ada", "wrote", "3", ".")


@pytest.mark.parametrize(
    ("rows", "place", "message", "remedy"),
    [
        ([(["a", "b"], ["O"])], "rows/dev:1", "2 words but 1 tags", "exactly one tag"),
        ([(["a"], ["PER"])], "rows/dev:1", "'PER'", ""),
        ([(["a"], ["I-PER"]), (["b"], ["B-PER"])], "rows/dev:1", "", "scheme="),
        ([("Ada wrote", "B-PER O")], "rows/dev:1", "'words' is a str, not a list", "one entry for each word"),
        ([(["a"], [3])], "rows/dev:1", "'tags' holds 3, which is not text", "names of the tags"),
        ([[("Ada", "B-PER"), ("wrote", "O"), (".", "O")]], "rows/dev:1", "the row is a list", "zip(*sentence)"),
        ([{"words": ["a"]}], "rows/dev:1", "needed are 'words' and 'tags'", "name them with words= and tags=."),
        ([([], [])], "rows/dev:1", "the sentence has no words", ""),
        ([], "rows/dev", "there is no sentence", ""),
        ({"words": [["a"]], "tags": [["O"]]}, "rows/dev", "a dict is no list of rows", "(words, tags) pairs"),
        ("a.conll", "rows/dev", "a str is no list of rows", "(words, tags) pairs"),
    ],
)
def test_a_row_that_cannot_be_read_is_named(rows: object, place: str, message: str, remedy: str) -> None:
    with pytest.raises(DataError) as caught:
        Corpus.from_rows(ROWS, dev=rows, scheme="IOB2")  # type: ignore[arg-type]
    assert str(caught.value).startswith(f"{place}: ") and message in caught.value.problem
    assert remedy in caught.value.remedy


def test_unusable_options_of_rows_are_refused() -> None:
    with pytest.raises(ConfigError, match="same field 'words'"):
        Corpus.from_rows(ROWS, tags="words")
    with pytest.raises(ConfigError, match="from_rows: unknown option 'dve'"):
        Corpus.from_rows(ROWS, dve=ROWS)  # type: ignore[call-arg]
