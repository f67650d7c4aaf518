"""Tag schemes: seqeval and an independent conlleval agree, spellings convert without loss, bad tags are refused."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU, IOB2, IOBES, Entities

from companion.corpora.schemes import (
    Entity,
    convert,
    detect,
    entities,
    parse_tag,
    repair,
    scheme_name,
    spell,
    validate,
)
from companion.errors import DataError

from .conftest import STEADY

SCHEMES = ("IOB1", "IOB2", "BIOES", "BILOU")
SEQEVAL = {"IOB2": IOB2, "BIOES": IOBES, "BILOU": BILOU}
LETTERS = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU"}


def random_tags(stream: random.Random, letters: str, length: int) -> list[str]:
    return [
        "O" if stream.random() < 0.25 else f"{stream.choice(letters)}-{stream.choice(['PER', 'GEO-LOC'])}"
        for _ in range(length)
    ]


@st.composite
def well_formed(draw: st.DrawFn) -> list[str]:
    """Valid IOB2 tags."""
    pieces = draw(st.lists(st.tuples(st.sampled_from(["O", "PER", "LOC"]), st.integers(1, 3)), max_size=6))
    tags: list[str] = []
    for kind, length in pieces:
        tags += ["O"] * length if kind == "O" else [f"B-{kind}", *[f"I-{kind}"] * (length - 1)]
    return tags


@pytest.mark.parametrize("scheme", sorted(SEQEVAL))
def test_strict_entities_are_those_of_seqeval(scheme: str) -> None:
    stream = random.Random(scheme)
    seen = found = 0
    for _ in range(10_000):
        tags = random_tags(stream, LETTERS[scheme], stream.randint(1, 9))
        expected = [(entity.start, entity.end, entity.tag) for entity in Entities([tags], SEQEVAL[scheme]).entities[0]]
        assert entities(tags, scheme=scheme) == expected, tags
        seen += 1
        found += len(expected)
    assert seen == 10_000
    assert found > 5_000


def test_lenient_entities_are_those_of_seqeval_default_mode() -> None:
    stream = random.Random("lenient")
    seen = found = 0
    for _ in range(10_000):
        tags = random_tags(stream, "BIES", stream.randint(1, 9))
        expected = [(start, end + 1, kind) for kind, start, end in get_entities(tags)]
        assert entities(tags, strict=False) == expected, tags
        seen += 1
        found += len(expected)
    assert seen == 10_000
    assert found > 5_000


def test_lenient_entities_follow_conlleval_in_words() -> None:
    """The rule of the conlleval script for B, I and O, written independently."""
    stream = random.Random("conlleval")
    for _ in range(2_000):
        tags = random_tags(stream, "BI", stream.randint(1, 9))
        starts = [
            position
            for position, tag in enumerate(tags)
            if tag != "O" and (tag[0] == "B" or position == 0 or tags[position - 1][1:] != tag[1:])
        ]
        expected = []
        for start in starts:
            end = start + 1
            while end < len(tags) and tags[end] == f"I{tags[start][1:]}":
                end += 1
            expected.append((start, end, tags[start][2:]))
        assert entities(tags, strict=False) == expected, tags


@STEADY
@given(well_formed())
def test_every_scheme_spells_the_same_entities(tags: list[str]) -> None:
    for scheme in SCHEMES:
        spelled = convert(tags, "IOB2", scheme)
        assert validate(spelled, scheme=scheme) == []
        assert entities(spelled, scheme=scheme) == entities(tags)
        assert convert(spelled, scheme, "IOB2") == tags


@STEADY
@given(well_formed())
def test_the_scheme_of_a_row_is_detected_or_makes_no_difference(tags: list[str]) -> None:
    for scheme in SCHEMES:
        spelled = convert(tags, "IOB2", scheme)
        assert convert(spelled, detect([spelled]), "IOB2") == tags


@STEADY
@given(st.lists(st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"]), max_size=8))
def test_repair_gives_valid_tags_and_keeps_every_entity_word(tags: list[str]) -> None:
    repaired, changed = repair(tags)
    assert validate(repaired) == []
    assert [tag == "O" for tag in repaired] == [tag == "O" for tag in tags]
    assert changed == len(validate(tags)) == sum(old != new for old, new in zip(tags, repaired, strict=True))
    assert entities(repaired) == entities(tags, strict=False)


def test_strict_and_lenient_differ_where_an_inside_tag_begins() -> None:
    assert entities(["O", "I-PER"]) == []
    assert entities(["O", "I-PER"], strict=False) == [Entity(1, 2, "PER")]
    assert entities(["B-PER", "I-ORG"]) == [Entity(0, 1, "PER")]
    assert entities(["B-PER", "I-ORG"], strict=False) == [Entity(0, 1, "PER"), Entity(1, 2, "ORG")]


def test_validate_names_the_positions() -> None:
    assert validate(["I-PER", "I-PER", "O", "B-LOC", "I-PER"]) == [0, 4]
    assert validate(["I-PER", "B-PER", "O", "B-LOC"], scheme="IOB1") == [3]
    assert validate(["B-PER", "O", "S-LOC", "E-LOC"], scheme="BIOES") == [0, 3]


def test_one_entity_touches_another_in_iob1() -> None:
    assert convert(["I-LOC", "B-LOC", "I-PER"], "IOB1", "IOB2") == ["B-LOC", "B-LOC", "B-PER"]
    assert convert(["B-LOC", "B-LOC", "B-PER"], "IOB2", "IOB1") == ["I-LOC", "B-LOC", "I-PER"]


def test_types_keep_their_hyphens() -> None:
    assert parse_tag("B-GEO-LOC") == ("B", "GEO-LOC")
    assert entities(["B-GEO-LOC", "I-GEO-LOC"]) == [Entity(0, 2, "GEO-LOC")]


NO_TAGS = ("", "PER", "ORG", "LOC", "SCORE", "b-per", "B_PER", "B-", "-PER", "o", "B", "X-PER", "BI-PER", "B–PER")


@pytest.mark.parametrize("text", NO_TAGS)
def test_what_is_no_tag_is_refused(text: str) -> None:
    for read in (parse_tag, lambda tag: entities([tag]), lambda tag: entities([tag], strict=False)):
        with pytest.raises(DataError, match="is not a tag"):
            read(text)


def test_a_prefix_of_another_scheme_is_refused() -> None:
    with pytest.raises(DataError, match="word 2: 'E-PER' has a prefix that IOB2 does not have"):
        entities(["B-PER", "E-PER"])
    with pytest.raises(DataError, match="prefix that BIOES does not have"):
        validate(["U-PER"], scheme="BIOES")


def test_scheme_names() -> None:
    assert [scheme_name(name) for name in ("bio", "IOB", "iobes", "BILOU")] == ["IOB2", "IOB1", "BIOES", "BILOU"]
    with pytest.raises(DataError, match="unknown tag scheme 'XML'"):
        scheme_name("XML")


@pytest.mark.parametrize(
    ("tags", "scheme"),
    [
        (["O", "B-PER", "I-PER"], "IOB2"),
        (["O", "I-PER", "I-PER"], "IOB1"),
        (["I-PER", "B-PER"], "IOB1"),
        (["B-PER", "O", "I-PER"], "IOB2"),
        (["O", "O"], "IOB2"),
        (["S-PER"], "BIOES"),
        (["B-PER", "L-PER"], "BILOU"),
    ],
)
def test_detection(tags: list[str], scheme: str) -> None:
    assert detect([tags]) == scheme


def test_detection_refuses_two_alphabets() -> None:
    with pytest.raises(DataError, match="mix BIOES"):
        detect([["S-PER"], ["U-PER"]])


def test_convert_refuses_broken_tags() -> None:
    with pytest.raises(DataError, match="word 2: 'I-PER' breaks IOB2"):
        convert(["O", "I-PER"], "IOB2", "BIOES")


@pytest.mark.parametrize("found", [[Entity(1, 1, "A")], [Entity(0, 4, "A")], [Entity(0, 2, "A"), Entity(1, 3, "B")]])
def test_spell_refuses_what_cannot_be_spelled(found: list[Entity]) -> None:
    with pytest.raises(DataError, match="is empty, leaves its 3 words, or overlaps"):
        spell(found, 3)
