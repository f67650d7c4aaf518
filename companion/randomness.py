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

    kind = torch.device(device).type
    devices = [torch.device(device)] if kind in {"cuda", "mps", "xpu"} else []
    with torch.random.fork_rng(devices=devices, device_type=kind if devices else "cuda"):
        torch.manual_seed(key(seed, purpose, *counters))
        yield
