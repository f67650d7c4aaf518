"""The entity report: numbers for a program, a table for people, sentences for a doubt."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from companion.corpora.text_table import TextTable
from companion.errors import EvaluationError
from companion.evaluation.counts import Counts, EntityCounts
from companion.evaluation.intervals import Interval
from companion.evaluation.taxonomy import KINDS, ErrorExample, Examples, Outcome, visible


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceRecall:
    """Recall over one group of names, with its bootstrap interval by sentence.

    Taught in: book/walkthroughs/train-a-tagger
    """

    recall: Interval
    """Share of these gold entities that were found."""
    found: int
    """How many were found."""
    gold: int
    """How many there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EntityReport:
    """Entity scores of one system on one list of sentences; `print` it, or let a notebook draw it.

    Micro scores pool all entities. Macro scores are plain means over the types that have gold entities: a type that is
    only predicted lowers micro precision and is listed with support 0, but adds no zero to the macro mean
    (scikit-learn's and seqeval's defaults add one). A mean leaves out types whose ratio is 0/0.

    Taught in: book/walkthroughs/train-a-tagger
    """

    f1: Interval
    """Micro F1 with its 95 % bootstrap interval by sentence."""
    per_type: Mapping[str, Counts]
    """Counts of each type that occurs in gold or prediction, sorted by name."""
    seen: SurfaceRecall | None
    """Recall on names that occur in training; None when no training names were given."""
    unseen: SurfaceRecall | None
    """Recall on names that do not occur in training; None when no training names were given."""
    scheme: str
    """Tag scheme of both sides."""
    strict: bool
    """Whether only well-formed entities were counted."""
    sentences: int
    """How many sentences were scored."""
    ill_formed: Mapping[str, int]
    """How many `gold` and `predicted` tags break the scheme."""
    bootstrap: int
    """Resamples behind the intervals; 0 for none."""
    seed: int
    """Seed of the resamples."""
    counts: tuple[EntityCounts, ...]
    """The counts of each sentence, for tests that pair two systems."""
    outcomes: tuple[Outcome, ...]
    """What became of every gold and every predicted entity."""
    words: Sequence[Sequence[str]] | None
    """The words that were scored, if they were given."""

    @property
    def micro(self) -> Counts:
        """The counts over all types."""
        return sum(self.per_type.values(), Counts())

    @property
    def entity_f1(self) -> float | None:
        """Micro F1; None when there is neither a gold nor a predicted entity."""
        return self.micro.f1

    @property
    def low(self) -> float | None:
        """Lower end of the interval of micro F1."""
        return self.f1.low

    @property
    def high(self) -> float | None:
        """Upper end of the interval of micro F1."""
        return self.f1.high

    @property
    def precision(self) -> float | None:
        """Micro precision."""
        return self.micro.precision

    @property
    def recall(self) -> float | None:
        """Micro recall."""
        return self.micro.recall

    @property
    def macro(self) -> dict[str, float | None]:
        """Mean precision, recall and F1 over the types with gold entities."""
        rows = [counts for counts in self.per_type.values() if counts.gold]
        return {name: _mean(getattr(row, name) for row in rows) for name in ("precision", "recall", "f1")}

    @property
    def errors(self) -> dict[str, int]:
        """How often each kind of outcome occurred; see `compare` for the rule."""
        found = Counter(outcome.kind for outcome in self.outcomes)
        return {kind: found[kind] for kind in KINDS}

    def examples(self, kind: str, n: int = 3) -> Examples:
        """The first `n` outcomes of a kind, with their sentences.

        Raises: EvaluationError for an unknown kind, or a report made without words.
        Taught in: book/walkthroughs/train-a-tagger
        """
        if kind not in KINDS:
            raise EvaluationError(f"unknown kind of outcome {kind!r}", remedy=f"use one of {', '.join(KINDS)}")
        if self.words is None:
            raise EvaluationError(
                "examples need the words of the sentences",
                remedy="pass words=[sentence.words for sentence in corpus.test] to score_entities",
            )
        chosen = [outcome for outcome in self.outcomes if outcome.kind == kind][: max(n, 0)]
        return Examples(ErrorExample(outcome=o, words=tuple(self.words[o.sentence])) for o in chosen)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain JSON values; None stands for undefined.

        Taught in: book/walkthroughs/train-a-tagger
        """
        return {
            "entity_f1": self.entity_f1,
            "low": self.low,
            "high": self.high,
            "precision": self.precision,
            "recall": self.recall,
            **{name: getattr(self.micro, name) for name in ("correct", "predicted", "gold")},
            "macro": self.macro,
            "per_type": {name: _scores(counts) for name, counts in self.per_type.items()},
            "seen": _group(self.seen),
            "unseen": _group(self.unseen),
            "errors": self.errors,
            "ill_formed": dict(self.ill_formed),
            "strict": self.strict,
            "scheme": self.scheme,
            "sentences": self.sentences,
            "bootstrap": {
                "resamples": self.bootstrap,
                "seed": self.seed,
                "level": self.f1.level,
                "undefined": self.f1.undefined,
            },
        }

    def to_text(self, width: int | None = None) -> str:
        """The scores as a table, within `width` columns of the screen if it is given, and the notes."""
        heading, *rows = self._rows()
        rows.insert(len(self.per_type), None)
        table = TextTable(heading=heading, rows=rows, left=1, least=10)
        return "\n".join([table.text(width), "", *self._notes()])

    def __str__(self) -> str:
        return self.to_text()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return html_table(self._rows(), self._notes())

    def _rows(self) -> list[list[str]]:
        named = [(visible(name), counts) for name, counts in self.per_type.items()] + [("micro", self.micro)]
        rows = [["", "precision", "recall", "f1", "gold", "predicted"]]
        rows += [
            [name, *map(_number, (c.precision, c.recall, c.f1)), f"{c.gold:,}", f"{c.predicted:,}"] for name, c in named
        ]
        return [*rows, ["macro", *map(_number, self.macro.values()), "", ""]]

    def _notes(self) -> list[str]:
        reading = "strict" if self.strict else "lenient"
        notes = [f"entity F1 {self.f1}, {reading} {self.scheme}, {self.sentences:,} sentences"]
        if self.f1.low is not None:
            notes.append(f"in brackets the {self.f1.level:.0%} interval, {self.bootstrap:,} resamples of sentences")
        if self.f1.undefined:
            notes.append(f"{self.f1.undefined:,} resamples held no entity at all and were left out")
        for name, group in (("seen in training", self.seen), ("not seen in training", self.unseen)):
            if group is not None:
                notes.append(f"recall on names {name}: {group.recall} ({group.found:,} of {group.gold:,})")
        notes.append("outcomes: " + ", ".join(f"{kind} {number:,}" for kind, number in self.errors.items()))
        for side, number in self.ill_formed.items():
            if number:
                effect = "form no entity here" if self.strict else "were read leniently"
                notes.append(f"{number:,} {side} tags break {self.scheme} and {effect}")
        return notes


def html_table(rows: Sequence[Sequence[str]], notes: Iterable[str]) -> str:
    """A report's rows, the first of which is the header, and its notes, as a notebook shows them."""
    style = "text-align: right; padding: 0.15em 0.8em; border-bottom: 1px solid currentColor"
    head, *body = rows
    cells = "".join(f'<th scope="col" style="{style}">{html.escape(cell)}</th>' for cell in head)
    lines = [f"<tr>{cells}</tr>"]
    for name, *numbers in body:
        cells = "".join(f'<td style="{style}">{html.escape(number)}</td>' for number in numbers)
        lines.append(f'<tr><th scope="row" style="{style}">{html.escape(name)}</th>{cells}</tr>')
    table = f'<table style="border-collapse: collapse">{"".join(lines)}</table>'
    return f'<div style="overflow-x: auto">{table}</div><p>{"<br>".join(map(html.escape, notes))}</p>'


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined) if defined else None


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def _scores(counts: Counts) -> dict[str, float | int | None]:
    ratios = {"precision": counts.precision, "recall": counts.recall, "f1": counts.f1}
    return {**ratios, "support": counts.gold, **asdict(counts)}


def _group(group: SurfaceRecall | None) -> dict[str, float | int | None] | None:
    if group is None:
        return None
    interval = group.recall
    return {
        "recall": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "found": group.found,
        "gold": group.gold,
    }
