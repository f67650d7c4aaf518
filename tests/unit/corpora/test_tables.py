"""CSV files with one word per row."""

import pytest

from companion.corpora.records import Corpus
from companion.corpora.tables import read_csv
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError

from .conftest import Writer

ROWS = "sentence,word,tag\n1,EU,B-ORG\n1,says,O\n2,Oslo,B-LOC\n"
WORDS = [("EU", "says"), ("Oslo",)]


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\r"),
        "\ufeff" + ROWS,
        ROWS.replace(",", ";"),
        ROWS.replace(",", "\t"),
        ROWS.replace(",", "|"),
        ROWS.replace("1,says", ",says"),
        ROWS.replace("word", " word ").replace("tag", '"tag"'),
        ROWS.rstrip("\n"),
        ROWS.replace("2,Oslo", "\n,,\n2,Oslo"),
        "tag,id,sentence,word\nB-ORG,x,1,EU\nO,y,1,says\nB-LOC,z,2,Oslo\n",
    ],
)
def test_the_same_sentences_whatever_the_dress(write: Writer, text: str) -> None:
    assert [sentence.words for sentence in read_csv(write(text))] == WORDS


def test_columns_are_named(write: Writer) -> None:
    path = write("Sentence #,Word,POS,Tag\nSentence: 1,EU,NNP,B-ORG\n,says,VBZ,O\n", name="ner.csv")
    corpus = Corpus.from_csv(path, sentence="Sentence #", word="Word", tag="Tag", split=False)
    assert corpus.train[0].words == ("EU", "says")
    assert corpus.name == "ner"


def test_a_missing_column_is_named_with_those_found(write: Writer) -> None:
    with pytest.raises(DataError, match="no column 'tag'; the header has 'sentence', 'word', 'label'") as caught:
        read_csv(write(ROWS.replace("tag", "label")))
    assert caught.value.line == 1
    assert "tag=" in caught.value.remedy


FAULTS = {
    "ragged": (ROWS + "3,x\n", 5, "2 cells instead of 3"),
    "comma in a word": (ROWS + "3,1,000,O\n", 5, "4 cells instead of 3"),
    "empty word": (ROWS + "3,,O\n", 5, "the word is empty"),
    "empty tag": (ROWS + "3,x,\n", 5, "the tag is empty"),
    "id comes back": (ROWS + "1,again,O\n", 5, "sentence id '1' comes back; it was used on line 2"),
    "no first id": ("sentence,word,tag\n,EU,O\n", 2, "the first row names no sentence"),
    "not a tag": (ROWS + "3,x,PER\n", 5, "'PER' is not a tag"),
    "broken tags": (ROWS + "3,x,O\n3,y,I-PER\n", 6, "breaks IOB2"),
    "open quotation mark": (ROWS + '3,",O\n4,x,O\n', 5, "not a CSV row"),
    "line end in a word": (ROWS + '3,"a\nb",O\n', 5, "a word with a line end"),
    "header twice": ("word,word,sentence,tag\n", 1, "names 'word' twice"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named_with_their_line(write: Writer, name: str) -> None:
    text, line, words = FAULTS[name]
    with pytest.raises(DataError) as caught:
        read_csv(write(text, name="train.csv"))
    assert words in str(caught.value)
    assert caught.value.line == line
    assert caught.value.file.endswith("train.csv")


@pytest.mark.parametrize(
    ("text", "words"), [("", "the file is empty"), ("sentence,word,tag\n", "a header but no rows")]
)
def test_empty_files_are_refused(write: Writer, text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_csv(write(text))


def test_quotation_marks_can_be_words(write: Writer) -> None:
    assert read_csv(write('sentence,word,tag\n1,"""",O\n'))[0].words == ('"',)
    text = 'sentence\tword\ttag\n1\t"\tO\n1\tEU\tB-ORG\n'
    assert read_csv(write(text), quoted=False)[0].words == ('"', "EU")


def test_impossible_delimiters_are_refused(write: Writer) -> None:
    for delimiter in ("", "::", '"', "\n"):
        with pytest.raises(ConfigError, match="delimiter="):
            read_csv(write(ROWS), delimiter=delimiter)


def test_a_declared_delimiter_is_used(write: Writer) -> None:
    assert len(read_csv(write(ROWS.replace(",", "^")), delimiter="^")) == 2


def test_empty_rows_are_counted_and_formulas_are_words(write: Writer) -> None:
    tally = Tally()
    sentences = read_csv(write(ROWS + ",,\n\n3,=cmd(),O\n"), tally=tally)
    assert sentences[2].words == ("=cmd()",)
    assert tally.skipped == {"empty rows": 2}
