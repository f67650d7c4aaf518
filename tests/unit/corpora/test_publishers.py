"""Text corpora in their publishers' forms: what is read, what is refused, and which text is in which split for good."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from companion.corpora.catalog import load_corpus
from companion.corpora.publishers import read_banking, read_clinc, read_phrasebank
from companion.corpora.stratified import identity
from companion.corpora.texts import TextCorpus
from companion.errors import DataError

DIGESTS = {
    "financial-phrasebank": "6422b117a7a4088ac1336db407b9a45dbefad7739d3eb6eeea2958db9a7c56d7",
    "banking77": "60f84ccfac89e7edb13389b13f4f71cde01ef2f3e3e4ec5883c97af2c0f0b569",
    "clinc150": "08b10f64e6fe42364d41694a595b172c6f042495067c0b58277a20bfd4f8f40b",
}


def split_digest(corpus: TextCorpus) -> str:
    rows = (f"{split}\t{text.label}\t{text.text}" for split, part in corpus.splits.items() for text in part)
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def test_phrasebank_is_cut_at_the_last_at_sign(tmp_path: Path) -> None:
    lines = ["Mail us @ home .@neutral", *(f"Sales rose by {number} % .@positive" for number in range(30))]
    lines += ["It stands twice .@neutral", "It stands  twice .@positive"]
    path = tmp_path / "phrases.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ""]).encode())
    corpus = read_phrasebank(path, name="phrases")
    texts = [text for part in corpus.splits.values() for text in part]
    assert len(texts) == 33 and {text.label for text in texts} == {"neutral", "positive"}
    [mail] = [text for text in texts if text.source == "phrases.txt:1"]
    assert mail.text == "Mail us @ home ."
    assert "1 texts stand in the file more than once, 1 of them with two labels; kept in one split" in corpus.notes
    assert sum("twice" in text.text for part in corpus.splits.values() for text in part[:]) == 2
    assert [sum("twice" in text.text for text in part) for part in corpus.splits.values()].count(2) == 1


@pytest.mark.parametrize("line", ["no label", "@neutral", "a sentence@ ", ""])
def test_a_line_that_is_no_phrase_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "phrases.txt"
    path.write_text(f"All is well .@neutral\n{line}\nMore .@neutral\n")
    with pytest.raises(DataError, match="no sentence@label") as caught:
        read_phrasebank(path, name="phrases")
    assert caught.value.line == 2


def clinc() -> dict[str, list[list[str]]]:
    parts = {name: [[f"{name} text", "yes"]] for name in ("train", "val", "test")}
    return parts | {f"oos_{name}": [[f"strange {name}", "oos"]] for name in parts}


def test_clinc_holds_out_of_scope_in_every_split(tmp_path: Path) -> None:
    path = tmp_path / "full.json"
    document = clinc()
    document["test"].append(["train  TEXT", "yes"])
    path.write_text(json.dumps(document))
    corpus = read_clinc(path, name="clinc")
    assert {name: [text.label for text in part] for name, part in corpus.splits.items()} == {
        "train": ["yes", "out_of_scope"],
        "dev": ["yes", "out_of_scope"],
        "test": ["yes", "yes", "out_of_scope"],
    }
    assert corpus.dev[1].text == "strange val" and corpus.dev[1].source == "full.json:oos_val[0]"
    assert corpus.notes == (
        "split as published; out of scope: 1 in train, 1 in dev, 1 in test",
        "1 texts of test also stand in train",
    )


@pytest.mark.parametrize("damage", [lambda parts: parts.pop("oos_val"), lambda parts: parts["test"].append("text")])
def test_a_file_that_is_not_clinc_is_refused(tmp_path: Path, damage: object) -> None:
    path, document = tmp_path / "full.json", clinc()
    damage(document)  # type: ignore[operator]
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match="not the lists of CLINC150"):
        read_clinc(path, name="clinc")
    path.write_text("{")
    with pytest.raises(DataError, match="not the lists of CLINC150"):
        read_clinc(path, name="clinc")


def test_banking_gets_a_dev_split_from_train(tmp_path: Path) -> None:
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    rows = [f"my card number {number},{'lost' if number % 2 else 'late'}" for number in range(40)]
    train.write_text("\n".join(["text,category", *rows]) + "\n")
    test.write_text("text,category\nmy card number 3,lost\n")
    corpus = read_banking(train, test, name="bank")
    assert {name: len(part) for name, part in corpus.splits.items()} == {"train": 36, "dev": 4, "test": 1}
    assert Counter(text.label for text in corpus.dev) == {"lost": 2, "late": 2}
    assert not {identity(text) for text in corpus.dev} & {identity(text) for text in corpus.train}


@pytest.mark.public_data
@pytest.mark.parametrize("name", DIGESTS)
def test_which_text_is_in_which_split_never_changes(public_root: Path, name: str) -> None:
    assert split_digest(load_corpus(name)) == DIGESTS[name]


@pytest.mark.public_data
def test_phrasebank_reads_as_published(public_root: Path) -> None:
    corpus = load_corpus("financial-phrasebank")
    counts = {split: Counter(text.label for text in part) for split, part in corpus.splits.items()}
    assert sum(counts.values(), Counter()) == {"neutral": 2879, "positive": 1363, "negative": 604}
    assert {split: found.total() for split, found in counts.items()} == {"train": 3394, "dev": 485, "test": 967}
    assert counts["test"] == {"neutral": 574, "positive": 272, "negative": 121}
    assert "8 texts stand in the file more than once, 2 of them with two labels; kept in one split" in corpus.notes
    units = [{identity(text) for text in part} for part in corpus.splits.values()]
    assert sum(map(len, units)) == len(set().union(*units)) == 4838


@pytest.mark.public_data
def test_clinc150_reads_as_published(public_root: Path) -> None:
    corpus = load_corpus("clinc150")
    outside = {name: sum(text.label == "out_of_scope" for text in part) for name, part in corpus.splits.items()}
    assert {name: len(part) for name, part in corpus.splits.items()} == {"train": 15100, "dev": 3100, "test": 5500}
    assert outside == {"train": 100, "dev": 100, "test": 1000}
    assert len(corpus.labels) == 151
    assert corpus.notes[1:] == ("3 texts of dev also stand in train", "2 texts of test also stand in train")
