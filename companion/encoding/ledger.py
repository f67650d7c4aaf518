"""The alignment ledger: what went in, what came out, and the name of everything that did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from companion.corpora.schemes import entities
from companion.encoding.windows import Window
from companion.errors import AlignmentError

NAMES_KEPT = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Ledger:
    """Double-entry bookkeeping for labels: words in = labelled + rejected, entities in = out + rejected.

    Ledgers of sentences add up (`+`, `Ledger.total`) to the ledger of a corpus.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """

    sentences: int = 0
    """Sentences that went in."""
    windows: int = 0
    """Windows that came out."""
    pieces: int = 0
    """Word pieces in all windows: overlap counted each time, special tokens not."""
    words_in: int = 0
    """Words that went in."""
    words_labelled: int = 0
    """Words whose own label stands in exactly one window; without tags, words that exactly one window scores."""
    words_rejected: Mapping[str, int] = field(default_factory=dict)
    """Words left out, by reason."""
    words_unknown: int = 0
    """Words without any piece that the tokenizer's unknown token stands for; part of `words_labelled`."""
    words_shortened: int = 0
    """Words with more pieces than a window holds; their first pieces and their label are kept."""
    words_repaired: int = 0
    """Words with half a character (a lone surrogate), which was read as U+FFFD."""
    entities_in: int = 0
    """Entities that went in."""
    entities_out: int = 0
    """Those of them that stand in the windows' labels, put together again."""
    entities_rejected: int = 0
    """Entities of which every word was rejected."""
    names: tuple[str, ...] = ()
    """The first few rejected, unknown, shortened or repaired words, each with its place."""
    unbalanced: tuple[str, ...] = ()
    """The first few sentences whose own ledger does not balance."""

    @classmethod
    def total(cls, ledgers: Iterable[Ledger]) -> Ledger:
        """The sum of many ledgers; of none, an empty one.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        return sum(ledgers, cls())

    def __add__(self, other: Ledger) -> Ledger:
        rejected = dict(self.words_rejected)
        for reason, count in other.words_rejected.items():
            rejected[reason] = rejected.get(reason, 0) + count
        return Ledger(
            sentences=self.sentences + other.sentences,
            windows=self.windows + other.windows,
            pieces=self.pieces + other.pieces,
            words_in=self.words_in + other.words_in,
            words_labelled=self.words_labelled + other.words_labelled,
            words_rejected=rejected,
            words_unknown=self.words_unknown + other.words_unknown,
            words_shortened=self.words_shortened + other.words_shortened,
            words_repaired=self.words_repaired + other.words_repaired,
            entities_in=self.entities_in + other.entities_in,
            entities_out=self.entities_out + other.entities_out,
            entities_rejected=self.entities_rejected + other.entities_rejected,
            names=(*self.names, *other.names)[:NAMES_KEPT],
            unbalanced=(*self.unbalanced, *other.unbalanced)[:NAMES_KEPT],
        )

    @property
    def balanced(self) -> bool:
        """Whether every word and every entity is accounted for, in the sum and in each sentence."""
        return not self.unbalanced and self._sums_balance()

    def _sums_balance(self) -> bool:
        return (
            self.words_in == self.words_labelled + sum(self.words_rejected.values())
            and self.entities_in == self.entities_out + self.entities_rejected
        )

    def named(self, sentence: str) -> Ledger:
        """The same ledger of one sentence; if it does not balance, it says so under the sentence's name.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        return self if self._sums_balance() else self + Ledger(unbalanced=(sentence,))

    def check(self) -> None:
        """Raise `AlignmentError`, naming the first sentence, unless the ledger balances.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        if self.balanced:
            return
        first = f"first in {self.unbalanced[0]}" if self.unbalanced else "in the sum only"
        raise AlignmentError(
            f"The alignment ledger does not balance ({first}): "
            f"{self.words_in} words in, {self.words_labelled} labelled, {sum(self.words_rejected.values())} rejected; "
            f"{self.entities_in} entities in, {self.entities_out} out, {self.entities_rejected} rejected.",
            remedy="Look at that sentence with align(...), one word at a time. Until it balances, do not train on it.",
        )

    def to_dict(self) -> dict[str, object]:
        """The ledger as plain values for JSON, with `balanced` among them.

        Taught in: book/walkthroughs/labels-meet-word-pieces
        """
        values = asdict(self)
        values["words_rejected"] = dict(self.words_rejected)
        return {**values, "names": list(self.names), "unbalanced": list(self.unbalanced), "balanced": self.balanced}

    def __str__(self) -> str:
        rejected = sum(self.words_rejected.values())
        lines = [
            f"{'':<10}{'in':>10}{'kept':>10}{'rejected':>10}",
            f"{'words':<10}{self.words_in:>10,}{self.words_labelled:>10,}{rejected:>10,}",
            f"{'entities':<10}{self.entities_in:>10,}{self.entities_out:>10,}{self.entities_rejected:>10,}",
            f"{self.sentences:,} sentences in {self.windows:,} windows of {self.pieces:,} pieces: "
            + ("it balances" if self.balanced else "it does NOT balance"),
        ]
        treated = {
            "unknown": self.words_unknown,
            "shortened": self.words_shortened,
            "repaired": self.words_repaired,
            **self.words_rejected,
        }
        if notes := [f"{count:,} {kind}" for kind, count in treated.items() if count]:
            lines.append("words by treatment: " + ", ".join(notes))
        lines.extend(f"  {name}" for name in self.names)
        return "\n".join(lines)


def count_scored(windows: Iterable[Window]) -> Ledger:
    """The words that exactly one window scores, for a sentence without tags.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    times: dict[int, int] = defaultdict(int)
    for window in windows:
        for word, _ in window.scored():
            times[word] += 1
    return Ledger(words_labelled=sum(count == 1 for count in times.values()))


def count_labelled(
    windows: Iterable[Window],
    tags: Sequence[str],
    kept_tags: Sequence[str],
    kept: Sequence[int],
    label_names: Mapping[int, str],
) -> Ledger:
    """Read the labels of one sentence back from its windows, and compare words and entities with what went in.

    `kept` are the positions of the words that were not rejected, `kept_tags` the tags after rejection, one per word,
    `label_names` the labels by id; any other id is ignored.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    standing: dict[int, list[str]] = defaultdict(list)
    for window in windows:
        previous = None
        for word, label in zip(window.word_of_piece, window.labels, strict=True):
            if word is not None and word != previous and label in label_names:
                standing[word].append(label_names[label])
            previous = word
    place = {position: index for index, position in enumerate(kept)}
    expected, rejected = set(), 0
    for entity in entities(tags):
        left = [place[position] for position in range(entity.start, entity.end) if position in place]
        rejected += not left
        if left:
            expected.add((left[0], left[-1] + 1, entity.type))
    read_back = [standing[position][0] if len(standing[position]) == 1 else "O" for position in kept]
    return Ledger(
        words_labelled=sum(standing[position] == [kept_tags[position]] for position in kept),
        entities_in=len(expected) + rejected,
        entities_out=len(expected & set(entities(read_back))),
        entities_rejected=rejected,
    )
