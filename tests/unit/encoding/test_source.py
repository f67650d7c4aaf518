"""The batch source: a pure function of (seed, epoch, update), in which every row appears once an epoch."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch

from companion.encoding.source import PART, TokenBatches
from companion.encoding.windows import Window
from companion.errors import ConfigError, DataError
from tests.tiny import tiny_batches, tiny_windows

ORDERS = ("bucketed", "random")
each_order = pytest.mark.parametrize("order", ORDERS)


def epoch_of(source: TokenBatches, epoch: int) -> list[list[int]]:
    return [source.window(epoch, update)["labelled"] for update in range(source.updates(epoch))]


@each_order
@pytest.mark.parametrize(("count", "batch_size"), [(1, 1), (1, 8), (7, 8), (8, 8), (9, 8), (300, 4), (129, 4)])
def test_every_row_appears_exactly_once_an_epoch(order, count, batch_size):
    source = tiny_batches(count, batch_size=batch_size, order=order, seed=3)
    for epoch in range(3):
        windows = epoch_of(source, epoch)
        assert Counter(row for rows in windows for row in rows) == Counter(range(count))
        assert len(windows) == -(-count // batch_size)
        assert sorted(map(len, windows))[1:] == [batch_size] * (len(windows) - 1)


@each_order
def test_it_is_a_pure_function_of_seed_epoch_and_update(order):
    first, again = (tiny_batches(100, order=order, seed=3) for _ in range(2))
    expected = [epoch_of(first, epoch) for epoch in range(3)]
    places = [(epoch, update) for epoch in (2, 0, 1) for update in reversed(range(25))]
    for epoch, update in places:
        assert again.window(epoch, update)["labelled"] == expected[epoch][update]
    assert len(places) == 75
    assert expected[0] != expected[1] != expected[2] != expected[0]
    assert epoch_of(tiny_batches(100, order=order, seed=4), 0) != expected[0]


def test_asking_changes_nothing():
    source = tiny_batches(40, seed=1)
    before = epoch_of(tiny_batches(40, seed=1), 0)
    for rows in epoch_of(source, 0):
        source.collate("labelled", rows)
        rows.sort()
    assert epoch_of(source, 1) != before
    assert epoch_of(source, 0) == before


def test_the_runs_seed_is_taken_only_where_there_is_none():
    free, fixed = tiny_batches(40), tiny_batches(40, seed=5)
    assert fixed.with_seed(7) is fixed
    assert epoch_of(free.with_seed(5), 0) == epoch_of(fixed, 0)
    assert epoch_of(free, 0) == epoch_of(tiny_batches(40, seed=0), 0)
    assert free.seed is None


def padding(source: TokenBatches) -> float:
    padded = filled = 0
    for rows in epoch_of(source, 0):
        lengths = [source.length("labelled", row) for row in rows]
        padded += max(lengths) * len(rows)
        filled += sum(lengths)
    return padded / filled


def test_length_buckets_save_padding():
    bucketed, at_random = (padding(tiny_batches(400, batch_size=8, longest=40, order=order)) for order in ORDERS)
    assert at_random > 1.4
    assert 1.0 <= bucketed < 1.05


def test_buckets_are_not_a_fixed_order():
    source = tiny_batches(400, batch_size=8, longest=40, order="bucketed")
    lengths = [max(source.length("labelled", row) for row in rows) for rows in epoch_of(source, 0)]
    assert lengths != sorted(lengths)
    together = [{frozenset(rows) for rows in epoch_of(source, epoch)} for epoch in (0, 1)]
    assert len(together[0] & together[1]) <= 2


def test_collate_pads_with_the_pad_id_and_masks_it():
    windows = [
        replace(tiny_windows(1)[0], input_ids=[1, *[9] * size, 2], labels=[-100, *[3] * size, -100]) for size in (1, 3)
    ]
    batch = TokenBatches(windows, pad_token_id=7).collate("labelled", [1, 0])
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        "input_ids": [[1, 9, 9, 9, 2], [1, 9, 2, 7, 7]],
        "attention_mask": [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]],
        "labels": [[-100, 3, 3, 3, -100], [-100, 3, -100, -100, -100]],
    }
    assert {tensor.dtype for tensor in batch.values()} == {torch.long}


def test_the_fingerprint_changes_with_any_row_and_any_setting():
    windows = tiny_windows(20)
    settings = {"pad_token_id": 0, "batch_size": 4, "order": "bucketed", "seed": 0}
    seen = {TokenBatches(windows, **settings).fingerprint()}
    changed = 0
    for row, window in enumerate(windows):
        for field in ("input_ids", "labels"):
            for position in (0, len(window.input_ids) - 1):
                values = list(getattr(window, field))
                values[position] += 1
                edited = [*windows[:row], replace(window, **{field: values}), *windows[row + 1 :]]
                seen.add(TokenBatches(edited, **settings).fingerprint())
                changed += 1
    seen.add(TokenBatches(windows[:-1], **settings).fingerprint())
    seen.add(TokenBatches([*windows, windows[0]], **settings).fingerprint())
    seen.add(TokenBatches([windows[1], windows[0], *windows[2:]], **settings).fingerprint())
    for setting, value in (("pad_token_id", 1), ("batch_size", 5), ("order", "random"), ("seed", 1), ("seed", None)):
        seen.add(TokenBatches(windows, **{**settings, setting: value}).fingerprint())
    assert changed == 80
    assert len(seen) == 1 + changed + 3 + 5
    assert TokenBatches(list(windows), **settings).fingerprint() in seen


@pytest.mark.parametrize("batch_size", [0, -1, 1.5, "8", True, None])
def test_a_batch_size_that_is_none_is_refused(batch_size):
    with pytest.raises(ConfigError, match="batch_size is .*\n.*1 or more"):
        tiny_batches(4, batch_size=batch_size)


def test_an_unknown_order_and_no_rows_are_refused():
    with pytest.raises(ConfigError, match='"bucketed" or "random"'):
        tiny_batches(4, order="sorted")
    with pytest.raises(DataError, match="no sentence or text to train on"):
        TokenBatches([], pad_token_id=0)


def test_rows_without_a_single_label_are_refused():
    windows = [replace(window, labels=[-100] * len(window.labels)) for window in tiny_windows(4)]
    with pytest.raises(DataError, match="not one .* carries a label"):
        TokenBatches(windows, pad_token_id=0)
    assert TokenBatches([*windows, *tiny_windows(1)], pad_token_id=0).updates(0) == 1


def test_a_source_of_another_kind_keeps_its_kind_on_the_runs_seed() -> None:
    """A subclass decides how rows become tensors; taking the run's seed must not lose it."""

    class Louder(TokenBatches):
        def collate(self, part: str, ids: list[int]) -> dict:
            return {name: tensor * 2 for name, tensor in super().collate(part, ids).items()}

    window = Window(input_ids=[1, 2], labels=[0, 1], word_of_piece=[0, 1], owned=range(2))
    seeded = Louder([window] * 3, pad_token_id=0, batch_size=2).with_seed(5)
    assert seeded.seed == 5
    assert seeded.collate(PART, [0])["input_ids"].tolist() == [[2, 4]]
