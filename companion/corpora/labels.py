"""From the labels of a file to IOB2 tags: mapped, checked and repaired by stated rules, every change counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from companion.corpora.records import Sentence
from companion.corpora.schemes import PREFIXES, convert, detect, parse_tag, repair, scheme_name, validate
from companion.corpora.tally import Tally
from companion.errors import ConfigError, DataError


@dataclass(frozen=True, kw_only=True, slots=True)
class TagRules:
    """How to turn the labels of a file into IOB2.

    Raises:
        ConfigError: a value outside the allowed ones.
        DataError: an unknown scheme.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    scheme: str | None = None
    """The scheme of the file: IOB1, IOB2, BIOES or BILOU; None looks at all its tags and decides."""
    invalid: Literal["error", "repair"] = "error"
    """What to do with a tag that breaks the scheme: stop, or read it as conlleval does and count it."""
    label_map: Mapping[str, str] = field(default_factory=dict)
    """Labels of the file and the tags they stand for, for example `{"B-OTH": "O"}`; every use is counted."""
    first_label: bool = False
    """Whether a cell with several labels joined by commas stands for its first; every use is counted."""
    types: Sequence[str] | None = None
    """The types that may occur; None allows any."""
    unknown: Literal["error", "O"] = "error"
    """What to do with a type that is not among `types`: stop, or read it as O and count it."""

    def __post_init__(self) -> None:
        if self.scheme is not None:
            scheme_name(self.scheme)
        for name, allowed in (("invalid", ("error", "repair")), ("unknown", ("error", "O"))):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name}={getattr(self, name)!r}", remedy=f"Use one of {allowed}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledRow:
    """A sentence as its file has it: words, raw labels, and the line of each word."""

    words: tuple[str, ...]
    """The words."""
    labels: tuple[str, ...]
    """One label per word, as written."""
    lines: Sequence[int]
    """The line of each word, from 1."""
    meta: Mapping[str, str] = field(default_factory=dict)
    """What the file says about the sentence."""


def settle(
    rows: Iterable[LabelledRow], rules: TagRules, tally: Tally, *, path: str, name: str, unit: str = ":"
) -> Iterator[Sentence]:
    """The sentences of one file, in IOB2; `name` and `unit` form their `source`, as in `train.conll:17`.

    Raises:
        DataError: with file and line, for a label that is no tag, a tag that breaks the scheme, an unknown type.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    cleaned = [(row, clean(row, rules, tally, path=path, name=name)) for row in rows]
    scheme = settle_scheme((tags for _, tags in cleaned), rules, tally, path=path, name=name)
    for row, tags in cleaned:
        final = settle_tags(tags, row, rules, tally, scheme=scheme, path=path, name=name)
        yield Sentence(words=row.words, tags=final, source=f"{name}{unit}{row.lines[0]}", meta=row.meta)


def clean(row: LabelledRow, rules: TagRules, tally: Tally, *, path: str, name: str) -> tuple[str, ...]:
    """The tags of a row, still in the scheme of the file: first label, label map, spelling.

    Raises:
        DataError: with file and line, for a label that is no tag.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    tags = []
    for label, line in zip(row.labels, row.lines, strict=True):
        tag = label
        if rules.first_label and "," in tag:
            tag = tag.split(",", 1)[0]
            tally.repair("first of several labels taken", f"{name}:{line}")
        if tag in rules.label_map:
            tally.repair(f"label {tag} read as {rules.label_map[tag]}", f"{name}:{line}")
            tag = rules.label_map[tag]
        try:
            parse_tag(tag)
        except DataError as error:
            raise DataError(error.problem, remedy=error.remedy, file=path, line=line) from None
        tags.append(tag)
    return tuple(tags)


def settle_scheme(sequences: Iterable[Sequence[str]], rules: TagRules, tally: Tally, *, path: str, name: str) -> str:
    """The declared scheme, or the one that all the tags of a file show; the decision is noted.

    Raises:
        DataError: the tags mix two schemes.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if rules.scheme is not None:
        scheme = scheme_name(rules.scheme)
        tally.note(f"{name}: {scheme} (declared)")
        return scheme
    try:
        scheme = detect(sequences)
    except DataError as error:
        raise DataError(error.problem, remedy=error.remedy, file=path) from None
    tally.note(f"{name}: {scheme} (detected)")
    return scheme


def settle_tags(
    tags: Sequence[str], row: LabelledRow, rules: TagRules, tally: Tally, *, scheme: str, path: str, name: str
) -> tuple[str, ...]:
    """The tags of one row in IOB2, repaired if the rules say so.

    Raises:
        DataError: with file and line, for a tag that breaks the scheme, or a type that is not allowed.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    for tag, line in zip(tags, row.lines, strict=True):
        if tag[0] not in f"O{PREFIXES[scheme]}":
            raise DataError(
                f"{tag!r} has a prefix that {scheme} does not have",
                file=path,
                line=line,
                remedy=f"{scheme} knows {', '.join(PREFIXES[scheme])}; declare another scheme= or map the label.",
            )
    broken = validate(tags, scheme=scheme)
    if not broken:
        final = list(tags) if scheme == "IOB2" else convert(tags, scheme, "IOB2")
    elif rules.invalid == "repair":
        final, _ = repair(tags, scheme=scheme)
        for position in broken:
            tally.repair(f"tag that breaks {scheme}", f"{name}:{row.lines[position]}")
    else:
        first = broken[0]
        before = f"after {tags[first - 1]!r}" if first else "at the start of the sentence"
        raise DataError(
            f"word {row.words[first]!r}: {tags[first]!r} {before} breaks {scheme}",
            file=path,
            line=row.lines[first],
            remedy="Correct the tag, declare the right scheme=, or pass invalid='repair' to read it as conlleval does.",
        )
    return _allowed(final, row, rules, tally, path=path, name=name)


def _allowed(
    tags: list[str], row: LabelledRow, rules: TagRules, tally: Tally, *, path: str, name: str
) -> tuple[str, ...]:
    if rules.types is None:
        return tuple(tags)
    for position, tag in enumerate(tags):
        kind = parse_tag(tag)[1]
        if not kind or kind in rules.types:
            continue
        if rules.unknown == "error":
            raise DataError(
                f"label {row.labels[position]!r}: the type {kind!r} is not in the label set {sorted(rules.types)}",
                file=path,
                line=row.lines[position],
                remedy="Correct the label, map it with label_map, or pass unknown='O' to read it as O.",
            )
        tally.repair(f"unknown type {kind} read as O", f"{name}:{row.lines[position]}")
        tags[position] = "O"
    return tuple(tags)
