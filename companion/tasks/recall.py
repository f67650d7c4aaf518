"""Answering from memory: the stored question that is nearest to a new one, and when not to trust it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from companion.corpora.conversations import lone_prompt
from companion.errors import ConfigError, DataError
from companion.tasks.retrieval import TextIndex

if TYPE_CHECKING:
    from companion.corpora.conversations import Pair


@dataclass(frozen=True, kw_only=True, slots=True)
class Recalled:
    """What a memory holds on a question."""

    pair: Pair
    """The stored pair whose question is nearest."""
    similarity: float
    """The cosine of the two questions, from -1 to 1."""
    trusted: bool
    """Whether it is near enough to be given as an answer; otherwise a person should answer."""


class AnswerMemory:
    """Stored questions with their answers; a new question gets the answer of the nearest one.

    It can only say what somebody wrote. Below the cosine `threshold` nothing is near enough, and a person is asked;
    `choose_threshold` finds the value on questions whose right answers are known.

    Raises:
        DataError: there is no pair to remember, or one ends a conversation: its prompt alone says too little.

    Taught in: book/outlook/from-encoders-to-generation
    """

    def __init__(
        self, reader: Callable[[Sequence[str]], np.ndarray], pairs: Sequence[Pair], *, threshold: float = -1.0
    ) -> None:
        if not pairs:
            raise DataError("there is no pair to remember", remedy="give questions with their answers")
        self.pairs, self.threshold = tuple(pairs), threshold
        self._prompts = TextIndex(reader, [lone_prompt(pair, "a memory") for pair in self.pairs])

    def recall(self, questions: Sequence[str]) -> list[Recalled]:
        """The nearest stored pair of each question; of equally near ones the first."""
        if not len(questions):
            return []
        cosines_QN = self._prompts.scores(list(questions))
        places = cosines_QN.argmax(1)
        best = cosines_QN[np.arange(len(places)), places].tolist()
        return [
            Recalled(pair=self.pairs[place], similarity=value, trusted=value >= self.threshold)
            for place, value in zip(places.tolist(), best, strict=True)
        ]


def choose_threshold(values: Sequence[float], right: Sequence[bool], *, precision: float = 0.9) -> float:
    """The lowest threshold at which the answers that are given are right at least this often; infinite if none is.

    `values` may be any confidence: a cosine, or how sure a model was of what it wrote. Choose on dev, never on test.

    Raises:
        ConfigError: the precision is no share above 0, or the lists do not fit.

    Taught in: book/outlook/from-encoders-to-generation
    """
    if not 0.0 < precision <= 1.0 or len(values) != len(right) or not len(values):
        raise ConfigError(
            f"precision {precision!r} on {len(values)} values and {len(right)} judgements",
            remedy="give a share above 0, and one judgement for each value",
        )
    best, given, hits = float("inf"), 0, 0
    ranked = sorted(zip(values, right, strict=True), key=lambda item: -item[0])
    for place, (value, hit) in enumerate(ranked):
        given, hits = given + 1, hits + bool(hit)
        # Values that are equal are given or withheld together.
        last_of_equals = place + 1 == len(ranked) or ranked[place + 1][0] < value
        if last_of_equals and hits >= precision * given:
            best = value
    return best
