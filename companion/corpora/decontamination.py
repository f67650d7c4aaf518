"""Unlabelled text without the sentences that a model will be tested on, and an account of what was taken out.

Two lines are the same when their letters and digits are: letter case, white space, punctuation, the way words were cut
and the form in which Unicode writes a letter play no part. What is only nearly the same is told by shingles, runs of
twelve letters and digits: a line goes when it shares at least 80 % of the shingles of the shorter of the two, the line
or the held-out sentence. So a sentence inside a longer line is found, a line that is a piece of a sentence, and a
sentence with a word or an address changed. Of fewer than twenty letters and digits, only the whole line counts: a
line is not spoilt because it says "thank you".
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from companion.corpora.records import Sentence
from companion.corpora.texts import Text
from companion.errors import DataError

if TYPE_CHECKING:
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus

SHINGLE = 12
"""Letters and digits of a shingle."""
SHORTEST = 20
"""Letters and digits that a line and a sentence need before they can nearly agree."""
SHARE = 0.8
"""The share of the shorter one's shingles that makes the two nearly the same."""
EXACT, NEAR = "exact", "near"

HeldOut = str | Sentence | Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A line that was taken out, and why."""

    line: int
    """Its number, from 1."""
    kind: str
    """"exact" or "near"."""
    sentence: int
    """The place of the held-out sentence that it agrees with most, from 0; the second text of a pair has its own."""
    share: float
    """How many of the shorter one's shingles they share; 1 for "exact"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decontaminated:
    """The lines that are left, and what became of all the others; `print` it."""

    kept: tuple[str, ...]
    """The lines that stay, as they were and in their order; empty ones are among them."""
    removals: tuple[Removal, ...]
    """The lines that went."""
    found: frozenset[int]
    """The places of the held-out sentences that were in the text, exactly or nearly."""
    held_out: int
    """How many held-out sentences were looked for."""
    short: int
    """How many of them are so short that only a whole line can be one."""

    @property
    def exact(self) -> int:
        """How many lines were a held-out sentence."""
        return sum(removal.kind == EXACT for removal in self.removals)

    @property
    def near(self) -> int:
        """How many lines nearly held one."""
        return len(self.removals) - self.exact

    def counts(self) -> dict[str, int]:
        """The numbers of the report, for a program."""
        return {
            "lines": len(self.kept) + len(self.removals),
            "removed_exact": self.exact,
            "removed_near": self.near,
            "kept": len(self.kept),
            "kept_empty": sum(not line.strip() for line in self.kept),
            "held_out": self.held_out,
            "held_out_found": len(self.found),
            "held_out_short": self.short,
        }

    def __str__(self) -> str:
        told = self.counts()
        return "\n".join(
            [
                f"{told['lines']:>9,} lines read",
                f"{told['removed_exact']:>9,} removed: the same letters and digits as a held-out sentence",
                f"{told['removed_near']:>9,} removed: one shares {SHARE:.0%} or more of the shorter one's runs of "
                f"{SHINGLE} letters and digits",
                f"{told['kept']:>9,} kept, {told['kept_empty']:,} of them empty",
                f"{told['held_out_found']:>9,} of {told['held_out']:,} held-out sentences were in the text",
                f"{told['held_out_short']:>9,} of them are shorter than {SHORTEST} letters and digits, and were "
                "compared with whole lines only",
            ]
        )


def decontaminate(lines: Iterable[str], held_out: Iterable[HeldOut]) -> Decontaminated:
    """The lines without those that are, or nearly hold, one of the held-out sentences; the module says by what rule.

    `held_out` may be sentences of a corpus, labelled texts, or plain strings; of a pair of texts, each is looked for. A
    hundred thousand lines take seconds.

    Raises:
        DataError: a single string is given where lines belong, something is no text, or nothing is held out.

    Follows: Lee et al. (2022) on why near duplicates count as well; the shingles are those of Broder (1997).
    """
    held = enumerate(_rows(held_out, "held_out"))
    sentences = [bare_letters(text) for place, row in held for text in _as_texts(row, place)]
    if not any(sentences):
        raise DataError("no sentence is held out", remedy="give the sentences that must not be in the text")
    whole: dict[str, list[int]] = defaultdict(list)
    holders: dict[str, list[int]] = defaultdict(list)
    sizes = []
    for place, letters in enumerate(sentences):
        if letters:
            whole[letters].append(place)
        shingles = shingles_of(letters)
        sizes.append(len(shingles))
        for shingle in shingles:
            holders[shingle].append(place)
    kept, removals, found = [], [], set()
    for number, line in enumerate(_rows(lines, "lines"), start=1):
        if not isinstance(line, str):
            raise DataError(f"line {number} is {line!r}, not text", remedy="give the lines as strings")
        letters = bare_letters(line)
        if letters in whole:
            places, kind, best = whole[letters], EXACT, 1.0
        else:
            near = _near(shingles_of(letters), holders, sizes)
            places, kind, best = list(near), NEAR, max(near.values(), default=0.0)
        if not places:
            kept.append(line)
            continue
        found.update(places)
        removals.append(Removal(line=number, kind=kind, sentence=places[0], share=best))
    return Decontaminated(
        kept=tuple(kept),
        removals=tuple(removals),
        found=frozenset(found),
        held_out=sum(map(bool, sentences)),
        short=sum(bool(letters) and not size for letters, size in zip(sentences, sizes, strict=True)),
    )


def held_out_rows(corpus: Corpus | TextCorpus, *splits: str) -> list[Sentence | Text]:
    """The rows of some splits of a corpus, by default dev and test where they are there.

    Raises:
        DataError: the corpus has no such split.
    """
    there = corpus.splits
    for split in splits:
        if split not in there:
            raise DataError(f"{corpus.name} has no split {split!r}", remedy=f"choose one of {', '.join(there)}")
    return [row for split in splits or (name for name in there if name != "train") for row in there[split]]


def bare_letters(text: str) -> str:
    """The letters, digits and marks of a text, without case, in Unicode's compatibility form (NFKC).

    Of a text that has none, all characters that can be seen: a line of two hearts is a line of two hearts.
    """
    if text.isascii():
        folded = text.lower()
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return folded.translate(_LETTERS) or "".join(c for c in folded if unicodedata.category(c)[0] not in "ZCM")


def shingles_of(letters: str) -> set[str]:
    """The runs of twelve letters and digits; none for what is too short to be compared nearly."""
    if len(letters) < SHORTEST:
        return set()
    return {letters[start : start + SHINGLE] for start in range(len(letters) - SHINGLE + 1)}


class _Letters(dict[int, str | None]):
    """What `str.translate` makes of a character: itself, or nothing."""

    def __missing__(self, code: int) -> str | None:
        letter = unicodedata.category(chr(code))[0] in "LMN" and not 0xFE00 <= code <= 0xFE0F
        self[code] = chr(code) if letter else None
        return self[code]


_LETTERS = _Letters()


def _near(shingles: set[str], holders: dict[str, list[int]], sizes: Sequence[int]) -> dict[int, float]:
    """The held-out sentences that share enough shingles, each with the share, the largest first."""
    shared: Counter[int] = Counter()
    for shingle in shingles:
        if shingle in holders:
            shared.update(holders[shingle])
    shares = {place: number / min(sizes[place], len(shingles)) for place, number in shared.items()}
    enough = [place for place, share in shares.items() if share >= SHARE]
    return {place: shares[place] for place in sorted(enough, key=lambda place: (-shares[place], place))}


def _rows(rows: Iterable[HeldOut], name: str) -> Iterable[HeldOut]:
    if isinstance(rows, str | bytes):
        raise DataError(f"{name} is one piece of text", remedy="give a list of lines: split_lines(text)")
    return rows


def _as_texts(row: HeldOut, place: int) -> tuple[str, ...]:
    if isinstance(row, Sentence):
        return (" ".join(row.words),)
    if isinstance(row, Text):
        return row.texts
    if not isinstance(row, str):
        raise DataError(f"held-out sentence {place} is {row!r}", remedy="give strings, sentences or labelled texts")
    return (row,)
