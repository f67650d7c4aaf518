"""Randomness that is counted, not carried.

Every random choice is a pure function of `(seed, purpose, counters...)`. Nothing has to be saved to resume, and
nothing that runs in between (evaluation, logging, a user's own sampling) can shift the next draw.

The idea of keyed streams follows Salmon et al. (2011), "Parallel random numbers: as easy as 1, 2, 3".
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def key(seed: int, purpose: str, *counters: int | str) -> int:
    """The 63-bit integer that belongs to this seed, purpose and counters.

    Taught in: book/walkthroughs/train-a-tagger
    """
    text = "\x1f".join([str(seed), purpose, *map(str, counters)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def permutation(length: int, seed: int, purpose: str, *counters: int | str) -> list[int]:
    """A shuffled `list(range(length))`, the same for the same key on every platform.

    Taught in: book/walkthroughs/train-a-tagger
    """
    order = list(range(length))
    random.Random(key(seed, purpose, *counters)).shuffle(order)
    return order


def generator(seed: int, purpose: str, *counters: int | str) -> torch.Generator:
    """A CPU `torch.Generator` seeded with the key.

    Taught in: book/walkthroughs/train-a-tagger
    """
    import torch

    return torch.Generator().manual_seed(key(seed, purpose, *counters))


@contextmanager
def torch_stream(device: torch.device | str, seed: int, purpose: str, *counters: int | str) -> Iterator[None]:
    """Run a block on its own keyed torch stream, and give the caller's random state back afterwards.

    Taught in: book/walkthroughs/train-a-tagger
    """
    import torch

    device, number = torch.device(device), key(seed, purpose, *counters)
    forked = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices=forked, device_type=device.type):
        # torch.manual_seed would seed every device of the machine, also those whose state is not given back.
        torch.default_generator.manual_seed(number)
        if device.type == "mps":
            torch.mps.manual_seed(number)
        elif forked:
            module = torch.get_device_module(device)
            index = module.current_device() if device.index is None else device.index
            module.default_generators[index].manual_seed(number)
        yield
