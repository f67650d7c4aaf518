"""Cutting an update into pieces, and reading plain iterables of batches."""

from __future__ import annotations

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.errors import ConfigError, DataError
from companion.training import TrainConfig
from companion.training.pieces import IterableBatches, as_source, collate, cut, rows_of
from tests.tiny import tiny_batches


class Lengths:
    """A batch source that knows nothing but the length of each row."""

    def __init__(self, lengths: dict[str, list[int]]) -> None:
        self.lengths = lengths

    def length(self, part: str, row: int) -> int:
        return self.lengths[part][row]


@settings(max_examples=300, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=40),
    budget=st.integers(1, 400),
    world=st.integers(1, 5),
)
def test_every_row_is_in_one_piece_of_one_process_within_the_budget(lengths, budget, world):
    source, window = Lengths({"labelled": lengths}), {"labelled": list(range(len(lengths)))}
    shares = [cut(source, window, budget, rank=rank, world=world) for rank in range(world)]
    pieces = [piece["labelled"] for share in shares for piece in share]
    assert sorted(row for piece in pieces for row in piece) == window["labelled"]
    for piece in pieces:
        assert len(piece) == 1 or max(lengths[row] for row in piece) * len(piece) <= budget
    sizes = [sum(len(piece["labelled"]) for piece in share) for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_pieces_are_as_few_as_the_budget_allows():
    source = Lengths({"labelled": [10] * 8})
    for budget, number in ((10, 8), (19, 8), (20, 4), (40, 2), (79, 2), (80, 1), (10**9, 1)):
        assert len(cut(source, {"labelled": list(range(8))}, budget)) == number


def test_a_row_that_comes_twice_is_kept_twice():
    assert cut(Lengths({"labelled": [3, 5]}), {"labelled": [0, 1, 0]}, 100) == [{"labelled": [1, 0, 0]}]


def test_parts_share_pieces():
    source = Lengths({"labelled": [4, 4, 4], "unlabelled": [9]})
    window = {"labelled": [0, 1, 2], "unlabelled": [0]}
    assert cut(source, window, 8) == [{"labelled": [0, 1], "unlabelled": [0]}, {"labelled": [2]}]
    assert cut(source, {"labelled": [], "unlabelled": [0]}, 8) == [{"unlabelled": [0]}]
    assert cut(source, {"labelled": []}, 8) == []
    assert cut(source, {"labelled": [0]}, 8, rank=1, world=2) == []


def test_a_source_without_lengths_is_cut_by_rows():
    assert cut(object(), {"labelled": [3, 1, 2]}, 2) == [{"labelled": [3, 1]}, {"labelled": [2]}]


class Drawing:
    """Five batches that draw from torch's random state, as a shuffling loader does."""

    def __len__(self) -> int:
        return 5

    def __iter__(self):
        for number in range(5):
            yield {"x": torch.tensor([number]), "drawn": torch.rand(1)}


def read(source: IterableBatches, epoch: int) -> list[list[tuple[int, float]]]:
    updates = []
    for update in range(source.updates(epoch)):
        pieces = cut(source, source.window(epoch, update), 1)
        batches = [collate(source, piece)["labelled"] for piece in pieces]
        updates.append([(batch["x"].item(), batch["drawn"].item()) for batch in batches])
    return updates


@pytest.mark.parametrize(("accumulate", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_so_many_items_form_an_update_and_none_is_lost(accumulate, sizes):
    source = IterableBatches(Drawing(), accumulate=accumulate, seed=0)
    updates = read(source, 0)
    assert [len(update) for update in updates] == sizes
    assert [number for update in updates for number, _ in update] == list(range(5))


def test_what_an_iterable_draws_depends_on_seed_and_epoch_alone():
    torch.manual_seed(0)
    first = read(IterableBatches(Drawing(), accumulate=2, seed=0), 1)
    torch.manual_seed(1)
    source = IterableBatches(Drawing(), accumulate=2, seed=0)
    before = torch.get_rng_state()
    assert read(source, 0) != first
    assert read(source, 1) == first
    assert torch.equal(before, torch.get_rng_state())
    assert read(IterableBatches(Drawing(), accumulate=2, seed=1), 1) != first


def test_two_processes_share_the_items_of_one_update():
    shares = []
    for rank in (0, 1):
        source = IterableBatches(Drawing(), accumulate=3, seed=0)
        pieces = cut(source, source.window(0, 0), 1, rank=rank, world=2)
        shares.append([collate(source, piece)["labelled"]["x"].item() for piece in pieces])
        source.window(0, 1)
        assert collate(source, {"labelled": [3]})["labelled"]["x"].item() == 3
    assert shares == [[0, 2], [1]]


def test_an_item_may_name_its_parts():
    items = [{"labelled": {"x": torch.zeros(1)}, "unlabelled": {"x": torch.ones(1)}}]
    source = IterableBatches(items, accumulate=1, seed=0)
    source.window(0, 0)
    assert set(collate(source, {"labelled": [0]})) == {"labelled", "unlabelled"}


def test_an_iterable_without_a_length_or_without_items_is_refused():
    with pytest.raises(ConfigError, match="generator without a length"):
        as_source((number for number in range(3)), TrainConfig())
    with pytest.raises(DataError, match="there is no batch to train on"):
        as_source([], TrainConfig())


class Short(Drawing):
    def __len__(self) -> int:
        return 6


def test_an_iterable_that_ends_too_soon_says_so():
    source = IterableBatches(Short(), accumulate=3, seed=0)
    with pytest.raises(DataError, match="the batches ended after 5 of 6"):
        read(source, 0)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ((torch.zeros(1), torch.zeros(1)), "labelled: a batch is a tuple, not a dictionary of tensors"),
        ([torch.zeros(1)], "labelled: a batch is a list"),
        ({"x": [1, 2]}, "labelled: 'x' is a list, not a tensor"),
        ({"texts": {"x": "words"}}, "texts: 'x' is a str, not a tensor"),
        ({"texts": {"x": torch.zeros(1)}, "other": torch.zeros(1)}, "other: a batch is a Tensor"),
    ],
)
def test_a_batch_that_is_no_dictionary_of_tensors_is_refused(item, message):
    source = IterableBatches([item], accumulate=1, seed=0)
    source.window(0, 0)
    with pytest.raises(DataError, match=message):
        collate(source, {"labelled": [0]})


def test_a_batch_source_is_used_as_it_is():
    source = tiny_batches(8, seed=3)
    assert as_source(source, TrainConfig(seed=5)) is source
    assert as_source(tiny_batches(8), TrainConfig(seed=5)).seed == 5
    with pytest.raises(ConfigError, match="accumulate is 2, but this batch source decides by itself"):
        as_source(source, TrainConfig(accumulate=2))


def test_rows_are_named_in_part():
    assert list(rows_of({"labelled": [3, 1], "unlabelled": range(40)})) == [
        "labelled rows 3, 1",
        f"unlabelled rows {', '.join(map(str, range(32)))} …",
    ]


class Forking:
    """An iterable that looks at the environment when its workers would be started, and fails at one item."""

    num_workers = 2
    worker_init_fn = None

    def __init__(self, failing: int = -1) -> None:
        self.seen, self.failing = [], failing

    def __len__(self) -> int:
        return 3

    def __iter__(self):
        self.seen.append((os.environ.get("TOKENIZERS_PARALLELISM"), self.worker_init_fn))
        for number in range(3):
            if number == self.failing:
                raise KeyError("row 17")
            yield {"x": torch.ones(1)}


@pytest.mark.parametrize("before", [None, "true"])
def test_tokenizers_know_that_workers_are_forked(monkeypatch, before):
    if before is None:
        monkeypatch.delenv("TOKENIZERS_PARALLELISM", raising=False)
    else:
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", before)
    loader = Forking()
    IterableBatches(loader, accumulate=1, seed=0).window(0, 0)
    # No run with a folder goes on, so nothing is done about the signals of its workers.
    assert loader.seen == [("false", None)]
    assert os.environ.get("TOKENIZERS_PARALLELISM") == before


def test_an_item_that_fails_is_named():
    source = IterableBatches(Forking(failing=1), accumulate=1, seed=0)
    source.window(1, 0)
    source.collate("labelled", [0])
    with pytest.raises(KeyError, match="row 17") as caught:
        source.collate("labelled", [1])
    assert caught.value.__notes__ == ["(in batch 1 of epoch 1)"]
