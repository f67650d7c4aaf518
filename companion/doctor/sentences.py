"""Which sentence is this row? Rows of batches and the sentences they were made of, matched by their pieces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from companion.doctor.probe import CannotCheck

if TYPE_CHECKING:
    from companion.doctor.patient import Patient
    from companion.doctor.rows import Row

MOST_ROWS = 20_000
KEY = 4
"""Pieces by which sentences are looked up before they are compared whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A row of a batch and its sentence."""

    tags: tuple[str, ...]
    """The tags of the words."""
    spans: tuple[tuple[int | None, int], ...]
    """For each word, its first piece in the row and the piece after its last; None where it is not in the row."""
    labels: tuple[int, ...]
    """The labels of the row."""


@dataclass(kw_only=True, slots=True)
class Matches:
    """What became of the rows."""

    found: list[Match] = field(default_factory=list)
    """Rows whose sentence is known."""
    rows: int = 0
    """All rows looked at."""
    first_words: int = 0
    """Rows that are the first word of a longer sentence and nothing else."""


def pieces_of(rows: Sequence[Row], tokenizer: Any) -> list[list[list[int]]]:
    """The piece ids of every word of every row, without special tokens.

    Raises:
        CannotCheck: the tokenizer cannot say which piece belongs to which word.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise CannotCheck("the tokenizer has no word_ids (it is not a fast one)")
    from companion.encoding.pieces import word_pieces

    pieces = word_pieces((word for row in rows for word in row.words), tokenizer)
    return [[pieces[word] for word in row.words] for row in rows]


def contents_of(patient: Patient) -> Iterator[tuple[list[int], int, list[int]]]:
    """Every row of the batches: its pieces without special tokens and padding, where they start, and its labels."""
    special = set(getattr(patient.tokenizer, "all_special_ids", None) or ())
    unknown = getattr(patient.tokenizer, "unk_token_id", None)
    special -= {unknown, getattr(patient.tokenizer, "mask_token_id", None)}
    for view in patient.views:
        padding = view.padding(patient.pad_id)
        labels = view.labels
        for place, ids in enumerate(view.ids.tolist()):
            hidden = [False] * len(ids) if padding is None else padding[place].tolist()
            kept = [position for position, piece in enumerate(ids) if not hidden[position] and piece not in special]
            if kept:
                row = labels[place].tolist() if labels is not None and view.kind == "tokens" else []
                yield [ids[position] for position in kept], kept[0], row


def matches_of(patient: Patient, rows: Sequence[Row]) -> Matches:
    """Find the sentence of every row of the batches; a truncated row is the beginning of its sentence.

    Raises:
        CannotCheck: the tokenizer cannot say which piece belongs to which word.
    """
    rows = [row for row in rows[:MOST_ROWS] if row.tags]
    pieces = pieces_of(rows, patient.tokenizer)
    flat = [[piece for word in words for piece in word] for words in pieces]
    index: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place, ids in enumerate(flat):
        index[tuple(ids[:KEY])].append(place)
    firsts = {tuple(words[0]) for words in pieces if len(words) > 1 and words[0]}
    matches = Matches()
    for ids, start, labels in contents_of(patient):
        matches.rows += 1
        candidates = [p for p in index.get(tuple(ids[:KEY]), ()) if flat[p][: len(ids)] == ids]
        exact = [place for place in candidates if len(flat[place]) == len(ids)] or candidates
        answers = {rows[place].tags for place in exact}
        if exact and len(answers) == 1:
            spans = _spans(pieces[exact[0]], start, start + len(ids))
            matches.found.append(Match(tags=rows[exact[0]].tags, spans=spans, labels=tuple(labels)))
        whole = any(len(flat[place]) == len(ids) for place in exact)
        matches.first_words += not whole and tuple(ids) in firsts
    return matches


def _spans(words: Sequence[Sequence[int]], start: int, stop: int) -> tuple[tuple[int | None, int], ...]:
    spans: list[tuple[int | None, int]] = []
    for pieces in words:
        end = start + len(pieces)
        spans.append((start, end) if pieces and end <= stop else (None, end))
        start = end
    return tuple(spans)
