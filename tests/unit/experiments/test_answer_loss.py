"""Sizes and losses of a small decoder: a search of its own, every cell once, and a cell that is real."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from companion.experiments import answer_loss
from companion.experiments.answer_loss import RATES, SEARCH_SEED, SEEDS, WIDTHS, Sizes, measure, pairs, run


def test_every_size_is_searched_and_then_trained_with_its_own_rate(tmp_path: Path, monkeypatch) -> None:
    best = dict(zip(WIDTHS, (RATES[2], RATES[1], RATES[0], RATES[0]), strict=True))

    def made(*, learn: str, width: int, rate: float, seed: int, full: bool) -> dict[str, float]:
        return {"dev_loss": 1.0 if rate == best[width] else 2.0}

    monkeypatch.setattr(answer_loss, "measure", made)
    cells = [cell.factors for cell in run("full", tmp_path, say=lambda line: None)]
    searched = [cell for cell in cells if cell["seed"] == SEARCH_SEED]
    assert Counter((cell["width"], cell["rate"]) for cell in searched) == {(w, r): 1 for w in WIDTHS for r in RATES}
    trained = [cell for cell in cells if cell["seed"] != SEARCH_SEED]
    assert {cell["width"]: cell["rate"] for cell in trained} == best
    assert Counter(cell["learn"] for cell in trained) == {"answer": 4 * len(SEEDS), "everything": 2 * len(SEEDS)}
    assert {cell["seed"] for cell in trained} == set(SEEDS) and SEARCH_SEED not in SEEDS


def test_the_messages_are_balanced_and_stand_in_one_part_only() -> None:
    train, dev, test = pairs(Sizes())
    assert set(Counter(pair.answer for pair in train).values()) == {15}
    assert set(Counter(pair.answer for pair in dev).values()) == {6}
    prompts = [{pair.prompt for pair in part} for part in (train, dev, test)]
    assert sum(map(len, prompts)) == len(set.union(*prompts))


@pytest.mark.parametrize("learn", ["answer", "everything"])
def test_a_cell_is_measured_on_the_answers_alone(learn: str) -> None:
    found = measure(learn=learn, width=16, rate=1e-2, seed=0, full=False)
    assert found["updates"] == 2
    assert 0.0 < found["answer_loss"] == found["last_answer_loss"] < 8.0
    assert 0.0 <= found["exact"] <= 1.0
