"""A lone file is split by a rule that only looks at what a sentence says."""

import pytest

from companion.corpora.files import from_conll
from companion.corpora.records import Corpus, Sentence
from companion.corpora.split import assign_splits
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError

from .conftest import Writer


def sentences(number: int, **meta: str) -> list[Sentence]:
    return [Sentence(words=(f"w{n}", "is"), tags=("B-X", "O"), source=f"f:{n}", meta=meta) for n in range(number)]


def place(rows: list[Sentence], **options) -> dict[str, str]:
    positions = assign_splits(rows, Tally(), **options)
    assert sorted(position for chosen in positions.values() for position in chosen) == list(range(len(rows)))
    return {rows[position].words[0]: split for split, chosen in positions.items() for position in chosen}


def test_adding_or_removing_rows_moves_no_other_row() -> None:
    rows = sentences(500)
    whole = place(rows)
    assert place(rows[:200]).items() <= whole.items()
    assert place(rows[::-1]) == whole
    assert place(rows[250:] + rows[:100]).items() <= whole.items()


def test_shares_are_met_roughly_and_may_be_chosen() -> None:
    found = list(place(sentences(2000)).values())
    assert 1540 <= found.count("train") <= 1660
    assert 150 <= found.count("dev") <= 250
    halves = list(place(sentences(2000), shares=(0.5, 0.0, 0.5)).values())
    assert halves.count("dev") == 0
    assert 920 <= halves.count("train") <= 1080
    assert place(sentences(200), seed=1) != place(sentences(200))


def test_the_same_sentence_never_stands_on_both_sides() -> None:
    rows = sentences(100) * 3
    positions = assign_splits(rows, Tally())
    words = {split: {rows[position].words for position in chosen} for split, chosen in positions.items()}
    assert not words["train"] & words["test"]
    assert not words["train"] & words["dev"]
    assert len(words["train"] | words["dev"] | words["test"]) == 100


@pytest.mark.parametrize("group", ["article", "document"])
def test_articles_and_documents_stay_whole(group: str) -> None:
    rows = [sentence for n in range(60) for sentence in sentences(5, **{group: f"a-{n}"})]
    tally = Tally()
    positions = assign_splits(rows, tally)
    groups = [{rows[position].meta[group] for position in chosen} for chosen in positions.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 60
    assert f"hash of each {group} (seed 0)" in tally.notes[0]


@pytest.mark.parametrize("group", ["article", "document"])
def test_one_document_is_split_by_sentence(group: str) -> None:
    rows = sentences(200, **{group: "the only one"})
    tally = Tally()
    positions = assign_splits(rows, tally)
    assert all(positions.values())
    assert positions == assign_splits(sentences(200), Tally())
    assert "name one document" in tally.notes[0]
    two = assign_splits([*rows, *sentences(1, **{group: "another"})], Tally())
    assert sorted(map(len, two.values()))[-1] >= 200


def test_a_file_with_one_document_mark_is_split(write: Writer) -> None:
    rows = "".join(f"w{n}\tB-X\n\n" for n in range(100))
    corpus = Corpus.from_conll(write(f"-DOCSTART- -X- -X- O\n\n{rows}"))
    assert set(corpus.splits) == {"train", "dev", "test"}


def test_the_rule_is_written_into_the_report(write: Writer) -> None:
    path = write("".join(f"w{n}\tB-X\n\n" for n in range(100)))
    corpus = Corpus.from_conll(path)
    assert corpus.name == "train"
    assert set(corpus.splits) == {"train", "dev", "test"}
    assert any("80/10/10 by a hash of each sentence" in note for note in corpus.report.notes)
    assert "80/10/10" in corpus.describe()
    assert sum(counts.sentences for counts in corpus.report.counts.values()) == 100


def test_files_that_are_given_are_not_split_again(write: Writer) -> None:
    train = write("".join(f"w{n}\tB-X\n\n" for n in range(50)))
    dev = write("x\tB-Y\n", name="dev.conll")
    corpus = Corpus.from_conll(train, dev=dev)
    assert (len(corpus.train), len(corpus.dev), len(corpus.test)) == (50, 1, 0)
    assert corpus.types == ("X", "Y")
    assert len(Corpus.from_conll(train, split=False).train) == 50
    assert [sentence.source for sentence in corpus.dev] == ["dev.conll:1"]


def test_a_file_too_small_to_split_is_refused_or_noted() -> None:
    tally = Tally()
    positions = assign_splits(sentences(2), tally)
    empty = [split for split, chosen in positions.items() if not chosen]
    assert [note for note in tally.notes if "is empty" in note] == [
        f"split by rule: {split} is empty, because the corpus is small" for split in empty
    ]
    alone = next(row for row in sentences(100) if place([*sentences(100)])[row.words[0]] == "test")
    with pytest.raises(DataError, match="too small to be split"):
        assign_splits([alone], Tally())


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.5, 0.5, 0.5), (1.2, -0.1, -0.1)])
def test_shares_that_cannot_be_are_refused(shares) -> None:
    with pytest.raises(ConfigError, match="shares="):
        assign_splits(sentences(3), Tally(), shares=shares)


def test_options_of_the_reader_pass_through(write: Writer) -> None:
    corpus = from_conll(write("a PER x\n\nb O x\n"), tag_column=1, label_map={"PER": "B-PER"}, split=False, name="mine")
    assert corpus.name == "mine"
    assert corpus.report.repairs == {"label PER read as B-PER": 1}
