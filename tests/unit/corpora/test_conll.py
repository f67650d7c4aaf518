"""Column files: every way in which they are commonly read wrong without an error."""

import pytest

from companion.corpora.conll import format_conll, read_conll, write_conll
from companion.corpora.records import Sentence
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError

from .conftest import Writer

PLAIN = "EU\tB-ORG\nrejects\tO\nGerman\tB-MISC\n\nPeter\tB-PER\nBlackburn\tI-PER\n"
EXPECTED = [
    (("EU", "rejects", "German"), ("B-ORG", "O", "B-MISC")),
    (("Peter", "Blackburn"), ("B-PER", "I-PER")),
]


def content(sentences: list[Sentence]) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    return [(sentence.words, sentence.tags) for sentence in sentences]


def read(write: Writer, text: str | bytes, **options: object) -> list[Sentence]:
    return read_conll(write(text), **options)


SAME = {
    "plain": PLAIN,
    "crlf": PLAIN.replace("\n", "\r\n"),
    "cr": PLAIN.replace("\n", "\r"),
    "mixed line ends": PLAIN.replace("\n", "\r\n", 2).replace("\n\n", "\r\r", 1),
    "byte order mark": "\ufeff" + PLAIN,
    "no final newline": PLAIN.rstrip("\n"),
    "ten blank lines": "\n" * 10 + PLAIN.replace("\n\n", "\n" * 11) + "\n" * 10,
    "lone tab separates": PLAIN.replace("\n\n", "\n\t\n"),
    "spaces and tabs separate": PLAIN.replace("\n\n", "\n \t \n"),
    "spaces": PLAIN.replace("\t", " "),
    "aligned by spaces": PLAIN.replace("\t", "     "),
    "spaces at the end of rows": PLAIN.replace("O\n", "O  \n"),
    "four columns": PLAIN.replace("\t", " NNP B-NP "),
    "five columns, tabs": PLAIN.replace("\t", "\tx\ty\tz\t"),
    "document marks": f"-DOCSTART- -X- -X- O\n\n{PLAIN}".replace("\t", " NNP B-NP "),
    "comment without a key": "# just a remark\n" + PLAIN,
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_sentences_whatever_the_dress(write: Writer, name: str) -> None:
    assert content(read(write, SAME[name])) == EXPECTED


def test_source_names_file_and_first_line(write: Writer) -> None:
    assert [sentence.source for sentence in read(write, PLAIN)] == ["train.conll:1", "train.conll:5"]
    assert [sentence.source for sentence in read(write, SAME["crlf"])] == ["train.conll:1", "train.conll:5"]


@pytest.mark.parametrize("text", ["", "\n\n \t\n", "-DOCSTART- -X- -X- O\n\n", "-DOCSTART-\n", "# only = facts\n"])
def test_a_file_without_sentences_is_refused(write: Writer, text: str) -> None:
    with pytest.raises(DataError, match="holds no sentence"):
        read(write, text)


RAGGED = {
    "fewer": ("EU NNP O\nrejects O\n", 2, "2 columns instead of 3"),
    "more": ("EU O\nrejects VBZ O\n", 2, "3 columns instead of 2"),
    "space row in a tab file": ("EU\tO\nrejects O\n", 2, "1 column instead of 2 (separated by tabs)"),
    "tab row in a space file": ("EU O\nrejects\tO\n", 2, "a tab in a file whose columns are separated by spaces"),
    "both in one row": ("EU\tO\nNew York\tO\n", 2, "a space inside 'New York' 'O'"),
    "one column": ("EU\nrejects\n", 1, "the row lacks a label"),
    "no word": ("EU\tO\n\tO\n", 2, "the row lacks a word"),
    "no label": ("EU\tO\nrejects\t\n", 2, "the row lacks a label"),
}


@pytest.mark.parametrize("name", RAGGED)
def test_rows_that_do_not_fit_are_refused_with_their_line(write: Writer, name: str) -> None:
    text, line, words = RAGGED[name]
    with pytest.raises(DataError) as caught:
        read(write, text)
    assert words in str(caught.value)
    assert caught.value.line == line
    assert caught.value.file.endswith("train.conll")
    assert caught.value.remedy


def test_a_declared_tab_allows_spaces_in_words(write: Writer) -> None:
    sentences = read(write, "New York\tB-LOC\nis\tO\n", delimiter="\t")
    assert content(sentences) == [(("New York", "is"), ("B-LOC", "O"))]


def test_a_no_break_space_is_part_of_its_word(write: Writer) -> None:
    assert read(write, "10\u00a0000 O\n")[0].words == ("10\u00a0000",)


STRANGE = (
    "\u200b",
    "\ufeff",
    "a\u200db",
    "a\u00adb",
    "\u2764\ufe0f",
    "\u200fשלום",
    "x\x00y",
    "\x07",
    "\ue000",
    "e\u0301",
)


@pytest.mark.parametrize("word", [*STRANGE, "中", "ไทย", "a\x0bb", "a\x85b", "a\u2028b", "x" * 5000])
def test_every_word_keeps_its_tag(write: Writer, word: str) -> None:
    sentence = read(write, f"in\tO\n{word}\tB-LOC\n")[0]
    assert (sentence.words, sentence.tags) == (("in", word), ("O", "B-LOC"))


def test_a_sentence_may_have_one_word_or_a_hundred_thousand(write: Writer) -> None:
    sentences = read(write, "Yes\tO\n\n" + "very\tO\n" * 100_000)
    assert [len(sentence.words) for sentence in sentences] == [1, 100_000]


def test_columns_are_chosen_by_index(write: Writer) -> None:
    text = "1\tEU\tB-ORG\t-\tann\n2\tsays\tO\t-\tann\n"
    assert content(read(write, text, word_column=1, tag_column=2)) == [(("EU", "says"), ("B-ORG", "O"))]
    assert content(read(write, text, word_column=-4, tag_column=-3)) == [(("EU", "says"), ("B-ORG", "O"))]


def test_a_column_that_is_not_there_is_named(write: Writer) -> None:
    with pytest.raises(DataError, match="no column 7: the row has 2 columns") as caught:
        read(write, PLAIN, tag_column=7)
    assert caught.value.line == 1


def test_a_column_that_only_counts_is_not_taken_for_words(write: Writer) -> None:
    text = "1\tEU\tB-ORG\n2\tsays\tO\n\n1\tNo\tO\n"
    with pytest.raises(DataError, match="only numbers the words"):
        read(write, text)
    assert read(write, text, word_column=0)[0].words == ("1", "2")


def test_several_widths_must_be_allowed(write: Writer) -> None:
    text = "1\tEU\tB-ORG\t-\tann\n2\tsays\tO\n"
    with pytest.raises(DataError, match="3 columns instead of 5"):
        read(write, text, word_column=1, tag_column=2)
    assert content(read(write, text, word_column=1, tag_column=2, columns=(3, 5)))[0][1] == ("B-ORG", "O")
    with pytest.raises(ConfigError, match="counted from the left"):
        read(write, text, word_column=1, columns=(3, 5))


def test_impossible_options_are_refused(write: Writer) -> None:
    with pytest.raises(ConfigError, match="delimiter=','"):
        read(write, PLAIN, delimiter=",")
    with pytest.raises(ConfigError, match="invalid='ignore'"):
        read(write, PLAIN, invalid="ignore")
    with pytest.raises(DataError, match="unknown tag scheme"):
        read(write, PLAIN, scheme="XML")


def test_comment_lines_become_facts_and_hash_words_stay_words(write: Writer) -> None:
    tally = Tally()
    text = (
        "# newdoc id = d1\n# text = We're #1 = best\n#\tO\n#1\tO\n#a=b\tO\n\n"
        "# topic = sport\n# a remark\nEU\tB-ORG\n# topic = markets\n\n# trailing = yes\n"
    )
    first, second = read_conll(write(text), tally=tally)
    assert first.words == ("#", "#1", "#a=b")
    assert first.meta == {"newdoc id": "d1", "document": "d1", "text": "We're #1 = best"}
    assert second.meta == {"topic": "markets", "document": "d1"}
    assert dict(tally.skipped) == {
        "comment lines without a key": 1,
        "comment lines replaced by a later one": 1,
        "comment lines after the last sentence": 1,
    }


def test_hash_words_in_files_with_spaces(write: Writer) -> None:
    text = "# sent_id = 7\nEU NNP O\n# NN O\n# no word\n#nlp NN O\n"
    assert read(write, text)[0].words == ("EU", "#", "#nlp")
    assert read(write, "#nlp\tO\n")[0].words == ("#nlp",)
    assert read(write, "EU O\n# ORG\n", label_map={"ORG": "B-ORG"})[0].tags == ("O", "B-ORG")
    with pytest.raises(DataError, match="'B_ORG' is not a tag"):
        read(write, "EU O\n# B_ORG\n")
    assert read(write, "# no columns here\n#nlp\tO\n")[0].words == ("#nlp",)


def test_document_marks_number_the_documents(write: Writer) -> None:
    tally = Tally()
    text = "Oslo I-LOC\n\n-DOCSTART- O\n\nRome I-LOC\n-DOCSTART- O\nBonn I-LOC\n\n-DOCSTART- I-MISC\n"
    sentences = read_conll(write(text), tally=tally)
    assert [sentence.meta.get("document") for sentence in sentences] == ["0", "1", "2", "2"]
    assert sentences[-1].words == ("-DOCSTART-",)
    assert tally.skipped["-DOCSTART- rows"] == 2


IOB1 = "West I-LOC\nBank I-LOC\nIsrael B-LOC\nsays O\nArafat I-PER\n"


def test_iob1_is_detected_noted_and_converted(write: Writer) -> None:
    tally = Tally()
    sentence = read_conll(write(IOB1), tally=tally)[0]
    assert sentence.tags == ("B-LOC", "I-LOC", "B-LOC", "O", "B-PER")
    assert tally.notes == ["train.conll: IOB1 (detected)"]
    assert not tally.repairs


@pytest.mark.parametrize("spelling", ["BIOES", "IOBES", "BILOU"])
def test_bioes_is_read_detected_or_declared(write: Writer, spelling: str) -> None:
    text = "a B-LOC\nb I-LOC\nc E-LOC\nd S-PER\ne O\n"
    text = text.replace("E-", "L-").replace("S-", "U-") if spelling == "BILOU" else text
    expected = ("B-LOC", "I-LOC", "I-LOC", "B-PER", "O")
    assert read(write, text)[0].tags == expected
    assert read(write, text, scheme=spelling)[0].tags == expected


BROKEN = "EU\tB-ORG\n\nsays\tO\nPeter\tI-PER\nBlackburn\tI-PER\nBerlin\tI-LOC\n"


def test_broken_tags_stop_a_strict_reading_and_name_the_line(write: Writer) -> None:
    with pytest.raises(DataError, match="word 'Peter': 'I-PER' after 'O' breaks IOB2") as caught:
        read(write, BROKEN)
    assert caught.value.line == 4
    assert "invalid='repair'" in caught.value.remedy


def test_broken_tags_are_repaired_and_counted_when_asked(write: Writer) -> None:
    tally = Tally()
    sentences = read_conll(write(BROKEN), invalid="repair", tally=tally)
    assert sentences[1].tags == ("O", "B-PER", "I-PER", "B-LOC")
    assert dict(tally.repairs) == {"tag that breaks IOB2": 2}
    assert tally.places == {"tag that breaks IOB2": ["train.conll:4", "train.conll:6"]}


def test_a_declared_scheme_is_not_guessed_away(write: Writer) -> None:
    with pytest.raises(DataError, match="breaks IOB2") as caught:
        read(write, IOB1, scheme="IOB2")
    assert caught.value.line == 1
    with pytest.raises(DataError, match="breaks IOB1") as caught:
        read(write, PLAIN, scheme="IOB1")
    assert caught.value.line == 1
    with pytest.raises(DataError, match="'S-PER' has a prefix that IOB2 does not have") as caught:
        read(write, "a\tO\nb\tS-PER\n", scheme="IOB2")
    assert caught.value.line == 2


@pytest.mark.parametrize("label", ["ORG", "b-per", "B_PER", "B-", "o", "-", "B–PER"])
def test_labels_that_are_no_tags_are_refused_or_mapped(write: Writer, label: str) -> None:
    text = f"says\tO\nEU\t{label}\n"
    with pytest.raises(DataError, match="is not a tag") as caught:
        read(write, text)
    assert caught.value.line == 2
    tally = Tally()
    mapped = read_conll(write(text), label_map={label: "B-ORG"}, tally=tally)
    assert mapped[0].tags == ("O", "B-ORG")
    assert dict(tally.repairs) == {f"label {label} read as B-ORG": 1}


def test_hyphens_in_types_are_kept(write: Writer) -> None:
    assert read(write, "Bonn\tB-GEO-LOC\n")[0].tags == ("B-GEO-LOC",)


def test_a_type_outside_the_label_set_is_refused_or_counted(write: Writer) -> None:
    with pytest.raises(
        DataError, match=r"label 'B-MISC': the type 'MISC' is not in the label set \['ORG', 'PER'\]"
    ) as caught:
        read(write, PLAIN, types=("PER", "ORG"))
    assert caught.value.line == 3
    tally = Tally()
    sentences = read_conll(write(PLAIN), types=("PER", "ORG"), unknown="O", tally=tally)
    assert sentences[0].tags == ("B-ORG", "O", "O")
    assert dict(tally.repairs) == {"unknown type MISC read as O": 1}


def test_writing_and_reading_again(write: Writer, tmp_path) -> None:
    sentences = read(write, "# topic = sport\n# text = EU says\n" + PLAIN)
    for scheme in ("IOB1", "IOB2", "BIOES", "BILOU"):
        path = tmp_path / f"{scheme}.conll"
        write_conll(path, sentences, scheme=scheme)
        again = read_conll(path)
        assert content(again) == EXPECTED
        assert [sentence.meta for sentence in again] == [{"topic": "sport", "text": "EU says"}, {}]


@pytest.mark.parametrize(
    ("words", "tags", "meta"),
    [
        (("a\tb",), ("O",), {}),
        (("a\nb",), ("O",), {}),
        (("a",), ("B-x ",), {}),
        (("# a = b",), ("O",), {}),
        (("-DOCSTART-",), ("O",), {}),
        (("\ud800",), ("O",), {}),
        (("a",), ("O",), {"k": "two\nlines"}),
        (("a",), ("O",), {"k": "space "}),
        (("a",), ("O",), {"9": "key is no name"}),
        (("a",), ("O",), {"k=": "x"}),
    ],
)
def test_what_the_format_cannot_hold_is_not_written(words, tags, meta) -> None:
    with pytest.raises(DataError, match="cannot"):
        format_conll([Sentence(words=words, tags=tags, source="here", meta=meta)])


def test_a_word_that_begins_with_a_byte_order_mark_survives(write: Writer) -> None:
    sentences = [Sentence(words=("\ufeffx",), tags=("O",), source="here")]
    assert read(write, format_conll(sentences))[0].words == ("\ufeffx",)
