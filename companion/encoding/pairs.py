"""Two texts in one row: what the tokenizer puts around and between them, and what is cut where they are too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from companion.encoding.pieces import special_tokens

PROBE = ["a", "0", ".", "的"]


class PairRow(list[int]):
    """The word pieces of a pair, and of each piece the number of its text, which the model adds a vector for."""

    def __init__(self, pieces: Sequence[int], types: Sequence[int]) -> None:
        super().__init__(pieces)
        self.types = types


class PairFrame(NamedTuple):
    """What stands around and between two texts in one row."""

    before: list[int]
    """Ids in front of the first text, such as [CLS]."""
    between: list[int]
    """Ids between the texts, such as [SEP]."""
    after: list[int]
    """Ids behind the second text, such as [SEP]."""
    types: tuple[list[int], int, list[int], int, list[int]] | None
    """The numbers of texts (`token_type_ids`) of the five parts of a row; None of a model that has none."""

    @property
    def size(self) -> int:
        """How many pieces are not the texts'."""
        return len(self.before) + len(self.between) + len(self.after)

    def row(self, first: Sequence[int], second: Sequence[int]) -> list[int]:
        """The row of two texts."""
        pieces = [*self.before, *first, *self.between, *second, *self.after]
        if self.types is None:
            return pieces
        before, one, between, other, after = self.types
        return PairRow(pieces, [*before, *[one] * len(first), *between, *[other] * len(second), *after])


def pair_frame(encoder: Any) -> PairFrame:
    """What the tokenizer puts around and between two texts, observed on a pair of its own.

    Numbers of texts are left out where the model has no vector for them (`type_vocab_size`).

    Raises:
        ModelError: the tokenizer turns every word of the pair into nothing.

    Taught in: book/reference/helpdesk
    """
    special_tokens(encoder.tokenizer)
    found = encoder.tokenizer(PROBE, PROBE, is_split_into_words=True, padding=False, truncation=False)
    ids, whose = found["input_ids"], found.sequence_ids()
    places = [[place for place, owner in enumerate(whose) if owner == text] for text in (0, 1)]
    (start, end), (begin, stop) = ((own[0], own[-1] + 1) for own in places)
    types = found.get("token_type_ids")
    if types is not None:
        known = max(types) < getattr(encoder.config, "type_vocab_size", 0)
        types = (types[:start], types[start], types[end:begin], types[begin], types[stop:]) if known else None
    return PairFrame(ids[:start], ids[end:begin], ids[stop:], types)


def longest_first(first: int, second: int, room: int) -> tuple[int, int]:
    """How many pieces of two texts are kept where they have this room: the longer one gives way until both are equal.

    Follows: the truncation "longest_first" of transformers; of an odd room, the longer text keeps the odd piece.
    Taught in: book/reference/helpdesk
    """
    if first > second:
        second = min(second, room // 2)
        return min(first, room - second), second
    first = min(first, room // 2)
    return first, min(second, room - first)
