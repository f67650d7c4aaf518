"""The running account of a reading: every repair, every line left out, and where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from companion.corpora.records import ReadReport, Sentence, SplitCounts
from companion.errors import DataError

PLACES_KEPT = 5


class Tally:
    """Counts what the readers change or leave out; becomes the `ReadReport` of the corpus.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    def __init__(self) -> None:
        self.repairs: Counter[str] = Counter()
        self.skipped: Counter[str] = Counter()
        self.places: dict[str, list[str]] = {}
        self.notes: list[str] = []

    def repair(self, kind: str, place: str, number: int = 1) -> None:
        """Count a repair, and keep its place if it is among the first few of its kind.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        self.repairs[kind] += number
        places = self.places.setdefault(kind, [])
        if len(places) < PLACES_KEPT:
            places.append(place)

    def skip(self, kind: str, number: int = 1) -> None:
        """Count a line or row that carries no word.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        if number:
            self.skipped[kind] += number

    def note(self, text: str) -> None:
        """Keep a decision in words, once.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        if text not in self.notes:
            self.notes.append(text)

    def report(self, counts: Mapping[str, SplitCounts]) -> ReadReport:
        """The account as a record.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        return ReadReport(
            counts=dict(counts),
            repairs=dict(self.repairs),
            skipped=dict(self.skipped),
            places={kind: tuple(places) for kind, places in self.places.items()},
            notes=tuple(self.notes),
        )


def count(sentences: Iterable[Sentence]) -> SplitCounts:
    """How many sentences, words and entities; reads each sentence once and keeps none.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    rows = words = found = 0
    for sentence in sentences:
        rows += 1
        words += len(sentence.words)
        found += sum(tag.startswith("B-") for tag in sentence.tags)
    return SplitCounts(sentences=rows, words=words, entities=found)


def unlabelled(lines: Sequence[int], rows: int, what: str, *, file: str, remedy: str) -> DataError:
    """The error that names all the `lines` together that nobody has labelled, so that they are not found one at a time.

    Taught in: book/reference/api/data
    """
    first = ", ".join(map(str, lines[:PLACES_KEPT]))
    problem = f"{len(lines):,} of {rows:,} rows have no {what} (first: {first})"
    return DataError(problem, file=file, line=lines[0], remedy=remedy)
