"""Scores of written answers: exact matches, shared words, and details that nothing supports."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from companion.errors import EvaluationError
from companion.evaluation.intervals import Interval, bootstrap_interval

_WORD = re.compile(r"\w+", re.UNICODE)
_DETAIL = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerReport:
    """How close written answers come to the gold ones; none of these numbers knows whether an answer is true.

    Taught in: book/outlook/from-encoders-to-generation
    """

    exact: Interval
    """The share of answers that are the gold one, but for case, punctuation and space, with its 95 % interval."""
    word_f1: Interval
    """The mean over answers of the F1 of the words that an answer shares with the gold one."""
    answer_loss: float
    """Nats for each piece of the gold answers."""
    unfinished: int
    """Answers that the limit ended, and not the model."""
    answers: int
    """How many answers."""
    written: tuple[str, ...]
    """What was written for each prompt."""

    @property
    def perplexity(self) -> float:
        """e to the loss: among how many equally likely pieces the model was undecided, on average."""
        return math.exp(min(self.answer_loss, 700.0))

    def to_dict(self) -> dict[str, Any]:
        """The scores as JSON-ready values."""
        values: dict[str, Any] = {"answer_loss": self.answer_loss, "perplexity": self.perplexity}
        for name in ("exact", "word_f1"):
            interval: Interval = getattr(self, name)
            values |= {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
        return {**values, "unfinished": self.unfinished, "answers": self.answers}

    def __str__(self) -> str:
        return "\n".join(
            [
                f"exact match   {self.exact}",
                f"word F1       {self.word_f1}",
                f"answer loss   {self.answer_loss:.3f} nats a piece, perplexity {self.perplexity:.1f}",
                f"{self.answers:,} answers, {self.unfinished:,} of them ended by the limit; 95% intervals by answer",
            ]
        )


def score_answers(
    gold: Sequence[str],
    written: Sequence[str],
    *,
    answer_loss: float = math.nan,
    unfinished: int = 0,
    bootstrap: int = 1000,
    seed: int = 0,
) -> AnswerReport:
    """Compare one written answer with one gold answer for each prompt.

    Raises:
        EvaluationError: the lists differ in length or are empty.

    Follows: Rajpurkar et al. (2016), exact match and word F1 of SQuAD, without leaving out articles.
    Taught in: book/outlook/from-encoders-to-generation
    """
    if len(gold) != len(written) or not len(gold):
        raise EvaluationError(
            f"{len(gold)} gold and {len(written)} written answers", remedy="give one of each for every prompt"
        )
    rows = [
        (words_of(right) == words_of(said), word_f1(right, said), 1.0)
        for right, said in zip(gold, written, strict=True)
    ]
    table = np.array(rows, dtype=np.float64)
    intervals = [
        bootstrap_interval(lambda sums: sums[:, 0] / sums[:, 1], table[:, [column, 2]], resamples=bootstrap, seed=seed)
        for column in (0, 1)
    ]
    return AnswerReport(
        exact=intervals[0],
        word_f1=intervals[1],
        answer_loss=answer_loss,
        unfinished=unfinished,
        answers=len(gold),
        written=tuple(written),
    )


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters, without punctuation.

    Taught in: book/outlook/from-encoders-to-generation
    """
    return _WORD.findall(text.casefold())


def word_f1(gold: str, written: str) -> float:
    """2 · shared / (words of both), words counted as often as they stand in both; 0 where either has none.

    Taught in: book/outlook/from-encoders-to-generation
    """
    right, said = Counter(words_of(gold)), Counter(words_of(written))
    shared = (right & said).total()
    return 2 * shared / (right.total() + said.total()) if shared else 0.0


def unsupported_numbers(written: str, *sources: str) -> list[str]:
    """The numbers in digits of an answer that stand in none of these texts: details that it made up.

    A number spelled out in words is not seen, and a number that does stand there may be the wrong one: this finds some
    of the inventions, and never vouches for an answer.

    Taught in: book/outlook/from-encoders-to-generation
    """
    known = {number for source in sources for number in _DETAIL.findall(source)}
    return [number for number in _DETAIL.findall(written) if number not in known]
