"""Windows: how a sentence that is too long for the encoder is cut, and put together again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeVar

from companion.errors import AlignmentError, ConfigError

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One row for the encoder: whole words of one sentence, between the tokenizer's special tokens.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    input_ids: list[int]
    """Word piece ids, special tokens included."""
    labels: list[int]
    """One label id per piece; the ignore index where nothing is learned."""
    word_of_piece: list[int | None]
    """The word (its position in the sentence) that each piece belongs to; None on special tokens."""
    owned: range
    """The words that this window scores; its other words are context."""

    def scored(self) -> list[tuple[int, int]]:
        """Pairs (word, position of its first piece), one for each owned word that has a piece.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        first_pieces = {}
        for position, word in enumerate(self.word_of_piece):
            if word is not None and word in self.owned:
                first_pieces.setdefault(word, position)
        return list(first_pieces.items())


class Span(NamedTuple):
    """The words of one window, and those among them that it owns."""

    words: range
    owned: range


def cut(piece_counts: Sequence[int], *, capacity: int, overlap: int) -> list[Span]:
    """Cut a sentence into windows of whole words; every word is owned by the window where it sees most context.

    `piece_counts` holds the number of pieces of each word (at most `capacity`), `capacity` the pieces that fit in one
    window. Neighbouring windows share up to `overlap` pieces; the last window is slid back until it is full, because
    context is free there. A word's context in a window is the shorter of its two sides, counted in pieces; the end of
    the sentence is no limit. A sentence without any piece has no window.

    Raises:
        ConfigError: `overlap` is not in 0 … capacity - 1.
        AlignmentError: a word does not fit.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if capacity < 1 or not 0 <= overlap < capacity:
        raise ConfigError(
            f"overlap={overlap} does not fit windows of {capacity} word pieces",
            remedy=f"Choose an overlap from 0 to {max(capacity - 1, 0)}, or a larger max_length.",
        )
    if max(piece_counts, default=0) > capacity:
        raise AlignmentError(f"A word of {max(piece_counts)} pieces does not fit a window of {capacity}.")
    left = [0, *accumulate(piece_counts)]
    last = len(piece_counts)
    if left[-1] == 0:
        return []

    windows = [range(bisect_right(left, capacity) - 1)]
    while (end := windows[-1].stop) < last:
        # The next word must fit as well, or the new window would bring nothing new.
        start = bisect_left(left, max(left[end] - overlap, left[end + 1] - capacity))
        stop = bisect_right(left, left[start] + capacity) - 1
        if stop == last:
            start = bisect_left(left, left[last] - capacity)
        windows.append(range(start, stop))

    # The shorter side is longer in the later window exactly for words whose middle lies right of the overlap's middle.
    borders = [0]
    for earlier, later in pairwise(windows):
        middle = left[earlier.stop] + left[later.start]
        borders.append(bisect_right(range(last), middle, key=lambda word: left[word] + left[word + 1]))
    borders.append(last)
    owned = [range(start, stop) for start, stop in pairwise(borders)]
    return [Span(words, own) for words, own in zip(windows, owned, strict=True) if own]


def reassemble(windows: Sequence[Window], values: Sequence[Sequence[Value]], words: int) -> list[Value | None]:
    """One value per word from one value per piece and window: that of the word's first piece where it is owned.

    `values[i]` belongs to `windows[i]` and may be longer (padded on the right). A word without any piece gets None.

    Raises:
        AlignmentError: the counts do not match, or a word is owned twice.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    if len(values) != len(windows):
        raise AlignmentError(
            f"{len(windows)} windows, but values for {len(values)}.",
            remedy="Pass one sequence of values per window, in the order of the windows.",
        )
    result: list[Value | None] = [None] * words
    seen: set[int] = set()
    for window, row in zip(windows, values, strict=True):
        if len(row) < len(window.input_ids):
            raise AlignmentError(
                f"A window of {len(window.input_ids)} pieces has only {len(row)} values.",
                remedy="Pass one value per piece, special tokens included.",
            )
        for word, position in window.scored():
            if word in seen or word >= words:
                raise AlignmentError(f"Word {word} of {words} is owned by two windows, or lies outside the sentence.")
            seen.add(word)
            result[word] = row[position]
    return result
