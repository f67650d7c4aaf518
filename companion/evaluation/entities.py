"""Entity precision, recall and F1: whole names counted, with an interval, seen and unseen names, and kinds of error."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence, Sized
from typing import TYPE_CHECKING

import numpy as np

from companion.corpora.schemes import Entity, entities, scheme_name
from companion.errors import DataError, EvaluationError
from companion.evaluation.intervals import bootstrap_interval
from companion.evaluation.report import EntityReport, SurfaceRecall
from companion.evaluation.spans import Spans, count_spans, find_spans
from companion.evaluation.taxonomy import Outcome, compare

if TYPE_CHECKING:
    from companion.corpora.records import Sentence


def surface_forms(sentences: Iterable[Sentence], *, scheme: str = "IOB2", strict: bool = True) -> set[str]:
    """The names that occur as entities in these sentences: words joined by a space, case folded.

    Raises: DataError for a string that is no tag.
    Taught in: book/walkthroughs/train-a-tagger
    """
    return {
        _surface(sentence.words, entity)
        for sentence in sentences
        for entity in entities(sentence.tags, scheme=scheme, strict=strict)
    }


def score_entities(
    gold: Sequence[Sequence[str]],
    predicted: Sequence[Sequence[str]],
    *,
    strict: bool = True,
    scheme: str = "IOB2",
    words: Sequence[Sequence[str]] | None = None,
    seen_surfaces: Collection[str] | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> EntityReport:
    """Compare two lists of tag rows, one row a sentence, entity by entity.

    `strict` counts only well-formed entities (seqeval's `mode="strict"`); otherwise an entity also starts at an `I-`
    that continues nothing (conlleval, seqeval's default). Tags that break the scheme are counted in the report either
    way. `words` makes examples possible; with `seen_surfaces` (see `surface_forms`) recall is split into names that
    occur in training and names that do not. `bootstrap` is the number of resamples of sentences for the 95 %
    interval of micro F1, 0 for none.

    Raises: EvaluationError, with the position of the sentence from 0, for rows of different length, an empty row, a
        string that is no tag of the scheme; also for no sentence at all, or `seen_surfaces` without `words`.
    Follows: Nakayama (2018), seqeval; Tjong Kim Sang and Buchholz (2000), conlleval.
    Taught in: book/walkthroughs/train-a-tagger
    """
    _check_lengths(gold, predicted, words)
    if seen_surfaces is not None and words is None:
        raise EvaluationError(
            "seen and unseen names cannot be told apart without the words",
            remedy="pass words=[sentence.words for sentence in corpus.test] as well",
        )
    try:
        scheme = scheme_name(scheme)
    except DataError as error:
        raise EvaluationError(error.problem, remedy=error.remedy) from error
    sides = {"gold": gold, "predicted": predicted}
    try:
        spans = find_spans(tuple(sides.values()), scheme=scheme, strict=strict)
    except (DataError, TypeError):
        _name_the_sentence(sides, scheme)
        raise
    table, per_type, counts = count_spans(*spans)
    outcomes = _outcomes(*spans)
    f1 = bootstrap_interval(entity_f1_of, table, resamples=bootstrap, seed=seed)
    seen = unseen = None
    if seen_surfaces is not None and words is not None:
        known = {surface.casefold() for surface in seen_surfaces}
        seen, unseen = (_recall(outcomes, words, known, wanted, bootstrap, seed) for wanted in (True, False))
    return EntityReport(
        f1=f1,
        per_type=per_type,
        seen=seen,
        unseen=unseen,
        scheme=scheme,
        strict=strict,
        sentences=len(counts),
        ill_formed={side: read.ill_formed for side, read in zip(sides, spans, strict=True)},
        bootstrap=bootstrap,
        seed=seed,
        counts=counts,
        outcomes=tuple(outcomes),
        words=words,
    )


def entity_f1_of(sums: np.ndarray) -> np.ndarray:
    """The micro F1 of each row of summed (correct, predicted, gold); NaN where there is neither kind of entity.

    Taught in: book/walkthroughs/honest-experiments
    """
    return _ratio(np.stack([2 * sums[:, 0], sums[:, 1] + sums[:, 2]], axis=1))


def _outcomes(gold: Spans, predicted: Spans) -> list[Outcome]:
    """What became of every entity, sentence by sentence."""
    outcomes: list[Outcome] = []
    (all_gold, gold_cuts), (all_predicted, cuts) = ((side.entities(), side.cuts()) for side in (gold, predicted))
    for index in np.union1d(gold.sentence, predicted.sentence).tolist():
        there, said = all_gold[gold_cuts[index] : gold_cuts[index + 1]], all_predicted[cuts[index] : cuts[index + 1]]
        if there == said:
            outcomes += [Outcome(kind="correct", sentence=index, gold=entity, predicted=entity) for entity in there]
        else:
            outcomes += compare(there, said, sentence=index)
    return outcomes


def _name_the_sentence(sides: Mapping[str, Sequence[Sequence[str]]], scheme: str) -> None:
    """Something is no tag of the scheme: say where it stands first."""
    for index, rows in enumerate(zip(*sides.values(), strict=True)):
        for side, row in zip(sides, rows, strict=True):
            try:
                if strange := [tag for tag in row if not isinstance(tag, str)]:
                    raise DataError(f"{strange[0]!r} is not a string")
                entities(row, scheme=scheme)
            except DataError as error:
                raise EvaluationError(
                    f"sentence {index}, {side} tags: {error.problem}",
                    remedy=f"a tag is 'O' or a prefix of {scheme}, a hyphen and a type, such as 'B-PER'; map the tags "
                    "first, or name their scheme with scheme=",
                ) from error


def _check_lengths(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]], words: Sequence[Sequence[str]] | None
) -> None:
    sides = {"gold": gold, "predicted": predicted} | ({} if words is None else {"words": words})
    if len({len(rows) for rows in sides.values()}) > 1:
        lengths = ", ".join(f"{side} {len(rows)}" for side, rows in sides.items())
        first = min(len(rows) for rows in sides.values())
        raise EvaluationError(
            f"different numbers of sentences ({lengths}); sentence {first} has no partner",
            remedy="pass one row for each sentence on every side, in the same order",
        )
    if len(gold) == 0:
        raise EvaluationError("no sentence to score", remedy="pass at least one sentence; is the split empty?")
    if _all_fit(sides.values()):
        return
    for index, rows in enumerate(zip(*sides.values(), strict=True)):
        for side, row in zip(sides, rows, strict=True):
            if isinstance(row, str) or not isinstance(row, Sized):
                raise EvaluationError(
                    f"sentence {index}, {side}: a list of strings is needed, got {row!r}",
                    remedy="pass a list of sentences, each a list of strings",
                )
        lengths = {side: len(row) for side, row in zip(sides, rows, strict=True)}
        if len(set(lengths.values())) > 1:
            raise EvaluationError(
                f"sentence {index} has rows of different length: "
                + ", ".join(f"{side} {length}" for side, length in lengths.items()),
                remedy="predict one tag for each word; long sentences must be windowed, not cut",
            )
        if len(rows[0]) == 0:
            raise EvaluationError(f"sentence {index} is empty", remedy="leave out sentences without words")


def _all_fit(sides: Iterable[Sequence[Sequence[str]]]) -> bool:
    """Whether every row is one, and as long as its partners; told quickly, since it nearly always is so."""
    sides = list(sides)
    if any(
        issubclass(kind, str) or not issubclass(kind, Sized) for kind in {type(row) for rows in sides for row in rows}
    ):
        return False
    lengths = [list(map(len, rows)) for rows in sides]
    return all(lengths[0]) and all(other == lengths[0] for other in lengths[1:])


def _recall(
    outcomes: Iterable[Outcome],
    words: Sequence[Sequence[str]],
    known: set[str],
    wanted: bool,
    resamples: int,
    seed: int,
) -> SurfaceRecall:
    """Recall over the gold entities whose surface form is (or is not) known from training."""
    rows = np.zeros((len(words), 2))
    for outcome in outcomes:
        if outcome.gold is not None:
            surface = _surface(words[outcome.sentence], outcome.gold)
            rows[outcome.sentence] += [
                (surface in known) == wanted and outcome.kind == "correct",
                (surface in known) == wanted,
            ]
    found, total = rows.sum(axis=0)
    interval = bootstrap_interval(_ratio, rows, resamples=resamples, seed=seed)
    return SurfaceRecall(recall=interval, found=int(found), gold=int(total))


def _surface(words: Sequence[str], entity: Entity) -> str:
    return " ".join(words[entity.start : entity.end]).casefold()


def _ratio(sums: np.ndarray) -> np.ndarray:
    return np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
