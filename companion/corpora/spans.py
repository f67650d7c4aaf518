"""Character spans over running text become words and IOB2 tags; every fault of a span has a name.

Offsets count Unicode characters (Python's `text[start:end]`), not bytes and not UTF-16 units.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from companion.corpora.schemes import Entity, spell
from companion.corpora.words import word_spans
from companion.errors import DataError


class Span(NamedTuple):
    """A labelled stretch of text."""

    start: int
    """Offset of its first character."""
    end: int
    """Offset after its last character."""
    label: str
    """Its type, for example `PER`."""


class SpanReading(NamedTuple):
    """A text read with its spans."""

    words: tuple[str, ...]
    """The words, cut by the rule of `companion.corpora.words`."""
    tags: tuple[str, ...]
    """One IOB2 tag per word."""
    offsets: tuple[tuple[int, int], ...]
    """Where each word stands in the text."""
    repairs: tuple[str, ...]
    """The kind of each repair, one entry per span changed or dropped."""


def read_spans(text: str, spans: Iterable[Span], *, faults: Literal["error", "repair"] = "error") -> SpanReading:
    """Cut a text into words and tag them from character spans.

    With `faults="repair"` a span that leaves the text is cut at its end, spaces at its ends are left out, a span that
    begins or ends inside a word takes the whole word, and of spans that share a word the longest (then the first)
    stays; a reversed or empty span is dropped. Each of these is one entry of `repairs`.

    Raises:
        DataError: a span has a fault and `faults` is "error"; both are named.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    offsets = tuple(word_spans(text))
    repairs: list[str] = []
    placed: list[tuple[Span, Entity]] = []
    for span in spans:
        found = []
        whole = _inside(text, span, found)
        entity = None if whole is None else _over_words(whole, offsets, found)
        if found and faults == "error":
            raise _fault(text, span, found[0])
        repairs += found[:1]
        if entity is not None:
            placed.append((span, entity))
    kept: list[tuple[Span, Entity]] = []
    for span, entity in sorted(placed, key=lambda pair: (pair[1].start - pair[1].end, pair[1].start)):
        rival = next((old for old in kept if entity.start < old[1].end and old[1].start < entity.end), None)
        if rival is None:
            kept.append((span, entity))
            continue
        kind = _meeting(span, rival[0])
        if faults == "error":
            raise _fault(text, span, kind, rival[0])
        repairs.append(kind)
    tags = spell((entity for _, entity in kept), len(offsets))
    words = tuple(text[start:end] for start, end in offsets)
    return SpanReading(words, tuple(tags), offsets, tuple(repairs))


def _inside(text: str, span: Span, found: list[str]) -> Span | None:
    """The span within the text and without spaces at its ends, or None when nothing is left of it."""
    start, end = span.start, span.end
    if start > end:
        found.append("reversed span")
        return None
    if start == end:
        found.append("empty span")
        return None
    if start < 0 or end > len(text):
        found.append("span beyond the text")
        start, end = max(start, 0), min(end, len(text))
    piece = text[start:end]
    if piece != piece.strip():
        found.append("span with a space at its end" if piece != piece.rstrip() else "span with a space at its start")
        start, end = start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())
    if start >= end:
        return None
    return span._replace(start=start, end=end)


def _over_words(span: Span, offsets: tuple[tuple[int, int], ...], found: list[str]) -> Entity | None:
    covered = [position for position, (start, end) in enumerate(offsets) if start < span.end and end > span.start]
    if not covered:
        found.append("span that covers no word")
        return None
    first, last = covered[0], covered[-1]
    if offsets[first][0] < span.start or offsets[last][1] > span.end:
        found.append("span that cuts a word")
    return Entity(first, last + 1, span.label)


def _meeting(span: Span, rival: Span) -> str:
    if (span.start, span.end) == (rival.start, rival.end):
        return "repeated span" if span.label == rival.label else "span with two labels"
    inner = rival.start <= span.start and span.end <= rival.end
    return "nested span" if inner else "overlapping span"


def _fault(text: str, span: Span, kind: str, rival: Span | None = None) -> DataError:
    shown = text[max(span.start, 0) : max(span.end, 0)]
    shown = repr(shown if len(shown) <= 40 else f"{shown[:37]}...")
    other = "" if rival is None else f", against [{rival.start}, {rival.end}) {rival.label}"
    wide = any(ord(character) > 0xFFFF for character in text)
    units = " The text holds characters above U+FFFF: were the offsets counted in UTF-16 units?" if wide else ""
    return DataError(
        f"{kind}: [{span.start}, {span.end}) {span.label} {shown}{other}, in a text of {len(text)} characters",
        remedy=f"Correct the offsets, or pass faults='repair' to repair and count them.{units}",
    )
