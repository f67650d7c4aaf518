"""What a monitor may keep of an answered text: counts, labels and probabilities, and no character of the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from companion.corpora.records import Sentence
from companion.corpora.schemes import entities
from companion.corpora.words import split_words
from companion.errors import DataError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One text and its answer, as numbers.

    Taught in: book/engineering/watching
    """

    words: int
    """Words of the text."""
    pieces: int
    """Its word pieces, without special tokens."""
    unknown: int
    """How many of them are the unknown piece."""
    confidence: float
    """A classifier's probability of its label; of a tagger the mean over the words."""
    answer: tuple[str, ...]
    """A tagger's tags, or a classifier's label alone."""
    entities: int | None = None
    """How many entities a tagger found; None of a classifier."""


Signal = Callable[[Observation], float | str]
SIGNALS: dict[str, Signal] = {
    "words": lambda one: one.words,
    "pieces per word": lambda one: one.pieces / max(1, one.words),
    "unknown pieces": lambda one: one.unknown / max(1, one.pieces),
    "confidence": lambda one: one.confidence,
}
"""What is watched of every text."""
TAGGER_SIGNALS: dict[str, Signal] = {"entities": lambda one: one.entities or 0}
CLASSIFIER_SIGNALS: dict[str, Signal] = {"label": lambda one: one.answer[0]}


def signals_of(observations: Sequence[Observation]) -> dict[str, Signal]:
    """The signals that these observations have: those of every text, and those of their kind of task.

    Raises:
        DataError: there are none, or taggers' and classifiers' are mixed.
    """
    kinds = {one.entities is None for one in observations}
    if len(kinds) != 1:
        raise DataError(
            "the observations are of no task, or of two", remedy="observe texts of one model, and at least one"
        )
    return SIGNALS | (CLASSIFIER_SIGNALS if kinds.pop() else TAGGER_SIGNALS)


def observe(task: Any, model: nn.Module, rows: Sequence[Any]) -> list[Observation]:
    """What a model says about each row, and how the row looks to its tokenizer; labels of rows are not read.

    `task` is a `TokenTask` (rows are sentences, or strings that are split into words) or a `TextTask` (rows are texts,
    sentences, strings, or tuples of two; the words and pieces of a pair are those of both).

    Raises:
        DataError: there is no row, or one that holds no text.

    Taught in: book/engineering/watching
    """
    if not rows:
        raise DataError("there is nothing to observe", remedy="give at least one text")
    words = [_words(row, number) for number, row in enumerate(rows, start=1)]
    if task.name == "tokens":
        blank = [Sentence(words=row, tags=("O",) * len(row), source=f"row {n}") for n, row in enumerate(words, start=1)]
        tagged = task.predict(model, blank)
        said = [(found.tags, fmean(found.scores), len(entities(found.tags))) for found in tagged]
        pieces = _pieces(task, words, split=True)
    else:
        texts = [_texts(row) for row in rows]
        asked = [own if len(own) == 2 else own[0] for own in texts]
        said = [((found.label,), found.score, None) for found in task.predict(model, asked)]
        pieces = _pieces(task, [" ".join(own) for own in texts], split=False)
    unknown = task.encoder.tokenizer.unk_token_id
    return [
        Observation(
            words=len(row), pieces=len(ids), unknown=ids.count(unknown), confidence=score, answer=answer, entities=found
        )
        for row, ids, (answer, score, found) in zip(words, pieces, said, strict=True)
    ]


def _words(row: Any, number: int) -> tuple[str, ...]:
    words = row.words if isinstance(row, Sentence) else tuple(split_words(" ".join(_texts(row))))
    if not words:
        raise DataError(f"row {number} holds no word", remedy="leave out rows without text")
    return tuple(words)


def _texts(row: Any) -> tuple[str, ...]:
    if isinstance(row, Sentence):
        return (row.meta.get("text") or " ".join(row.words),)
    texts = (row,) if isinstance(row, str) else row if isinstance(row, tuple) else getattr(row, "texts", ())
    if len(texts) not in {1, 2} or not all(isinstance(text, str) for text in texts):
        raise DataError(f"a row is a {type(row).__name__}", remedy="give strings, texts or sentences")
    return texts


def _pieces(task: Any, rows: Sequence[Any], *, split: bool) -> list[list[int]]:
    given = [list(row) for row in rows] if split else list(rows)
    return task.encoder.tokenizer(
        given, is_split_into_words=split, add_special_tokens=False, padding=False, truncation=False, verbose=False
    )["input_ids"]
