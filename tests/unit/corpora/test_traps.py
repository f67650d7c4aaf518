"""Each trap of the public corpora, in ten lines: what a careless reader loses, and what this one gives."""

import pytest

from companion.corpora.catalog import UNER_OPTIONS
from companion.corpora.conll import read_conll
from companion.corpora.records import Corpus
from companion.corpora.tally import Tally
from companion.errors import DataError

from .conftest import Writer


def test_a_lone_tab_separates_sentences(write: Writer) -> None:
    """In WNUT-17 2,394 of 3,395 separators are a lone tab: cutting at empty lines gives 1,000 sentences."""
    text = "@paul\tO\nin\tO\nSF\tB-location\n\t\nOslo\tB-location\n\t\nno\tO\n\nyes\tO\n\t\n"
    assert len(text.split("\n\n")) == 2
    sentences = read_conll(write(text))
    assert [sentence.words for sentence in sentences] == [("@paul", "in", "SF"), ("Oslo",), ("no",), ("yes",)]


def test_words_that_cannot_be_seen_are_kept(write: Writer) -> None:
    """WNUT-17 dev holds a zero-width space and a U+FEFF as words: `strip` and `split` lose them."""
    sentence = read_conll(write("go\tO\n\u200b\tO\n\ufeff\tO\nOslo\tB-location\n"))[0]
    assert sentence.words == ("go", "\u200b", "\ufeff", "Oslo")
    assert sentence.entities()[0].start == 3


def test_the_first_of_two_labels_is_taken_on_request_and_counted(write: Writer) -> None:
    text = "the\tO\nMoon\tB-location,B-product\nrose\tO,B-person\n"
    with pytest.raises(DataError) as caught:
        read_conll(write(text), scheme="IOB2", types=("location", "product", "person"))
    assert caught.value.line in {2, 3}
    tally = Tally()
    sentence = read_conll(write(text), first_label=True, tally=tally)[0]
    assert sentence.tags == ("O", "B-location", "O")
    assert dict(tally.repairs) == {"first of several labels taken": 2}


def test_universal_ner_rows_have_three_or_five_columns_and_other_labels(write: Writer) -> None:
    text = (
        "# newdoc id = weblog-1\n# sent_id = weblog-1-0001\n# text = Al-Zaman says hi\n"
        "1\tAl\tB-ORG\t-\tann\n2\t-\tI-ORG\t-\tann\n3\tZaman\tI-ORG\n4\tsays\tB-O\t-\tann\n5\thi\tB-OTH\n6\tyou\tI-OTH\n\n"
    )
    tally = Tally()
    sentence = read_conll(write(text), tally=tally, **UNER_OPTIONS)[0]
    assert sentence.words == ("Al", "-", "Zaman", "says", "hi", "you")
    assert sentence.tags == ("B-ORG", "I-ORG", "I-ORG", "O", "O", "O")
    assert sentence.meta["document"] == "weblog-1"
    assert sorted(tally.repairs.items()) == [
        ("label B-O read as O", 1),
        ("label B-OTH read as O", 1),
        ("label I-OTH read as O", 1),
    ]


def test_wikigold_is_iob1_and_one_file(write: Writer) -> None:
    """Read as IOB2, strictly, every entity that opens with `I-` would be lost; the documents stay together."""
    blocks = [f"010 I-MISC\nis O\n\nAdelaide{n} I-LOC\nSydney B-LOC\n\n-DOCSTART- O\n\n" for n in range(40)]
    corpus = Corpus.from_conll(write("".join(blocks), name="wikigold.conll.txt"))
    assert corpus.report.notes[0] == "wikigold.conll.txt: IOB1 (detected)"
    assert sum(counts.entities for counts in corpus.report.counts.values()) == 40 * 3
    documents = {split: {sentence.meta["document"] for sentence in part} for split, part in corpus.splits.items()}
    assert sum(len(names) for names in documents.values()) == 40
    assert len(set.union(*documents.values())) == 40


def test_line_ends_inside_quoted_cells(write: Writer) -> None:
    """Banking77 has CRLF inside quoted cells: reading line by line cuts a row in two."""
    text = 'sentence,word,tag,note\r\n1,EU,B-ORG,"first line\r\nsecond line"\r\n1,says,O,\r\n2,Oslo,B-LOC,"a, b"\r\n'
    corpus = Corpus.from_csv(write(text, name="train.csv"), split=False)
    assert [sentence.words for sentence in corpus.train] == [("EU", "says"), ("Oslo",)]
    assert [sentence.source for sentence in corpus.train] == ["train.csv:2", "train.csv:5"]


def test_a_file_in_latin_1_names_its_byte(write: Writer) -> None:
    """One of the two Financial PhraseBank files is ISO-8859-1."""
    path = write("Orion\tB-ORG\nPharma\tI-ORG\n\nVäisälä\tB-ORG\n".encode("latin-1"))
    with pytest.raises(DataError, match="byte 0xe4 at offset 27 is not utf-8") as caught:
        read_conll(path)
    assert caught.value.line == 4
    assert read_conll(path, encoding="latin-1")[1].words == ("Väisälä",)


def test_sentences_in_train_and_test_are_counted(write: Writer) -> None:
    """CLINC150 has two texts in train and in test."""
    train, test = (
        write("hi\tO\n\nEU\tB-ORG\n\na\tO\n"),
        write("EU\tB-PER\n\nhi\tO\n\nb\tO\n\nc\tO\n", name="test.conll"),
    )
    text = Corpus.from_conll(train, test=test).describe()
    assert "2 (50.0%)" in text
    assert "stand in train with other tags: 1" in text
    with pytest.raises(DataError, match=r"2 of 4 test sentences also stand in train \(50.0%, allowed 10.0%\)"):
        Corpus.from_conll(train, test=test, max_overlap=0.1)
