"""Every random choice is a function of its key, and the caller's own random state stays as it was."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from itertools import product

import numpy
import pytest
import torch

from companion.randomness import generator, key, permutation, torch_stream


def test_a_key_is_the_same_on_every_machine():
    assert key(0, "rows", 0) == 7014341116089504666
    assert key(7, "forward", 3, 1, 0) == 127987155021741680
    assert permutation(8, 0, "rows", 0) == [7, 0, 5, 2, 3, 4, 6, 1]


def test_a_key_does_not_depend_on_the_process():
    program = "from companion.randomness import key, permutation; print(key(3, 'a', 'b', 4), permutation(9, 1, 'x'))"
    seen = set()
    for hash_seed in ("0", "1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        seen.add(done.stdout)
    assert seen == {f"{key(3, 'a', 'b', 4)} {permutation(9, 1, 'x')}\n"}


def test_different_keys_give_different_numbers():
    keys = {key(*parts) for parts in product(range(30), "ab", range(30), range(3))}
    assert len(keys) == 30 * 2 * 30 * 3
    assert all(0 <= number < 2**63 for number in keys)
    assert len({key(1, "a", 23), key(12, "a", 3), key(1, "a2", 3), key(1, "a", 2, 3), key(1, "a", "2", "3")}) == 4


def test_a_permutation_holds_every_index_once():
    for length in (0, 1, 2, 33):
        assert sorted(permutation(length, 5, "rows", 2)) == list(range(length))
    assert permutation(33, 5, "rows", 2) != permutation(33, 5, "rows", 3)


def test_every_order_of_three_is_equally_likely():
    orders = [tuple(permutation(3, seed, "rows")) for seed in range(6000)]
    counts = [orders.count(order) for order in set(orders)]
    assert len(counts) == 6
    # The 0.999 quantile of chi-squared with 5 degrees of freedom.
    assert sum((count - 1000) ** 2 / 1000 for count in counts) < 20.5


def test_a_generator_follows_its_key():
    first, again = (torch.rand(4, generator=generator(0, "mask", 1)) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, torch.rand(4, generator=generator(0, "mask", 2)))


def test_a_stream_follows_its_key_and_leaves_no_trace():
    torch.manual_seed(11)
    random.seed(11)
    numpy.random.seed(11)
    before = torch.get_rng_state(), random.getstate(), numpy.random.get_state()[1].tolist()
    draws = []
    for step in (0, 1, 0):
        with torch_stream("cpu", 4, "forward", step):
            draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[2])
    assert not torch.equal(draws[0], draws[1])
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (random.getstate(), numpy.random.get_state()[1].tolist())


def test_a_stream_gives_the_state_back_after_an_error():
    before = torch.get_rng_state()
    with pytest.raises(KeyError), torch_stream("cpu", 0, "forward"):
        torch.rand(1)
        raise KeyError
    assert torch.equal(before, torch.get_rng_state())


def test_a_stream_on_the_cpu_seeds_no_other_device(monkeypatch):
    seeded = []
    for device in ("cuda", "mps", "xpu"):
        module = getattr(torch, device)
        for name in ("manual_seed", "manual_seed_all"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda seed, name=f"{device}.{name}": seeded.append(name))
    with torch_stream("cpu", 0, "forward"):
        torch.rand(1)
    assert seeded == []
    torch.manual_seed(0)
    assert len(seeded) >= 2, "the spies would have seen it"
