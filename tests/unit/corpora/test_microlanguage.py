"""The micro-language keeps its word: who is labelled, what tells a category, which word causes a class."""

from collections import Counter

import pytest

from companion.corpora.microlanguage import CATEGORIES, MicroLanguage
from companion.errors import ConfigError

WORLD = MicroLanguage(seed=3)


def test_a_world_is_a_pure_function_of_its_seed() -> None:
    again, other = MicroLanguage(seed=3), MicroLanguage(seed=4)
    assert WORLD.text(20) == again.text(20) and WORLD.sentences(20) == again.sentences(20)
    assert WORLD.text(50)[:20] == WORLD.text(20), "a sentence depends on its number, not on how many are asked for"
    assert not set(WORLD.category_of) & set(other.category_of)
    assert WORLD.text(5) != WORLD.text(5, purpose="held out")


def test_every_name_has_one_category_and_every_word_one_place() -> None:
    assert {kind: len(names) for kind, names in WORLD.names.items()} == dict.fromkeys(CATEGORIES, 60)
    assert len(WORLD.category_of) == 240
    slots = [word for slot in WORLD.slots.values() for word in slot]
    assert len(slots) == len(set(slots)) and not set(slots) & set(WORLD.category_of)
    words = {word for sentence in [*WORLD.text(300), *WORLD.sentences(300)] for word in sentence.words}
    assert words <= set(WORLD.vocabulary)


def test_telling_words_tell_and_neutral_words_do_not() -> None:
    said: dict[str, set[str]] = {}
    for sentence in WORLD.text(2000):
        place = sentence.words.index(sentence.meta["name"])
        for word in (sentence.words[place - 1], sentence.words[place + 1]):
            said.setdefault(word, set()).add(sentence.meta["category"])
    assert len(said) == 2 * 6 * 4 and all(len(kinds) == 1 for kinds in said.values())
    neutral: dict[str, set[str]] = {}
    for sentence in WORLD.sentences(2000, names="all"):
        place = sentence.words.index(sentence.meta["name"])
        neutral.setdefault(sentence.words[place - 1], set()).add(sentence.meta["category"])
    assert len(neutral) == 6 and all(kinds == set(CATEGORIES) for kinds in neutral.values())


def test_labelled_sentences_hold_labelled_names_only() -> None:
    labelled = {name for names in WORLD.names.values() for name in names[:8]}
    train = WORLD.sentences(1000)
    test = WORLD.sentences(1000, purpose="test", names="unlabelled")
    assert {sentence.meta["name"] for sentence in train} == labelled
    assert not {sentence.meta["name"] for sentence in test} & labelled
    for sentence in (*train, *test):
        [entity] = sentence.entities()
        assert entity.type == sentence.meta["category"] and sentence.surface(entity) == sentence.meta["name"]
    assert all(set(sentence.tags) == {"O"} for sentence in WORLD.text(50))


def test_the_cause_is_the_only_word_that_follows_the_class() -> None:
    for sentence in WORLD.sentences(500):
        causes = [word for word in sentence.words if word in WORLD.slots["good"] + WORLD.slots["bad"]]
        assert causes == [sentence.meta["cause"]]
        assert sentence.meta["cause"] in WORLD.slots[sentence.meta["class"]]


def test_noise_imbalance_types_and_domains_do_what_they_say() -> None:
    noisy = MicroLanguage(seed=3, label_noise=0.25).sentences(2000)
    wrong = sum(sentence.entities()[0].type != sentence.meta["category"] for sentence in noisy)
    assert 0.2 < wrong / 2000 < 0.3
    lopsided = Counter(sentence.meta["class"] for sentence in MicroLanguage(seed=3, imbalance=9.0).sentences(2000))
    assert 0.87 < lopsided["good"] / 2000 < 0.93
    assert {sentence.meta["category"] for sentence in WORLD.sentences(200, types=("LOC",))} == {"LOC"}
    other = MicroLanguage(seed=3, domain=1)
    assert other.names == WORLD.names and other.slots["good"] == WORLD.slots["good"]
    assert not set(other.slots["before PER"]) & set(WORLD.slots["before PER"])
    both = set(WORLD.with_words_of(other).vocabulary)
    assert both == set(WORLD.vocabulary) | set(other.vocabulary)
    assert WORLD.with_words_of(other).text(5) == WORLD.text(5)


def test_a_corpus_tests_on_names_that_are_never_labelled() -> None:
    corpus = WORLD.corpus(train=100, dev=50, test=60)
    assert [len(part) for part in corpus.splits.values()] == [100, 50, 60]
    assert corpus.types == tuple(sorted(CATEGORIES))
    names = {split: {sentence.meta["name"] for sentence in part} for split, part in corpus.splits.items()}
    assert not names["train"] & (names["dev"] | names["test"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"names_per_category": 1},
        {"labelled_per_category": 60},
        {"words_per_slot": 0},
        {"label_noise": 1.5},
        {"imbalance": 0.0},
        {"names_per_category": True},
    ],
)
def test_a_world_that_cannot_be_is_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError):
        MicroLanguage(**wrong)
    with pytest.raises(ConfigError, match="names='some'"):
        WORLD.sentences(1, names="some")
    with pytest.raises(ConfigError):
        WORLD.sentences(1, types=("XYZ",))
