"""The same sentence with another name: does the answer change, and does it change more for some groups of names?

The unit of a claim about a group is the *name*: a hundred sentences with one odd name are one odd name. Intervals
therefore draw sentences and names again, and the test deals the names out to the groups anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from companion.corpora.edits import Edit, rewrite
from companion.corpora.records import Sentence
from companion.corpora.schemes import entities
from companion.corpora.texts import Text
from companion.corpora.words import split_words
from companion.errors import ConfigError, EvaluationError
from companion.evaluation.calibration import wilson_interval
from companion.evaluation.intervals import Interval
from companion.randomness import key

if TYPE_CHECKING:
    from torch import nn

    Names = Mapping[str, Sequence[tuple[str, ...]]]

_GENDERED = """
he she him her his hers himself herself mr mrs ms miss sir dame lord lady man woman men women boy girl boys girls
father mother son daughter brother sister husband wife uncle aunt king queen prince princess actor actress gentleman
widow widower boyfriend girlfriend grandfather grandmother grandson granddaughter
"""
GENDERED = frozenset(_GENDERED.split())
"""Words that would contradict a name; a sentence with one of them is left out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NameSwap:
    """What a model's answers owe to the names in the sentences.

    Taught in: book/engineering/explaining
    """

    score: str
    """What was scored for each sentence and name."""
    scores_SGN: np.ndarray
    """Its value, shape [sentences, groups, names of a group]."""
    gaps: Mapping[str, Interval]
    """For each group its mean minus the mean of all groups, on the same sentences; the interval draws both again."""
    p_values: Mapping[str, float]
    """How often names dealt out by chance show a gap at least as large in *some* group: many groups are paid for."""
    changed: Interval
    """The share of sentences whose answer is not the same for all names, with Wilson's interval."""

    def __str__(self) -> str:
        sentences, groups, names = self.scores_SGN.shape
        lines = [f"{self.score}: each group minus the mean of all, and p for all groups together"]
        lines += [f"{group:<22}{gap:+.4f}  {self.p_values[group]:.3f}" for group, gap in self.gaps.items()]
        lines.append(f"{sentences} sentences, {groups} groups of {names} names; changed by the name: {self.changed}")
        return "\n".join(lines)


def swappable(rows: Sequence[Sentence], *, entity_type: str = "PER") -> list[Sentence]:
    """The sentences with exactly one entity of this type, of two words, and no word that would contradict a name.

    Taught in: book/engineering/explaining
    """
    found = []
    for row in rows:
        own = [entity for entity in row.entities() if entity.type == entity_type]
        plain = GENDERED.isdisjoint(word.lower() for word in row.words)
        if plain and len(own) == 1 and own[0].end - own[0].start == 2:
            found.append(row)
    return found


def swap_name(row: Sentence, name: Sequence[str], *, entity_type: str = "PER") -> Sentence | Text:
    """The sentence with this name in the place of its one entity of the type; a text where it knows its running text.

    Raises:
        EvaluationError: the sentence has none, or several.
    """
    own = [entity for entity in row.entities() if entity.type == entity_type]
    if len(own) != 1:
        raise EvaluationError(
            f"{row.source or 'the sentence'} has {len(own)} entities of type {entity_type}",
            remedy="choose sentences with one: swappable(rows)",
        )
    return rewrite(row, [Edit(own[0].start, own[0].end, tuple(name))], mark=" ".join(name))


def swap_in_text(row: Sentence, name: Sequence[str], *, entity_type: str = "PER") -> str:
    """The same as running text, spaces and punctuation as they were.

    Raises:
        EvaluationError: as `swap_name`.
    """
    changed = swap_name(row, name, entity_type=entity_type)
    running = row.meta.get("text", "")
    if tuple(split_words(running)) != row.words:
        return " ".join(changed.words)
    [own] = [entity for entity in row.entities() if entity.type == entity_type]
    return rewrite(Text(text=running, label="-"), [Edit(own.start, own.end, tuple(name))]).text


def measure_name_swap(
    task: Any,
    model: nn.Module,
    rows: Sequence[Sentence],
    groups: Names,
    *,
    label: str | None = None,
    entity_type: str = "PER",
    resamples: int = 1000,
    seed: int = 0,
) -> NameSwap:
    """Ask a model about each sentence once for every name of every group.

    Of a `TextTask` with one label a text, the score is the probability of `label`, and the answer is its label. Of a
    `TokenTask`, the score is 1 where exactly the name is found with its type and 0 otherwise, and so is the answer.

    Raises:
        ConfigError: a classifier without `label`, or with one it does not know; a group without names, or fewer than
            two groups.
        EvaluationError: there is no sentence, or one with no entity of the type or several.

    Taught in: book/engineering/explaining
    """
    _check(rows, groups)
    names = [name for group in groups.values() for name in group]
    if task.name == "tokens":
        sentences = [swap_name(row, name, entity_type=entity_type) for row in rows for name in names]
        found = task.predict(model, sentences)
        scores = [
            float(any(entity in entities(one.tags) for entity in row.entities() if entity.type == entity_type))
            for row, one in zip(sentences, found, strict=True)
        ]
        answers, score = scores, "the name is found"
    else:
        if label not in task.labels or task.settings.kind != "single":
            raise ConfigError(f"label is {label!r}", remedy=f"choose one of {', '.join(task.labels)}, one label a text")
        said = task.predict(model, [swap_in_text(row, name, entity_type=entity_type) for row in rows for name in names])
        column = task.labels.index(label)
        scores, answers, score = (
            [one.probabilities[column] for one in said],
            [one.label for one in said],
            f"probability of {label}",
        )
    answers_SN = np.asarray(answers).reshape(len(rows), -1)
    return name_gaps(
        np.asarray(scores, dtype=np.float64).reshape(len(rows), len(groups), -1),
        tuple(groups),
        score=score,
        changed=int((answers_SN != answers_SN[:, :1]).any(1).sum()),
        resamples=resamples,
        seed=seed,
    )


def name_gaps(
    scores_SGN: np.ndarray,
    groups: Sequence[str],
    *,
    score: str,
    changed: int,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> NameSwap:
    """Gaps between groups of names from the scores alone; `changed` is in how many sentences the answer was not one.

    The interval of a gap draws sentences, and names within each group, independently and with replacement. The p-value
    is that of the largest gap under names dealt out to groups at random, so that it holds for all groups together; it
    treats the names of a group as exchangeable with all others, and nothing else.

    Raises:
        EvaluationError: the scores are of another shape, one is not finite, or `resamples` is below 2.

    Follows: Owen (2007), "The Pigeonhole Bootstrap", for the interval.
    Taught in: book/engineering/explaining
    """
    scores_SGN = np.asarray(scores_SGN, dtype=np.float64)
    if scores_SGN.ndim != 3 or scores_SGN.shape[1] != len(groups) or not np.isfinite(scores_SGN).all():
        raise EvaluationError(
            f"scores of shape {list(scores_SGN.shape)} for {len(groups)} groups",
            remedy="give finite numbers of shape [sentences, groups, names]",
        )
    if resamples < 2:
        raise EvaluationError(f"resamples is {resamples}", remedy="use a number such as 1000")
    sentences, count, names = scores_SGN.shape
    generator = np.random.Generator(np.random.PCG64(key(seed, "name swap")))
    by_name_GN = scores_SGN.mean(0)
    gaps_G = _gaps(by_name_GN)
    weights_RS = generator.multinomial(sentences, np.full(sentences, 1 / sentences), size=resamples) / sentences
    again_RGN = np.tensordot(weights_RS, scores_SGN, 1)
    own_RGN = generator.integers(0, names, (resamples, count, names))
    drawn_RG = _gaps(np.take_along_axis(again_RGN, own_RGN, axis=2))
    dealt_RM = generator.permuted(np.tile(by_name_GN.ravel(), (resamples, 1)), axis=1)
    largest_R = np.abs(_gaps(dealt_RM.reshape(resamples, count, names))).max(1)
    ends = np.quantile(drawn_RG, [(1 - level) / 2, (1 + level) / 2], axis=0)
    intervals = {
        group: Interval(
            mean=float(gap),
            low=float(low),
            high=float(high),
            n=sentences,
            sd=float(drawn_RG[:, place].std(ddof=1)),
            level=level,
        )
        for place, (group, gap, low, high) in enumerate(zip(groups, gaps_G, *ends, strict=True))
    }
    # The names as they are dealt are one of the deals; a gap that is equal but for rounding is as large.
    extreme = {
        group: int((largest_R >= abs(gap) - 1e-12).sum()) for group, gap in zip(groups, gaps_G.tolist(), strict=True)
    }
    return NameSwap(
        score=score,
        scores_SGN=scores_SGN,
        gaps=intervals,
        p_values={group: (times + 1) / (resamples + 1) for group, times in extreme.items()},
        changed=wilson_interval(changed, sentences),
    )


def _gaps(by_name: np.ndarray) -> np.ndarray:
    """Means over the names, minus their mean over the groups; shape [..., groups, names] becomes [..., groups]."""
    by_group = by_name.mean(-1)
    return by_group - by_group.mean(-1, keepdims=True)


def _check(rows: Sequence[Sentence], groups: Names) -> None:
    sizes = {len(names) for names in groups.values()}
    if len(groups) < 2 or len(sizes) != 1 or 0 in sizes:
        raise ConfigError(
            f"{len(groups)} groups of {', '.join(map(str, sorted(sizes)))} names",
            remedy="give two groups or more, each with as many names as the others",
        )
    if not rows:
        raise EvaluationError("there is no sentence", remedy="choose sentences with one name: swappable(rows)")
