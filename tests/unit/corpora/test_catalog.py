"""Named corpora: complete entries, and the public files read as their publishers say."""

import re
from collections import Counter
from pathlib import Path

import pytest

from companion.corpora.catalog import CatalogEntry, entries, load_corpus
from companion.corpora.conll import read_conll
from companion.corpora.schemes import validate
from companion.errors import DataError

PUBLIC = [entry for entry in entries() if entry.files]
TAGGED = [entry for entry in PUBLIC if entry.kind == "words"]


def test_every_entry_is_complete() -> None:
    names = [entry.name for entry in entries()]
    assert {"newsroom", "wnut17", "wikigold", "uner-en-ewt", "uner-zh"} <= set(names)
    assert len(names) == len(set(names)) == 14
    files = [file for entry in PUBLIC for file in entry.files.values()]
    assert len(files) == 29
    for file in files:
        assert re.fullmatch(r"https://raw\.githubusercontent\.com/[\w-]+/[\w-]+/[0-9a-f]{12,40}/[\w./-]+", file.url)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert 10_000 < file.size < 5_000_000
    for entry in entries():
        assert all(entry.summary().values())
        assert entry.citation
        assert entry.files.keys() == entry.sentences.keys()
        assert entry.entities.keys() == (entry.files.keys() if entry.kind == "words" else set())


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match="no corpus is called 'conll2003'") as caught:
        load_corpus("conll2003")
    assert "wnut17" in caught.value.remedy


def test_newsroom_is_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    corpus = load_corpus("newsroom")
    assert corpus.types == ("LOC", "MISC", "ORG", "PER")
    assert corpus.licence == "CC0-1.0"
    assert len(corpus.train) > len(corpus.test) > len(corpus.dev) > 100
    assert {sentence.meta["sentiment"] for sentence in corpus.test} == {"positive", "negative", "neutral"}
    assert corpus.report.repairs == {}


def test_whether_a_corpus_is_at_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    monkeypatch.setenv("COMPANION_CACHE", str(tmp_path / "cache"))
    assert {entry.where for entry in PUBLIC} == {"download"}
    assert entries()[0].where == "in this package"
    for file in PUBLIC[0].files.values():
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).write_bytes(b"")
    assert PUBLIC[0].where == "on this machine"


@pytest.mark.public_data
@pytest.mark.parametrize("entry", TAGGED, ids=[entry.name for entry in TAGGED])
def test_public_corpora_read_as_published(entry: CatalogEntry, public_root: Path) -> None:
    corpus = load_corpus(entry.name)
    counts = corpus.report.counts
    if len(entry.files) == 1:
        assert sum(count.sentences for count in counts.values()) == entry.sentences["train"]
        assert sum(count.entities for count in counts.values()) == entry.entities["train"]
    else:
        assert {split: count.sentences for split, count in counts.items()} == entry.sentences
        assert {split: count.entities for split, count in counts.items()} == entry.entities
    assert all(validate(sentence.tags) == [] for part in corpus.splits.values() for sentence in part)
    assert "tag that breaks IOB2" not in corpus.report.repairs


@pytest.mark.public_data
def test_repairs_of_the_public_corpora_are_counted(public_root: Path) -> None:
    assert load_corpus("wnut17").report.repairs == {}
    assert load_corpus("uner-en-ewt").report.repairs == {
        "label B-OTH read as O": 888,
        "label I-OTH read as O": 227,
        "label B-O read as O": 540,
    }
    wikigold = load_corpus("wikigold")
    assert wikigold.report.skipped == {"-DOCSTART- rows": 145}
    assert any("hash of each document" in note for note in wikigold.report.notes)


@pytest.mark.public_data
def test_cutting_wnut17_at_empty_lines_only_gives_a_thousand_sentences(public_root: Path) -> None:
    path = public_root / "wnut17" / "wnut17train.conll"
    careless = [block for block in path.read_text("utf-8").split("\n\n") if block.strip()]
    assert len(careless) == 1000
    assert len(read_conll(path)) == 3394


@pytest.mark.public_data
def test_banking77_reads_as_published(public_root: Path) -> None:
    corpus = load_corpus("banking77")
    assert {split: len(part) for split, part in corpus.splits.items()} == {"train": 9003, "dev": 1000, "test": 3080}
    assert len(corpus.labels) == 77
    assert min(Counter(text.label for text in corpus.dev).values()) == 3


def test_sizes_are_counted_for_both_kinds() -> None:
    sizes = {entry.name: entry.size for entry in entries()}
    assert sizes["wnut17"] == (5690, 800_955)
    assert sizes["newsroom"][0] > 900 and sizes["helpdesk"][0] > 1_350
    assert sizes["helpdesk"][0] == sum(map(len, load_corpus("helpdesk").splits.values()))
