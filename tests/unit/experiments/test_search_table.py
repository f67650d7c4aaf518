"""The table for replayed searches and the noisy dev curves: bits that travel, a fast profile that runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.experiments import search_table, stopping_noise
from companion.experiments.records import load_record
from companion.experiments.search_table import LABELS, SECOND_SEED, SPACE, candidates, from_hex, split_rows, to_hex
from companion.recipes.search_replay import replay_grid, replay_halving, replay_random


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_survive_the_journey(right: list[bool]) -> None:
    assert from_hex(to_hex(right), len(right)) == right
    assert len(to_hex(right)) == -(-len(right) // 4)


def test_every_run_is_trained_on_the_same_sentences() -> None:
    texts = search_table.corpus().train
    assert search_table.draw(texts, 20) == search_table.draw(texts, 50)[:20]
    assert len(set(search_table.draw(texts, LABELS))) == LABELS


def test_the_fast_profiles_run_and_give_curves(tmp_path: Path) -> None:
    [cell] = search_table.run("fast", tmp_path, say=lambda line: None)
    [row] = candidates([cell])
    assert len(row.dev) == len(row.test) == 1
    assert row.settings.keys() == SPACE.keys()
    right = from_hex(cell.result["dev"][0], 20)
    assert row.dev == (sum(right) / 20,)
    [few] = candidates([cell], dev_rows=range(5))
    assert few.dev == (sum(right[:5]) / 5,)
    assert few.test == row.test
    dev_rows, test_rows = split_rows(cell, 25, 3)
    assert sorted(dev_rows + test_rows) == list(range(40))
    assert dev_rows != split_rows(cell, 25, 4)[0]
    [mixed] = candidates([cell], dev_rows=dev_rows, test_rows=test_rows)
    assert 25 * mixed.dev[0] + 15 * mixed.test[0] == pytest.approx(20 * row.dev[0] + 20 * row.test[0])
    assert candidates([cell], seed=1) == []
    [noise] = stopping_noise.run("fast", tmp_path, say=lambda line: None)
    dev, test = stopping_noise.curves(noise)
    assert len(dev) == len(test) == len(noise.result["update"]) == 2
    assert all(0 <= value <= 1 for value in [*dev, *test])
    assert stopping_noise.curves(noise, dev_rows=[0])[0] == [float(right[0]) for right in bits(noise)]


def bits(cell) -> list[list[bool]]:
    return [from_hex(text, cell.result["dev_rows"]) for text in cell.result["dev"]]


def test_the_record_holds_every_combination_and_a_second_seed_of_some() -> None:
    cells = load_record(search_table.NAME)
    first, second = candidates(cells), candidates(cells, seed=1)
    assert len(first) == 6 * 2 * 2 * 2 == 48
    assert len({tuple(row.settings.values()) for row in first}) == 48
    assert len(second) == 12
    assert all(row.settings[name] in some for row in second for name, some in SECOND_SEED.items())
    assert {len(row.dev) for row in [*first, *second]} == {search_table.EPOCHS}
    assert {cell.result["updates"] for cell in cells} == {32, 64}
    whole = search_table.corpus()
    assert {(cell.result["dev_rows"], cell.result["test_rows"]) for cell in cells} == {
        (len(whole.dev), len(whole.test))
    }


def test_searches_replay_on_the_record() -> None:
    table = candidates(load_record(search_table.NAME))
    everything = replay_random(table, 48, 0)
    assert replay_grid(table, SPACE).dev == everything.dev
    halved = replay_halving(table, 48, 0)
    assert halved.spent == everything.spent // 2
    assert halved.dev <= everything.dev


def test_the_best_of_more_trials_promises_more_than_it_keeps() -> None:
    cells = load_record(search_table.NAME)

    def optimism(trials: int) -> float:
        gaps = []
        for draw in range(40):
            dev_rows, test_rows = split_rows(cells[0], 60, draw)
            table = candidates(cells, dev_rows=dev_rows, test_rows=test_rows)
            gaps.append(replay_random(table, trials, draw).optimism)
        return sum(gaps) / len(gaps)

    one, many = optimism(1), optimism(40)
    assert many > one + 0.01


def test_the_long_runs_are_recorded_with_their_dev_rows() -> None:
    cells = load_record(stopping_noise.NAME)
    assert [cell.factors["seed"] for cell in cells] == list(stopping_noise.SEEDS)
    for cell in cells:
        dev, test = stopping_noise.curves(cell)
        assert len(dev) == len(test) == stopping_noise.EPOCHS * stopping_noise.PARTS
        assert cell.result["update"][-1] == stopping_noise.EPOCHS * stopping_noise.LABELS // stopping_noise.BATCH
        # Learned something, and then wandered: the best dev score is not the last.
        assert max(dev) > dev[0] + 0.2
        assert dev.index(max(dev)) < len(dev) - 1
