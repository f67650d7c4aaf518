"""Changed copies of labelled rows: edits that never break an entity, and a ledger of what became of everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypeVar

from companion.corpora.records import Sentence
from companion.corpora.schemes import Entity, spell
from companion.corpora.texts import Text
from companion.corpora.words import word_spans
from companion.errors import DataError

Row = Sentence | Text
AnyRow = TypeVar("AnyRow", Sentence, Text)
NAMES_KEPT = 10
RUNNING_TEXT = "text"
"""The fact of a sentence that holds it as running text, which is another one after an edit."""


class Edit(NamedTuple):
    """Words put in the place of others."""

    start: int
    """Position of the first word that goes."""
    end: int
    """Position after the last word that goes."""
    words: tuple[str, ...]
    """What stands there instead: one word or more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What a method would do to one row."""

    edits: tuple[Edit, ...] = ()
    """The edits, which do not overlap."""
    left: tuple[tuple[str, str], ...] = ()
    """What it looked at and left alone: (reason, words)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentationLedger:
    """What became of every row and every entity: rows in = copies + unchanged, entities in = entities out, by type.

    Ledgers of rows add up (`+`) to that of a corpus.
    """

    rows_in: int = 0
    """Rows that a copy was asked of, once for each copy."""
    copies: int = 0
    """Changed copies that came out."""
    unchanged: int = 0
    """Rows that the method changed nothing in: no copy is made."""
    words_replaced: int = 0
    """Words that went, those of entities included."""
    mentions_replaced: Mapping[str, int] = field(default_factory=dict)
    """Entities whose words went, by type."""
    entities_in: Mapping[str, int] = field(default_factory=dict)
    """Entities of the rows that were copied, by type."""
    entities_out: Mapping[str, int] = field(default_factory=dict)
    """Entities of the copies, read again from their tags, by type."""
    left_alone: Mapping[str, int] = field(default_factory=dict)
    """What the method looked at and left alone, by reason."""
    names: tuple[str, ...] = ()
    """The first few of them, each with its reason and place."""
    unbalanced: tuple[str, ...] = ()
    """The first few copies whose entities are not those of their row, in order of position."""

    def __add__(self, other: AugmentationLedger) -> AugmentationLedger:
        def both(one: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
            return dict(sorted((Counter(one) + Counter(more)).items()))

        return AugmentationLedger(
            rows_in=self.rows_in + other.rows_in,
            copies=self.copies + other.copies,
            unchanged=self.unchanged + other.unchanged,
            words_replaced=self.words_replaced + other.words_replaced,
            mentions_replaced=both(self.mentions_replaced, other.mentions_replaced),
            entities_in=both(self.entities_in, other.entities_in),
            entities_out=both(self.entities_out, other.entities_out),
            left_alone=both(self.left_alone, other.left_alone),
            names=(*self.names, *other.names)[:NAMES_KEPT],
            unbalanced=(*self.unbalanced, *other.unbalanced)[:NAMES_KEPT],
        )

    @property
    def balanced(self) -> bool:
        """Whether every row and every entity is accounted for, in the sum and in each copy."""
        same = dict(self.entities_in) == dict(self.entities_out)
        return same and not self.unbalanced and self.rows_in == self.copies + self.unchanged

    def check(self) -> None:
        """Raise unless the ledger balances.

        Raises:
            DataError: naming the first copy that has other entities than its row.
        """
        if not self.balanced:
            first = f"first in {self.unbalanced[0]}" if self.unbalanced else "in the sum only"
            raise DataError(
                f"the augmentation ledger does not balance ({first}): {self.rows_in} rows in, {self.copies} copies, "
                f"{self.unchanged} unchanged; entities in {dict(self.entities_in)}, out {dict(self.entities_out)}",
                remedy="look at that copy; until it balances, do not train on it",
            )

    def __str__(self) -> str:
        kinds = sorted(self.entities_in.keys() | self.entities_out.keys())
        columns = (self.entities_in, self.entities_out, self.mentions_replaced)
        lines = [f"{'entities':<10}{'in':>8}{'out':>8}{'replaced':>10}"] if kinds else []
        for kind in kinds:
            first, second, third = (column.get(kind, 0) for column in columns)
            lines.append(f"{kind:<10}{first:>8,}{second:>8,}{third:>10,}")
        lines.append(
            f"{self.rows_in:,} rows: {self.copies:,} copies, {self.unchanged:,} unchanged; "
            f"{self.words_replaced:,} words replaced: " + ("it balances" if self.balanced else "it does NOT balance")
        )
        if self.left_alone:
            lines.append("left alone: " + ", ".join(f"{count:,} {why}" for why, count in self.left_alone.items()))
        return "\n".join([*lines, *(f"  {name}" for name in self.names)])


def words_and_tags(row: Row) -> tuple[list[str], list[str]]:
    """The words of a row and their tags; those of a text (of a pair the first) are all outside."""
    if isinstance(row, Sentence):
        return list(row.words), list(row.tags)
    words = [row.text[start:end] for start, end in word_spans(row.text)]
    return words, ["O"] * len(words)


def entity_at(row: Row) -> dict[tuple[int, int], str]:
    """The type of each entity of a row by its words' positions; a text has none."""
    return {(start, end): kind for start, end, kind in row.entities()} if isinstance(row, Sentence) else {}


def rewrite(row: AnyRow, edits: Iterable[Edit], *, mark: str = "edited") -> AnyRow:
    """A row with other words and the same labels; `mark` is added to its source.

    An edit lies outside every entity, and its words get `O`, or it covers exactly one entity, whose type its words get.
    What stands between the words of a text stays as it is, and so does the second text of a pair.

    Raises:
        DataError: an edit overlaps another, leaves the row, is empty, or would break an entity.

    Taught in: book/constraints/augmentation-and-ensembles
    """
    place, (words, tags), kinds = row.source or "a row", words_and_tags(row), entity_at(row)
    new_words: list[str] = []
    new_tags: list[str] = []
    kept: list[tuple[int, int, str]] = []
    position = 0
    for edit in sorted(edits):
        if not position <= edit.start < edit.end <= len(words) or not edit.words or not all(edit.words):
            raise DataError(f"{place}: {edit} is empty, overlaps another edit or leaves the row's {len(words)} words")
        kind = kinds.get((edit.start, edit.end))
        if kind is None and any(tag != "O" for tag in tags[edit.start : edit.end]):
            raise DataError(
                f"{place}: putting {' '.join(edit.words)!r} for {' '.join(words[edit.start : edit.end])!r} would break "
                "an entity",
                remedy="replace words outside entities, or exactly one whole entity",
            )
        size = len(edit.words)
        new_words += [*words[position : edit.start], *edit.words]
        new_tags += [*tags[position : edit.start], *(spell([Entity(0, size, kind)], size) if kind else ["O"] * size)]
        kept.append((edit.start, edit.end, " ".join(edit.words)))
        position = edit.end
    source = f"{row.source}~{mark}" if row.source else f"~{mark}"
    if isinstance(row, Sentence):
        meta = {name: value for name, value in row.meta.items() if name != RUNNING_TEXT or not kept}
        return replace(
            row,
            words=(*new_words, *words[position:]),
            tags=(*new_tags, *tags[position:]),
            source=source,
            meta=meta,
        )
    return replace(row, text=_splice(row.text, kept), source=source)


def entry_of(row: Row, copy: Row | None, proposal: Proposal) -> AugmentationLedger:
    """The ledger of one row: its entities are read from the tags of both, whatever the edits say they did."""
    kinds, place = entity_at(row), row.source or "a row"
    replaced = Counter(kinds[edit.start, edit.end] for edit in proposal.edits if (edit.start, edit.end) in kinds)
    before = list(kinds.values()) if copy is not None else []
    after = list(entity_at(copy).values()) if copy is not None else []
    return AugmentationLedger(
        rows_in=1,
        copies=int(copy is not None),
        unchanged=int(copy is None),
        words_replaced=sum(edit.end - edit.start for edit in proposal.edits) if copy is not None else 0,
        mentions_replaced=dict(replaced) if copy is not None else {},
        entities_in=Counter(before),
        entities_out=Counter(after),
        left_alone=Counter(reason for reason, _ in proposal.left),
        names=tuple(f"{what!r}: {reason} ({place})" for reason, what in proposal.left)[:NAMES_KEPT],
        unbalanced=() if before == after else (place,),
    )


def _splice(text: str, kept: Sequence[tuple[int, int, str]]) -> str:
    spans = word_spans(text)
    for start, end, words in reversed(kept):
        text = text[: spans[start][0]] + words + text[spans[end - 1][1] :]
    return text
