"""Two passes over the same sentences: how far the annotation agrees with itself, and what was decided where it did not.

Repeat agreement is no accuracy. Where both passes were made by the same kind of annotator (here a language model that
did not see its first answers), it is an upper bound on how much of the labels a rule of annotation pins down.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from companion.corpora.annotated import read_articles
from companion.corpora.location import data_root
from companion.corpora.manifest import verify_file
from companion.corpora.records import Sentence
from companion.corpora.text import read_text, split_lines
from companion.errors import DataError, EvaluationError
from companion.evaluation.entities import score_entities
from companion.evaluation.intervals import Interval

FOLDER = "newsroom/agreement"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One sentence on which the passes differ, and what became of it."""

    sentence: str
    """Its name, such as `markets-003#2`."""
    what: str
    """"entities", "sentiment" or "both"."""
    adopted: str
    """"first", "second" or "neither"."""
    reason: str
    """Why, in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RepeatAgreement:
    """How far two passes agree.

    Taught in: book/reference/newsroom
    """

    sentences: int
    """Sentences in both passes."""
    entity_f1: Interval
    """Entity F1 of one pass against the other (it is symmetric), with its 95 % interval by sentence."""
    per_type: Mapping[str, float | None]
    """The same for each type."""
    kappa: float | None
    """Cohen's kappa of the sentence labels; None where chance agreement is certain."""
    same_label: float
    """The share of sentences with the same label."""
    decisions: Mapping[str, int]
    """How often the first pass, the second or neither was adopted."""


def repeat_agreement(
    first: Sequence[Sentence],
    second: Sequence[Sentence],
    *,
    field: str = "sentiment",
    decisions: Sequence[Decision] = (),
) -> RepeatAgreement:
    """Compare two passes over the same sentences in the same order.

    Raises:
        EvaluationError: the passes differ in their number of sentences or in the words of one.

    Taught in: book/reference/newsroom
    """
    if len(first) != len(second):
        raise EvaluationError(f"{len(first)} sentences in the first pass, {len(second)} in the second")
    for one, other in zip(first, second, strict=True):
        if one.words != other.words:
            raise EvaluationError(
                f"{one.source}: the passes differ in their words", remedy="A second pass may change labels only."
            )
    report = score_entities([row.tags for row in first], [row.tags for row in second])
    labels = [row.meta.get(field, "") for row in first], [row.meta.get(field, "") for row in second]
    return RepeatAgreement(
        sentences=len(first),
        entity_f1=report.f1,
        per_type={kind: counts.f1 for kind, counts in sorted(report.per_type.items())},
        kappa=cohen_kappa(*labels),
        same_label=sum(one == other for one, other in zip(*labels, strict=True)) / len(first),
        decisions=dict(Counter(decision.adopted for decision in decisions)),
    )


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Agreement beyond chance of two labellings (Cohen 1960); None where chance alone would agree always.

    Raises:
        EvaluationError: the labellings differ in length, or are empty.

    Taught in: book/reference/newsroom
    """
    if len(first) != len(second) or not first:
        raise EvaluationError(f"{len(first)} labels and {len(second)}", remedy="Give two labels for every item.")
    total = len(first)
    observed = sum(one == other for one, other in zip(first, second, strict=True)) / total
    left, right = Counter(first), Counter(second)
    chance = sum(left[label] * right[label] for label in left) / total**2
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)


def load_passes() -> tuple[list[Sentence], list[Sentence], list[Decision]]:
    """Both passes over a sample of Newsroom and the decisions, every file verified by its digest.

    Raises:
        DataError: a file is missing, altered, or cannot be read.

    Taught in: book/reference/newsroom
    """
    root = data_root()
    passes = []
    for name in ("first-pass.txt", "second-pass.txt"):
        path = verify_file(root, f"{FOLDER}/{name}")
        passes.append([sentence for article in read_articles(path) for sentence in article.sentences])
    return passes[0], passes[1], read_decisions(verify_file(root, f"{FOLDER}/decisions.jsonl"))


def read_decisions(path: Path) -> list[Decision]:
    """The decisions of a JSONL file.

    Raises:
        DataError: with file and line, for a line that is no decision.

    Taught in: book/reference/newsroom
    """
    found = []
    for number, line in enumerate(split_lines(read_text(path)), start=1):
        try:
            decision = Decision(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise DataError(f"this is no decision: {error}", file=path, line=number) from error
        if decision.adopted not in {"first", "second", "neither"} or not decision.reason.strip():
            raise DataError(
                "a decision adopts first, second or neither, and says why",
                file=path,
                line=number,
                remedy='Give "adopted" and "reason".',
            )
        found.append(decision)
    return found
