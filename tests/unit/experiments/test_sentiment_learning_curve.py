"""The learning curve of sentiment: stratified nested draws, the same number of updates, a complete record."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from companion.corpora.texts import Text
from companion.experiments import load_record, values_of
from companion.experiments.search_table import from_hex
from companion.experiments.sentiment_learning_curve import (
    NAME,
    SEEDS,
    SIZES,
    SYSTEMS,
    UPDATES,
    measure,
    run,
    sentiment,
    stratified_draw,
)

SHARES = {"a": 1 / 2, "b": 1 / 3, "c": 1 / 6}


def test_a_draw_holds_every_label_in_its_share_and_begins_the_larger_ones() -> None:
    rows = [Text(text=f"text {number}", label="aaabbc"[number % 6]) for number in range(60)]
    whole = stratified_draw(rows, 60, 1)
    assert Counter(whole) == Counter(rows)
    for count in range(1, 61):
        drawn = stratified_draw(rows, count, 1)
        assert drawn == whole[:count]
        counts = Counter(text.label for text in drawn)
        assert all(abs(counts[label] - count * share) < 1 for label, share in SHARES.items())
    assert stratified_draw(rows, 10, 2) != whole[:10]


def test_the_fast_profile_runs_every_system(tmp_path: Path) -> None:
    cells = run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["system"] for cell in cells] == list(SYSTEMS)
    assert {cell.result["texts"] for cell in cells} == {30}
    assert cells[-1].result["steps"] == 2


def test_the_record_is_complete_and_every_run_had_as_many_updates() -> None:
    cells = load_record(NAME)
    sizes = (*SIZES, len(sentiment("train")))
    expected = {(system, labels, seed) for system in SYSTEMS for labels in sizes for seed in SEEDS}
    assert {tuple(cell.factors.values()) for cell in cells} == expected
    assert len(cells) == 105
    held_out = len(sentiment("test"))
    for cell in cells:
        right = from_hex(cell.result["right"], cell.result["texts"])
        assert len(right) == held_out
        assert cell.result["accuracy"] == pytest.approx(sum(right) / len(right), abs=1e-6)
    assert {cell.result["steps"] for cell in cells if cell.factors["system"] == "encoder"} == {UPDATES}
    assert len(values_of(cells, "accuracy", system="encoder", labels=200)) == len(SEEDS) == 5


def test_measuring_again_gives_the_record() -> None:
    [recorded] = [cell for cell in load_record(NAME) if cell.name == "tfidf-200-2"]
    assert measure(**recorded.factors, full=True) == recorded.result
