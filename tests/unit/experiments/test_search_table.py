"""The table for replayed searches and the noisy dev curves: bits that travel, a fast profile that runs."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from companion.experiments import search_table, stopping_noise
from companion.experiments.search_table import candidates, from_hex, to_hex


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_bits_survive_the_journey(right: list[bool]) -> None:
    assert from_hex(to_hex(right), len(right)) == right
    assert len(to_hex(right)) == -(-len(right) // 4)


def test_every_run_is_trained_on_the_same_sentences() -> None:
    texts = search_table.corpus().train
    assert search_table.draw(texts, 20) == search_table.draw(texts, 50)[:20]
    assert len(set(search_table.draw(texts, 128))) == 128


def test_the_fast_profiles_run_and_give_curves(tmp_path: Path) -> None:
    [cell] = search_table.run("fast", tmp_path, say=lambda line: None)
    [row] = candidates([cell])
    assert len(row.dev) == len(row.test) == 1
    assert row.settings.keys() == search_table.SPACE.keys()
    right = from_hex(cell.result["dev"][0], 20)
    assert row.dev == (sum(right) / 20,)
    [few] = candidates([cell], dev_rows=range(5))
    assert few.dev == (sum(right[:5]) / 5,)
    assert few.test == row.test
    assert candidates([cell], seed=1) == []
    [noise] = stopping_noise.run("fast", tmp_path, say=lambda line: None)
    dev, test = stopping_noise.curves(noise)
    assert len(dev) == len(test) == len(noise.result["update"]) == 2
    assert all(0 <= value <= 1 for value in [*dev, *test])
    assert stopping_noise.curves(noise, dev_rows=[0])[0] == [float(right[0]) for right in bits(noise)]


def bits(cell) -> list[list[bool]]:
    return [from_hex(text, cell.result["dev_rows"]) for text in cell.result["dev"]]
