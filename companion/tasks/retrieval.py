"""Texts to search by meaning: the nearest ones to a question, or to texts that somebody liked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from companion.corpora.text_pairs import lone_text
from companion.errors import ConfigError, DataError
from companion.tasks.prompting import unit

if TYPE_CHECKING:
    from companion.corpora.texts import Text


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchHit:
    """A document that was found.

    Taught in: book/outlook/three-applications
    """

    document: int
    """Its place among the documents."""
    passage: str
    """The passage of it that came nearest."""
    score: float
    """The cosine of that passage with what was asked, from -1 to 1."""


class TextIndex:
    """Documents as unit vectors, compared by their cosine with whatever is asked; nothing is trained.

    A document is a text, or a list of passages: its score is then that of its best passage, so that one sentence of a
    long article can be found. All vectors are held in memory and all are compared: right for a few hundred thousand.

    Raises:
        DataError: no document, or one without a passage or of a pair of texts, with its place.

    Follows: the bi-encoder search of Reimers and Gurevych (2019), Sentence-BERT.
    Taught in: book/outlook/three-applications
    """

    def __init__(
        self, reader: Callable[[Sequence[str]], np.ndarray], documents: Sequence[Text | str | Sequence[str]]
    ) -> None:
        self._reader = reader
        passages = [_passages(document, number) for number, document in enumerate(documents, start=1)]
        if not passages:
            raise DataError("there is no document", remedy="give at least one text to search")
        self.passages = [passage for own in passages for passage in own]
        """All passages, in order."""
        self._starts = np.cumsum([0, *map(len, passages)])[:-1]
        self._vectors_PD = unit(np.asarray(reader(self.passages)))

    def __len__(self) -> int:
        return len(self._starts)

    def scores(self, queries: Sequence[Text] | Sequence[str]) -> np.ndarray:
        """The cosine of every query with the best passage of every document, shape [queries, documents]."""
        return np.maximum.reduceat(self._cosines(queries), self._starts, axis=1)

    def search(self, query: str, k: int = 3) -> list[SearchHit]:
        """The k documents nearest to a query, best first.

        Raises:
            ConfigError: k is below 1.
        """
        if k < 1:
            raise ConfigError(f"k is {k}", remedy="ask for at least one document")
        cosines_P = self._cosines([query])[0]
        scores_N = np.maximum.reduceat(cosines_P, self._starts)
        ends = [*self._starts[1:], len(cosines_P)]
        found = []
        for document in np.argsort(-scores_N, kind="stable")[:k].tolist():
            start = int(self._starts[document])
            best = start + int(cosines_P[start : ends[document]].argmax())
            found.append(SearchHit(document=document, passage=self.passages[best], score=float(cosines_P[best])))
        return found

    def likeness(self, liked: Sequence[int]) -> np.ndarray:
        """The mean cosine of every document with these documents, shape [documents]: what a reader might like next.

        The liked documents are scored as well. Leave them out before you recommend anything.

        Raises:
            ConfigError: none is liked, or one does not exist; or a document has several passages.
        """
        if len(self._vectors_PD) != len(self):
            raise ConfigError("likeness needs documents of one passage", remedy="index whole texts for it")
        if not len(liked) or not all(0 <= place < len(self) for place in liked):
            raise ConfigError(f"liked documents {list(liked)} of {len(self)}", remedy="name at least one that exists")
        return self._vectors_PD @ self._vectors_PD[list(liked)].mean(0)

    def _cosines(self, queries: Sequence[Text] | Sequence[str]) -> np.ndarray:
        return unit(np.asarray(self._reader(queries))) @ self._vectors_PD.T


def _passages(document: Text | str | Sequence[str], number: int) -> list[str]:
    text = lone_text(document, "an index") if hasattr(document, "text_pair") else getattr(document, "text", document)
    own = [text] if isinstance(text, str) else list(text)
    if not own or not all(isinstance(passage, str) and passage.strip() for passage in own):
        raise DataError(f"document {number} has no passage, or an empty one", remedy="leave out what says nothing")
    return own
