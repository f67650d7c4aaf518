"""Two hundred labels: draws are nested, systems answer every sentence, the record is complete."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from companion.corpora.texts import Text
from companion.errors import RecordError
from companion.experiments import load_record, values_of
from companion.experiments.two_hundred_labels import (
    NAME,
    SEEDS,
    SIZES,
    SYSTEMS,
    TUNED_SIZES,
    corpus,
    draw,
    majority,
    measure,
    run,
    sentence_features,
    tfidf,
)


def texts(labels: str) -> list[Text]:
    return [Text(text=f"the {label} word of {number}", label=label) for number, label in enumerate(labels)]


def test_a_smaller_draw_is_the_beginning_of_a_larger_one() -> None:
    rows = texts("abcdefgh" * 5)
    assert draw(rows, 7, 1) == draw(rows, 20, 1)[:7]
    assert draw(rows, 20, 1) != draw(rows, 20, 2)
    assert Counter(draw(rows, 40, 3)) == Counter(rows)


def test_the_majority_guess_is_one_label() -> None:
    assert majority(texts("abb"), texts("abc")) == ["b"] * 3
    assert majority(texts("ba"), texts("abc")) == ["a"] * 3


def test_tfidf_finds_the_word_that_tells() -> None:
    told = [Text(text=f"the {word} of {n}", label=word) for n in range(10) for word in ("goal", "bank")]
    assert tfidf(told, [Text(text="that bank", label="?"), Text(text="a goal", label="?")]) == ["bank", "goal"]


def test_features_do_not_depend_on_what_stands_beside_a_text() -> None:
    some = corpus().test[:9]
    together, alone = sentence_features(some), sentence_features(some[4:5])
    assert together.shape == (9, 384)
    assert np.array_equal(together[4], alone[0])


def test_the_fast_profile_runs_every_system(tmp_path: Path) -> None:
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["system"] for cell in cells] == list(SYSTEMS)
    test = 30
    for cell in cells:
        right = cell.result["right"]
        assert set(right) <= {"0", "1"} and len(right) == cell.result["texts"] == test
        assert cell.result["accuracy"] == right.count("1") / test
    assert cells[-1].result["steps"] == 2


def test_the_record_holds_five_seeds_of_every_cell() -> None:
    cells = load_record(NAME)
    expected = {
        (system, labels, seed)
        for system in SYSTEMS
        for labels in (TUNED_SIZES if system == "tuned" else SIZES)
        for seed in SEEDS
    }
    assert {tuple(cell.factors.values()) for cell in cells} == expected
    assert len(cells) == len(expected) == 90
    assert {cell.result["texts"] for cell in cells} == {len(corpus().test)}
    assert len(values_of(cells, "accuracy", system="tuned", labels=200)) == 5
    with pytest.raises(RecordError):
        values_of(cells, "accuracy", system="tuned", labels=400)


@pytest.mark.parametrize("system", ["majority", "tfidf"])
def test_measuring_again_gives_the_record(system: str) -> None:
    [recorded] = [cell for cell in load_record(NAME) if cell.name == f"{system}-200-3"]
    assert measure(**recorded.factors, full=True) == recorded.result
