"""What kind of error: every gold and every predicted entity of a sentence in exactly one outcome."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from companion.corpora.schemes import Entity

KINDS = ("correct", "boundary", "type", "both", "missed", "spurious")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one gold entity, one predicted entity, or a pair of them.

    Taught in: book/walkthroughs/train-a-tagger
    """

    kind: str
    """One of `KINDS`."""
    sentence: int
    """Position of the sentence in the list that was scored, from 0."""
    gold: Entity | None
    """The gold entity; None for a spurious prediction."""
    predicted: Entity | None
    """The predicted entity; None for a missed one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorExample:
    """An outcome with the words around it; `str` marks gold as `[...]TYPE` and predicted as `⟨...⟩TYPE`.

    Taught in: book/walkthroughs/train-a-tagger
    """

    outcome: Outcome
    """Which entities are meant, and in which sentence."""
    words: tuple[str, ...]
    """The words of the sentence."""

    def __str__(self) -> str:
        before, after = [""] * len(self.words), [""] * len(self.words)
        spans = [(self.outcome.gold, "[", "]"), (self.outcome.predicted, "⟨", "⟩")]
        present = [(entity, left, right) for entity, left, right in spans if entity is not None]
        # The longer span opens first and closes last, so that brackets nest wherever the spans do.
        for entity, left, right in sorted(present, key=lambda span: span[0].start - span[0].end):
            before[entity.start] += left
            after[entity.end - 1] = right + visible(entity.type) + after[entity.end - 1]
        marked = " ".join(b + visible(word) + a for b, word, a in zip(before, self.words, after, strict=True))
        return f"{self.outcome.kind:<8}  sentence {self.outcome.sentence}: {marked}"

    def __repr__(self) -> str:
        return str(self)


class Examples(tuple[ErrorExample, ...]):
    """Examples in the order of the text; prints one a line, and draws itself in a notebook.

    Taught in: book/walkthroughs/train-a-tagger
    """

    __slots__ = ()

    def __str__(self) -> str:
        return "\n".join(map(str, self)) if self else "no such case"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{html.escape(str(example))}</li>" for example in self)
        legend = "gold stands in [ ], predicted in ⟨ ⟩"
        return f"<p>{legend}</p><ul>{lines}</ul>" if self else "<p>no such case</p>"


def compare(gold: Sequence[Entity], predicted: Sequence[Entity], *, sentence: int = 0) -> list[Outcome]:
    """Pair the entities of one sentence and name each outcome; both lists sorted, without overlaps inside a list.

    Overlapping pairs are taken in this order, each entity at most once: *correct* (same span, same type), *type*
    (same span), *boundary* (same type, another span), *both* (other type, another span); within a kind the larger
    overlap in words first, then the leftmost. What is left is *missed* (gold) or *spurious* (predicted). So

        gold      = correct + type + boundary + both + missed
        predicted = correct + type + boundary + both + spurious

    Taught in: book/walkthroughs/train-a-tagger
    """
    free_gold, free_predicted = set(gold), set(predicted)
    outcomes = []
    for rank, _, g, p in sorted(_overlaps(gold, predicted)):
        if g in free_gold and p in free_predicted:
            free_gold.remove(g)
            free_predicted.remove(p)
            kind = ("correct", "type", "boundary", "both")[rank]
            outcomes.append(Outcome(kind=kind, sentence=sentence, gold=g, predicted=p))
    outcomes += [Outcome(kind="missed", sentence=sentence, gold=g, predicted=None) for g in free_gold]
    outcomes += [Outcome(kind="spurious", sentence=sentence, gold=None, predicted=p) for p in free_predicted]
    return sorted(outcomes, key=lambda outcome: outcome.gold or outcome.predicted)


def visible(text: str) -> str:
    """The text with control, format and other unprintable characters spelled as `\\u....`, safe for a terminal.

    Taught in: book/walkthroughs/train-a-tagger
    """
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _overlaps(gold: Sequence[Entity], predicted: Sequence[Entity]) -> Iterator[tuple[int, int, Entity, Entity]]:
    """Every overlapping pair with its rank and minus the words shared, in one pass over both sorted lists."""
    i = j = 0
    while i < len(gold) and j < len(predicted):
        g, p = gold[i], predicted[j]
        shared = min(g.end, p.end) - max(g.start, p.start)
        if shared > 0:
            same_span = (g.start, g.end) == (p.start, p.end)
            yield (0 if same_span else 2) + (g.type != p.type), -shared, g, p
        if g.end <= p.end:
            i += 1
        else:
            j += 1
