"""Anyone's labelled rows as words with tags, or texts with a label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from companion.corpora.records import Sentence
from companion.corpora.schemes import convert, detect, entities, repair
from companion.corpora.text_pairs import PAIR_COLUMN
from companion.corpora.texts import Text
from companion.doctor.probe import CannotCheck
from companion.errors import DataError

WORDS, TAGS = ("words", "tokens"), ("tags", "ner_tags", "labels", "label")
PAIRED = "\n"
"""Between the two texts of a pair, which are one text to every probe that compares rows."""
TEXT, LABEL = ("text", "sentence", "content"), ("label", "labels", "class", "target")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One labelled row: words with their tags, or a text with its label."""

    words: tuple[str, ...] = ()
    """The words; empty for a text."""
    tags: tuple[str, ...] = ()
    """Their tags as they were given."""
    text: str = ""
    """The text; for words, the words joined by spaces; for a pair, both texts."""
    label: str = ""
    """The label of a text."""

    @property
    def answer(self) -> tuple[str, ...]:
        """What is to be learnt."""
        return self.tags or (self.label,)


def read_rows(rows: Iterable[Any], labels: Sequence[str] = ()) -> list[Row]:
    """Sentences, texts, dictionaries or pairs as rows; tags that are numbers are named by `labels`.

    Raises:
        CannotCheck: a row is none of these.
    """
    names = list(labels) or _names_in(rows)
    return [_row(row, place, names) for place, row in enumerate(rows)]


def in_iob2(rows: Sequence[Row]) -> tuple[list[tuple[str, ...]], str]:
    """The tags of all rows in IOB2, and the scheme in which they were spelt; ill-formed ones are read leniently.

    Raises:
        CannotCheck: the rows have no tags, or something in them is no tag.
    """
    if not rows or not all(row.tags for row in rows):
        raise CannotCheck("the rows have no tags")
    if all(tag.isdigit() for tag in rows[0].tags):
        raise CannotCheck("the tags are numbers, and their names are not known (labels=)")
    try:
        scheme = detect(row.tags for row in rows)
        if scheme == "IOB2":
            return [tuple(repair(row.tags)[0]) for row in rows], scheme
        return [tuple(_from(row.tags, scheme)) for row in rows], scheme
    except DataError as error:
        raise CannotCheck(f"the tags cannot be read as entities: {error.problem}") from error


def types_of(rows: Sequence[Row]) -> dict[str, int]:
    """How often each class occurs: entity types where the tags are tags, otherwise tags or labels as they are."""
    counts: dict[str, int] = {}
    try:
        tags, _ = in_iob2(rows)
        found = [entity.type for row in tags for entity in entities(row)]
    except CannotCheck:
        found = [name for row in rows for name in row.answer]
    for name in found:
        counts[name] = counts.get(name, 0) + 1
    return counts


def _from(tags: Sequence[str], scheme: str) -> list[str]:
    try:
        return convert(tags, scheme, "IOB2")
    except DataError:
        return repair(tags, scheme=scheme)[0]


def _row(row: Any, place: int, names: Sequence[str]) -> Row:
    if isinstance(row, Sentence):
        return _of_words(row.words, row.tags, place, names)
    if isinstance(row, Text):
        return Row(text=PAIRED.join(row.texts), label=row.label)
    if isinstance(row, Mapping):
        words, tags = _first(row, WORDS), _first(row, TAGS)
        if _is_list(words) and _is_list(tags):
            return _of_words(words, tags, place, names)
        text, label = _first(row, TEXT), _first(row, LABEL)
        if isinstance(text, str) and isinstance(row.get(PAIR_COLUMN), str):
            text = PAIRED.join((text, row[PAIR_COLUMN]))
        if isinstance(text, str) and label is not None and not _is_list(label):
            return Row(text=text, label=_name(label, names))
    elif isinstance(row, Sequence) and not isinstance(row, str) and len(row) == 2:
        if _is_list(row[0]) and _is_list(row[1]):
            return _of_words(row[0], row[1], place, names)
        if isinstance(row[0], str) and not _is_list(row[1]):
            return Row(text=row[0], label=_name(row[1], names))
    raise CannotCheck(f"row {place} is a {type(row).__name__} that is neither words with tags nor a text with a label")


def _of_words(words: Sequence[Any], tags: Sequence[Any], place: int, names: Sequence[str]) -> Row:
    if len(words) != len(tags) or not len(words):
        raise CannotCheck(f"row {place} has {len(words)} words and {len(tags)} tags")
    spoken = tuple(map(str, words))
    return Row(words=spoken, tags=tuple(_name(tag, names) for tag in tags), text=" ".join(spoken))


def _name(label: Any, names: Sequence[str]) -> str:
    if isinstance(label, str):
        return label
    number = int(label) if float(label).is_integer() else None
    return names[number] if number is not None and 0 <= number < len(names) else str(label)


def _names_in(rows: Any) -> list[str]:
    """The names that a `datasets.Dataset` gives to its numbered labels."""
    features = getattr(rows, "features", None) or {}
    for key in (*TAGS, *LABEL):
        feature = features.get(key)
        names = getattr(getattr(feature, "feature", feature), "names", None)
        if names:
            return list(names)
    return []


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
