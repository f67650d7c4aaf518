"""The data report counts what it says."""

from companion.corpora.files import build
from companion.corpora.records import Corpus, Sentence
from companion.corpora.report import Overlap, overlap, summarise, unseen_share
from companion.corpora.tally import PLACES_KEPT, Tally


def sentence(text: str, tags: str = "", source: str = "f:1") -> Sentence:
    words = tuple(text.split())
    return Sentence(words=words, tags=tuple(tags.split()) or ("O",) * len(words), source=source)


def corpus(
    train: list[Sentence], dev: list[Sentence] = (), test: list[Sentence] = (), tally: Tally | None = None
) -> Corpus:
    parts = {"train": train, "dev": dev, "test": test}
    return build(
        {split: part for split, part in parts.items() if part}, tally or Tally(), name="tiny", licence="CC0-1.0"
    )


OSLO = sentence("Oslo is cold", "B-LOC O O")


def test_overlap_counts_repeated_and_contradicted_sentences() -> None:
    other = [OSLO, sentence("Oslo is cold", "B-ORG O O"), sentence("new", "O")]
    found = overlap(corpus([OSLO, OSLO, sentence("x")], test=other), "test")
    assert found == Overlap(sentences=3, repeated=2, contradicted=1)
    assert found.share == 2 / 3
    assert overlap(corpus([OSLO]), "test").share == 0.0


def test_unseen_share_is_of_distinct_forms_and_ignores_case() -> None:
    train = summarise([OSLO, sentence("New York", "B-LOC I-LOC")])
    test = [
        sentence("OSLO", "B-ORG"),
        sentence("York", "B-LOC"),
        sentence("York", "B-LOC"),
        sentence("new york", "B-X I-X"),
    ]
    assert unseen_share(train, summarise(test)) == 1 / 3
    assert unseen_share(train, summarise([sentence("none here")])) is None


def test_summary_of_a_split() -> None:
    found = summarise([OSLO, OSLO, sentence("a b c d", source="f:9")])
    assert (found.sentences, found.words, found.longest, found.longest_source) == (3, 10, 4, "f:9")
    assert (found.without_entities, found.duplicates, dict(found.types)) == (1, 1, {"LOC": 2})


def test_the_report_holds_every_part() -> None:
    tally = Tally()
    for number in range(9):
        tally.repair("tag that breaks IOB2", f"f:{number}")
    tally.skip("empty lines", 3)
    tally.note("f: IOB2 (detected)")
    text = corpus(
        [OSLO, OSLO, sentence("Ada", "B-PER")],
        dev=[sentence("nothing here")],
        test=[OSLO, sentence("EU", "B-ORG")],
        tally=tally,
    ).describe()
    for part in (
        "tiny · CC0-1.0",
        "1 (50.0%)",
        "50.0% of 2",
        "repairs: 9 × tag that breaks IOB2 (first: f:0, f:1, f:2)",
        "left out: 3 × empty lines",
        "note: f: IOB2 (detected)",
        "warning: the type ORG never occurs in train (only in test): it cannot be learned",
        "warning: the type PER occurs once in train",
        "warning: dev holds no entity: precision, recall and F1 are undefined there",
        "warning: sentences of train that repeat an earlier one of train: 1",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= 120
    assert len(tally.places["tag that breaks IOB2"]) == PLACES_KEPT


def test_a_corpus_without_entities_is_described() -> None:
    text = corpus([sentence("all outside")]).describe()
    assert "no entities" in text
    assert "there is no test split" in text
