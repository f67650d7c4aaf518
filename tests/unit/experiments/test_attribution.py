"""What the experiment on explanations rests on: where the shortcut is, and what "moved the model" means."""

import numpy as np
import pytest

import companion
from companion.corpora.microlanguage import CLASSES
from companion.experiments import attribution, catalog
from companion.experiments.attribution import moved_by_words, texts_of
from companion.experiments.attribution_names import SYSTEMS, WORDING, sentences, swap_of
from companion.experiments.text_systems import TextSystem

LANGUAGE = companion.MicroLanguage(seed=0)


def agreement(purpose):
    rows = texts_of(LANGUAGE, 400, purpose, "shortcut")
    opening = LANGUAGE.slots["opening"]
    return np.mean([row.text.split()[0] == opening[CLASSES.index(row.label)] for row in rows])


def test_the_first_word_tells_the_class_in_training_alone():
    assert agreement("train") == pytest.approx(0.9, abs=0.04)
    assert agreement("test") == pytest.approx(0.5, abs=0.08)
    plain = texts_of(LANGUAGE, 5, "test")
    assert [row.text for row in plain] == [" ".join(row.words) for row in LANGUAGE.sentences(5, purpose="test")]
    assert all(row.meta["cause"] in LANGUAGE.slots[row.label] for row in plain)


class OneWordTask:
    """A task whose model counts one word; its probability says how often it was read."""

    def __init__(self, word):
        self.word = word

    def predict(self, model, texts):
        counts = [text.split().count(self.word) for text in texts]
        chances = [0.9 if count else 0.2 for count in counts]
        return [type("Said", (), {"probabilities": (chance, 1 - chance)}) for chance in chances]


def test_a_word_moves_the_model_by_what_its_slot_would_change():
    [row] = texts_of(LANGUAGE, 1, "test")
    place = row.text.split().index(row.meta["cause"])
    moved = moved_by_words(LANGUAGE, OneWordTask(row.meta["cause"]), None, row)
    assert moved[place] == pytest.approx(np.log(9) + np.log(4))
    assert np.abs(np.delete(moved, place)).max() == 0
    # The full stop is alone in its slot, so that nothing can stand in its place.
    assert moved[-1] == 0


def test_a_system_that_reads_no_names_shows_no_gap():
    rows = sentences()[:3]
    assert len(sentences()) == 40
    deaf = TextSystem(labels=tuple(sorted(WORDING)), answer=lambda texts: np.tile([0.2, 0.5, 0.3], (len(texts), 1)))
    found = swap_of(deaf, rows)
    assert found.changed.mean == 0
    assert {gap.mean for gap in found.gaps.values()} == {0.0}
    assert set(found.p_values.values()) == {1.0}


def test_it_is_registered():
    assert catalog.find("attribution") is attribution
    assert len(SYSTEMS) == 5
