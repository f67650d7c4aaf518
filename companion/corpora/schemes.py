"""Tag schemes: how a row of tags spells entities, and how to move between spellings.

Inside the package every corpus is IOB2: `B-` opens an entity, `I-` continues it, `O` is outside. Files may use IOB1
(`I-` opens too, `B-` only separates two touching entities of one type) or BIOES, also spelled BILOU.

Strict reading follows seqeval's `mode="strict"`; lenient reading follows the `conlleval` script of CoNLL-2000
(Sang and Buchholz, 2000), which is also seqeval's default mode.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from companion.errors import DataError

PREFIXES = {"IOB1": "IB", "IOB2": "IB", "BIOES": "BIES", "BILOU": "BILU"}
_SPELLINGS = {"BIO": "IOB2", "IOB": "IOB1", "IOBES": "BIOES"}
_TO_BIOES = {"L": "E", "U": "S"}
_TO_BILOU = {"E": "L", "S": "U"}


class Entity(NamedTuple):
    """One entity of a sentence, as word positions."""

    start: int
    """Position of the first word."""
    end: int
    """Position after the last word."""
    type: str
    """What it is, for example `PER`."""


def scheme_name(scheme: str) -> str:
    """The standard name of a scheme (`BIO` is `IOB2`, `IOBES` is `BIOES`).

    Raises:
        DataError: a scheme this package does not read.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    name = _SPELLINGS.get(scheme.upper(), scheme.upper())
    if name not in PREFIXES:
        raise DataError(f"unknown tag scheme {scheme!r}", remedy=f"Use one of {', '.join(PREFIXES)}.")
    return name


@lru_cache(maxsize=65536)
def parse_tag(tag: str) -> tuple[str, str]:
    """Cut a tag into its prefix and its type: `B-GEO-LOC` is `("B", "GEO-LOC")`, `O` is `("O", "")`.

    Raises:
        DataError: anything else: no prefix (`PER`), lower case (`b-per`), `B_PER`, `B-`.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if tag == "O":
        return "O", ""
    prefix, dash, kind = tag.partition("-")
    if dash and kind and len(prefix) == 1 and prefix in "BIESLU":
        return prefix, kind
    raise DataError(
        f"{tag!r} is not a tag",
        remedy="A tag is 'O', or one of B I E S L U, a hyphen and a type ('B-PER'); "
        "other spellings are mapped in Python, by label_map={" + repr(tag) + ": 'B-PER'}.",
    )


def entities(tags: Sequence[str], *, scheme: str = "IOB2", strict: bool = True) -> list[Entity]:
    """The entities that a row of tags spells, in order of position.

    Strict: only well-formed entities of the scheme count, as in seqeval's `mode="strict"`. Lenient: an entity also
    starts where an `I-` follows `O` or another type, as in conlleval and seqeval's default mode.

    Raises:
        DataError: a string that is no tag, or a prefix the scheme does not have (strict only).

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    name = scheme_name(scheme)
    parsed = [_normal(*parse_tag(tag)) for tag in tags]
    if not strict:
        return _lenient(parsed)
    _check_prefixes(tags, name)
    if name in {"BIOES", "BILOU"}:
        return _strict_bioes(parsed)
    return _strict_iob(parsed, name)


def validate(tags: Sequence[str], *, scheme: str = "IOB2") -> list[int]:
    """The positions whose tag breaks the scheme; an empty list means well-formed.

    IOB2: an `I-X` that does not follow `B-X` or `I-X`. IOB1: a `B-X` that separates nothing. BIOES: every tag of an
    entity that does not run from `B-` to `E-`, or is not one `S-`.

    Raises:
        DataError: a string that is no tag, or a prefix the scheme does not have.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    name = scheme_name(scheme)
    _check_prefixes(tags, name)
    if name in {"BIOES", "BILOU"}:
        whole = {position for entity in entities(tags, scheme=name) for position in range(entity.start, entity.end)}
        return [position for position, tag in enumerate(tags) if tag != "O" and position not in whole]
    needs_neighbour = "B" if name == "IOB1" else "I"
    kinds = [parse_tag(tag)[1] for tag in tags]
    return [
        position
        for position, tag in enumerate(tags)
        if tag[0] == needs_neighbour and (position == 0 or kinds[position - 1] != kinds[position])
    ]


def convert(tags: Sequence[str], source: str, target: str) -> list[str]:
    """Spell the same entities in another scheme; nothing is lost and nothing is guessed.

    Raises:
        DataError: the tags break the source scheme (repair them first); the position is named.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    broken = validate(tags, scheme=source)
    if broken:
        raise DataError(
            f"word {broken[0] + 1}: {tags[broken[0]]!r} breaks {scheme_name(source)}",
            remedy="Correct the tag, or let repair() decide where its entity begins.",
        )
    return spell(entities(tags, scheme=source), len(tags), scheme=target)


def repair(tags: Sequence[str], *, scheme: str = "IOB2") -> tuple[list[str], int]:
    """Read broken tags leniently: the IOB2 tags, and how many of the given tags broke the scheme.

    An `I-X` that continues nothing becomes `B-X`, which is what conlleval assumes. No entity word becomes `O`.

    Raises:
        DataError: a string that is no tag, or a prefix the scheme does not have.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    broken = len(validate(tags, scheme=scheme))
    return spell(entities(tags, scheme=scheme, strict=not broken), len(tags)), broken


def spell(found: Iterable[Entity], length: int, *, scheme: str = "IOB2") -> list[str]:
    """The tags of `length` words that spell these entities, which must not overlap.

    Raises:
        DataError: an entity that is empty, leaves the sentence or overlaps another.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    name = scheme_name(scheme)
    tags = ["O"] * length
    before: Entity | None = None
    for entity in sorted(found):
        if not 0 <= entity.start < entity.end <= length or (before and entity.start < before.end):
            raise DataError(f"{entity} is empty, leaves its {length} words, or overlaps {before}")
        touches = before is not None and before.end == entity.start and before.type == entity.type
        for position in range(entity.start, entity.end):
            first, last = position == entity.start, position == entity.end - 1
            if name == "IOB1":
                prefix = "B" if first and touches else "I"
            elif name == "IOB2":
                prefix = "B" if first else "I"
            else:
                prefix = "S" if first and last else "B" if first else "E" if last else "I"
            prefix = _TO_BILOU.get(prefix, prefix) if name == "BILOU" else prefix
            tags[position] = f"{prefix}-{entity.type}"
        before = entity
    return tags


def detect(sequences: Iterable[Sequence[str]]) -> str:
    """The scheme of a file, from all its tags: one look at the whole, never sentence by sentence.

    `E-` or `S-` (`L-`, `U-`) anywhere means BIOES (BILOU). Otherwise a file in which some `I-` opens an entity, and
    no `B-` stands where IOB1 would not need it, is IOB1; everything else is IOB2, well-formed or not.

    Raises:
        DataError: a string that is no tag, or a file that mixes the BIOES and BILOU letters.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    letters: set[str] = set()
    opening_i = needless_b = False
    for tags in sequences:
        previous = ("O", "")
        for tag in tags:
            prefix, kind = current = parse_tag(tag)
            letters.add(prefix)
            same = previous[1] == kind
            opening_i |= prefix == "I" and not same
            needless_b |= prefix == "B" and not same
            previous = current
    if letters & {"E", "S"} and letters & {"L", "U"}:
        raise DataError("the tags mix BIOES letters (E, S) with BILOU letters (L, U)", remedy="Declare scheme=.")
    if letters & {"E", "S"}:
        return "BIOES"
    if letters & {"L", "U"}:
        return "BILOU"
    return "IOB1" if opening_i and not needless_b else "IOB2"


def _normal(prefix: str, kind: str) -> tuple[str, str]:
    return _TO_BIOES.get(prefix, prefix), kind


def _check_prefixes(tags: Sequence[str], name: str) -> None:
    for position, tag in enumerate(tags):
        if tag != "O" and tag[0] not in PREFIXES[name]:
            raise DataError(
                f"word {position + 1}: {tag!r} has a prefix that {name} does not have",
                remedy=f"{name} knows {', '.join(PREFIXES[name])}; declare another scheme, or map the tag.",
            )


def _strict_iob(parsed: list[tuple[str, str]], name: str) -> list[Entity]:
    found = []
    position, kind_before = 0, ""
    while position < len(parsed):
        start = position
        prefix, kind = parsed[start]
        position += 1
        opens = prefix == "B" if name == "IOB2" else prefix != "O" and (prefix == "B") == (kind == kind_before)
        if opens:
            while position < len(parsed) and parsed[position] == ("I", kind):
                position += 1
            found.append(Entity(start, position, kind))
        kind_before = kind
    return found


def _strict_bioes(parsed: list[tuple[str, str]]) -> list[Entity]:
    found = []
    start, kind_open = 0, ""
    for position, (prefix, kind) in enumerate(parsed):
        continues = prefix in "IE" and kind == kind_open
        if prefix in "BS":
            start = position
        if prefix == "S" or (continues and prefix == "E"):
            found.append(Entity(start, position + 1, kind))
        kind_open = kind if prefix == "B" or (continues and prefix == "I") else ""
    return found


def _lenient(parsed: list[tuple[str, str]]) -> list[Entity]:
    found = []
    start = 0
    previous, kind_before = "O", ""
    for position, (prefix, kind) in enumerate([*parsed, ("O", "")]):
        breaks = prefix in "BSO" or previous in "ESO" or kind != kind_before
        if previous != "O" and breaks:
            found.append(Entity(start, position, kind_before))
        if prefix != "O" and breaks:
            start = position
        previous, kind_before = prefix, kind
    return found
