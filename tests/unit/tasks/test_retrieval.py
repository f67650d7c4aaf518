"""The index: cosines by hand, the best passage of each document, and what is liked."""

from __future__ import annotations

import numpy as np
import pytest

from companion.corpora.texts import Text
from companion.errors import ConfigError, DataError
from companion.tasks import TextIndex

WORDS = ("milk", "steam", "parcel", "late")


def reader(texts) -> np.ndarray:
    """How often each word occurs: a vector whose cosines can be counted."""
    plain = [getattr(text, "text", text) for text in texts]
    return np.array([[text.split().count(word) for word in WORDS] for text in plain], dtype=np.float32)


DOCUMENTS = [["milk steam", "milk milk"], ["parcel late"], ["late late", "steam parcel late"]]


def test_scores_are_cosines_with_the_best_passage():
    scores = TextIndex(reader, DOCUMENTS).scores(["milk", "late steam"])
    assert scores == pytest.approx(np.array([[1, 0, 0], [0.5, 0.5, 2 / 6**0.5]]), abs=1e-6)


def test_a_hit_names_the_document_and_the_passage():
    [first, second] = TextIndex(reader, DOCUMENTS).search("parcel late", k=2)
    assert (first.document, first.passage) == (1, "parcel late") and first.score == pytest.approx(1)
    assert (second.document, second.passage) == (2, "steam parcel late")
    assert len(TextIndex(reader, DOCUMENTS).search("milk", k=9)) == 3


def test_a_text_is_a_document_of_one_passage():
    index = TextIndex(reader, [Text(text="milk", label="a"), "steam"])
    assert len(index) == 2 and index.search("milk", k=1)[0].document == 0


def test_likeness_is_the_mean_cosine_and_what_is_liked_comes_first():
    index = TextIndex(reader, ["milk", "milk steam", "parcel"])
    assert index.likeness([0, 1]) == pytest.approx([(1 + 0.5**0.5) / 2, (1 + 0.5**0.5) / 2, 0], abs=1e-6)
    assert index.likeness([0]).argmax() == 0


def test_what_cannot_be_searched_is_refused():
    with pytest.raises(DataError, match="no document"):
        TextIndex(reader, [])
    with pytest.raises(DataError, match="document 2 has no passage"):
        TextIndex(reader, ["milk", []])
    with pytest.raises(DataError, match="document 1"):
        TextIndex(reader, [["milk", " "]])
    with pytest.raises(ConfigError, match="k is 0"):
        TextIndex(reader, ["milk"]).search("milk", k=0)
    with pytest.raises(ConfigError, match="one passage"):
        TextIndex(reader, DOCUMENTS).likeness([0])
    for liked in ([], [5]):
        with pytest.raises(ConfigError, match="liked"):
            TextIndex(reader, ["milk", "steam"]).likeness(liked)
