"""The data report: what a corpus holds, what was changed on the way, and what should worry you before training."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from companion.corpora.records import SPLITS, Corpus, Sentence
from companion.corpora.text_table import TextTable

if TYPE_CHECKING:
    from companion.corpora.texts import TextCorpus

LONG = 200
"""Words of a sentence that is hardly one, where it is the only one of its split."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """Sentences of a split whose words also stand in train."""

    sentences: int
    """Sentences of the split."""
    repeated: int
    """How many of them train holds too, word for word."""
    contradicted: int
    """How many of those have other tags in train."""

    @property
    def share(self) -> float:
        """Repeated sentences as a share of the split; 0 for an empty split."""
        return self.repeated / self.sentences if self.sentences else 0.0


@dataclass(kw_only=True, slots=True)
class SplitSummary:
    """What one pass over a split finds."""

    sentences: int = 0
    """Number of sentences."""
    words: int = 0
    """Number of words."""
    longest: int = 0
    """Words of the longest sentence."""
    longest_source: str = ""
    """Where the longest sentence stands."""
    without_entities: int = 0
    """Sentences in which every tag is `O`."""
    duplicates: int = 0
    """Sentences that an earlier one of the split repeats word for word."""
    types: Counter[str] = field(default_factory=Counter)
    """Entities by type."""
    surfaces: set[str] = field(default_factory=set)
    """Distinct surface forms of entities, without regard to upper and lower case."""


def summarise(sentences: Iterable[Sentence]) -> SplitSummary:
    """Count one split in one pass.

    Taught in: book/walkthroughs/train-a-tagger
    """
    summary = SplitSummary()
    seen: set[int] = set()
    for sentence in sentences:
        length = len(sentence.words)
        summary.sentences += 1
        summary.words += length
        if length > summary.longest:
            summary.longest, summary.longest_source = length, sentence.source
        found = sentence.entities()
        summary.without_entities += not found
        summary.types.update(entity.type for entity in found)
        summary.surfaces.update(sentence.surface(entity).casefold() for entity in found)
        identity = hash(sentence.words)
        summary.duplicates += identity in seen
        seen.add(identity)
    return summary


def overlap(corpus: Corpus, split: str) -> Overlap:
    """How much of a split also stands in train, word for word.

    Taught in: book/walkthroughs/train-a-tagger
    """
    other: Sequence[Sentence] = getattr(corpus, split)
    if not len(other):
        return Overlap(sentences=0, repeated=0, contradicted=0)
    tags_of: dict[tuple[str, ...], set[tuple[str, ...]]] = {sentence.words: set() for sentence in other}
    for sentence in corpus.train:
        if sentence.words in tags_of:
            tags_of[sentence.words].add(sentence.tags)
    repeated = [sentence for sentence in other if tags_of[sentence.words]]
    contradicted = sum(sentence.tags not in tags_of[sentence.words] for sentence in repeated)
    return Overlap(sentences=len(other), repeated=len(repeated), contradicted=contradicted)


def unseen_share(train: SplitSummary, other: SplitSummary) -> float | None:
    """The share of a split's distinct surface forms that no entity of train has, ignoring case; None without entities.

    Taught in: book/walkthroughs/train-a-tagger
    """
    if not other.surfaces:
        return None
    return len(other.surfaces - train.surfaces) / len(other.surfaces)


def alike(names: Iterable[str]) -> list[str]:
    """Names that differ in capitals, in what parts their words, or in how a number is written, and are probably one.

    Taught in: book/reference/api/data
    """
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(_bare(name), []).append(repr(name))
    return [" and ".join([", ".join(group[:-1]), group[-1]]) for group in groups.values() if len(group) > 1]


def is_number(text: str) -> bool:
    """Whether a text is a number and nothing else."""
    try:
        return isfinite(float(text))
    except ValueError:
        return False


def doubts(corpus: TextCorpus, labels: Sequence[str]) -> list[str]:
    """What should worry the owner of labelled texts: labels that are nearly one, numbers for texts, repeated rows."""
    same = alike(labels)
    found = ["; ".join(f"{group} are different labels here" for group in same)] if same else []
    if corpus.train and all(is_number(text) for row in corpus.train for text in row.texts):
        found.append(
            f"all texts of train are numbers (first: {corpus.train[0].text!r}): is this the column of the texts?"
        )
    held = {row.texts for row in corpus.train}
    for name in SPLITS[1:]:
        if again := sum(row.texts in held for row in getattr(corpus, name)):
            found.append(f"{again:,} texts of {name} also stand in train")
    return found


def _bare(name: str) -> str:
    return str(float(name)) if is_number(name) else re.sub(r"(?<=\w)[-_ ](?=\w)", " ", name.casefold())


def describe(corpus: Corpus) -> str:
    """The data report as text.

    Taught in: book/walkthroughs/labels-meet-word-pieces
    """
    summaries = {split: summarise(part) for split, part in corpus.splits.items()}
    meetings = {split: overlap(corpus, split) for split in summaries if split != "train"}
    heading = ["split", "sentences", "words", "entities", "no entity", "longest", "also in train", "new surface forms"]
    rows = []
    for split, summary in summaries.items():
        new = None if split == "train" else unseen_share(summaries.get("train", SplitSummary()), summary)
        rows.append(
            [
                split,
                f"{summary.sentences:,}",
                f"{summary.words:,}",
                f"{sum(summary.types.values()):,}",
                f"{summary.without_entities:,}",
                f"{summary.longest:,}",
                f"{meetings[split].repeated:,} ({meetings[split].share:.1%})" if split in meetings else "-",
                "-" if new is None else f"{new:.1%} of {len(summary.surfaces):,}",
            ]
        )
    kinds = [[kind, *(f"{summary.types[kind]:,}" for summary in summaries.values())] for kind in corpus.types]
    tables = [TextTable(heading=heading, rows=rows, left=1, ruled=False)]
    tables += [TextTable(heading=["type", *summaries], rows=kinds, left=1, ruled=False)] if kinds else []
    title = " · ".join(part for part in (corpus.name, corpus.licence) if part)
    blocks = [title, *(table.text() for table in tables), *([] if kinds else ["no entities"])]
    report = corpus.report
    blocks += [_listing("repairs", report.repairs, report.places), _listing("left out", report.skipped, {})]
    blocks += ["\n".join(f"note: {note}" for note in report.notes)]
    blocks += ["\n".join(f"warning: {text}" for text in warnings(corpus, summaries, meetings))]
    return "\n\n".join(block for block in blocks if block)


def warnings(corpus: Corpus, summaries: Mapping[str, SplitSummary], meetings: Mapping[str, Overlap]) -> list[str]:
    """What should be looked at before training, one sentence each.

    Taught in: book/walkthroughs/train-a-tagger
    """
    found = []
    train = summaries.get("train", SplitSummary())
    for kind in corpus.types:
        if not train.types[kind]:
            where = ", ".join(split for split, summary in summaries.items() if summary.types[kind]) or "no split"
            found.append(f"the type {kind} never occurs in train (only in {where}): it cannot be learned")
        elif train.types[kind] == 1:
            found.append(f"the type {kind} occurs once in train")
    found += [f"{group} are different types here" for group in alike(corpus.types)]
    for split, summary in summaries.items():
        if summary.sentences == 1 and summary.words > LONG:
            found.append(
                f"all of {split} is one sentence of {summary.words:,} words: "
                "are the empty lines between sentences missing?"
            )
        if not summary.types:
            found.append(f"{split} holds no entity: precision, recall and F1 are undefined there")
        if summary.duplicates:
            found.append(f"sentences of {split} that repeat an earlier one of {split}: {summary.duplicates:,}")
    for split, meeting in meetings.items():
        if meeting.contradicted:
            found.append(f"sentences of {split} that stand in train with other tags: {meeting.contradicted:,}")
    found += [f"there is no {split} split" for split in SPLITS if split not in summaries]
    return found


def _listing(title: str, counts: Mapping[str, int], places: Mapping[str, Sequence[str]]) -> str:
    lines = []
    for kind, number in sorted(counts.items()):
        where = f" (first: {', '.join(places[kind][:3])})" if kind in places else ""
        lines.append(f"{title}: {number:,} × {kind}{where}")
    return "\n".join(lines)
