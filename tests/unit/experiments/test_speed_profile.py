"""The speed profile: which kind an operation belongs to, what is timed and what is not, and what the record holds."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch

from companion.errors import ConfigError
from companion.experiments import load_record
from companion.experiments.speed_profile import ARMS, KINDS, NAME, OTHER, SEEDS, by_kind, kind_of, measure, stopwatch

KNOWN = {
    "mm": "matrix products",
    "addmm": "matrix products",
    "bmm": "matrix products",
    "_scaled_dot_product_flash_attention_for_cpu": "matrix products",
    "_safe_softmax": "softmax",
    "gelu_backward": "activation function",
    "bernoulli_": "dropout",
    "ge": "dropout",
    "_fused_adamw_": "optimiser",
    "lerp_": "optimiser",
    "_foreach_norm": "clipping",
    "native_layer_norm_backward": "normalisation",
    "embedding_dense_backward": "embedding tables",
    "_to_copy": "copies and casts",
    "add": OTHER,
    "mul_": OTHER,
}


def test_operations_belong_to_the_kind_a_reader_would_give_them() -> None:
    assert {operation: kind_of(operation) for operation in KNOWN} == KNOWN
    assert {*KNOWN.values()} == {*KINDS, OTHER}


def test_seconds_are_summed_by_kind_and_none_is_lost() -> None:
    taken = {operation: 1.0 + place for place, operation in enumerate(KNOWN)}
    summed = by_kind(taken)
    assert sum(summed.values()) == sum(taken.values()) and summed["matrix products"] == 1 + 2 + 3 + 4


def test_only_the_counted_updates_are_timed() -> None:
    matrix = torch.randn(64, 64)
    with stopwatch(range(1, 2)) as watch:
        matrix.exp()
        watch.next_update()
        matrix @ matrix
        time.sleep(0.05)
        watch.next_update()
        matrix.sin()
    assert set(watch.seconds) == {"mm"}
    assert watch.seconds["mm"] < 0.05, "time in which the processor did something else does not count"


@pytest.mark.parametrize("arm", ["tutorial fp32", "loop fp32"])
def test_an_arm_is_measured(arm: str) -> None:
    result = measure(arm=arm, updates=1, seed=0)
    seconds = result["seconds_by_kind"]
    assert max(seconds, key=seconds.get) == "matrix products" and min(seconds.values()) >= 0
    assert result["padded_pieces"] >= result["word_pieces"] > 0
    assert (result["padded_pieces"] == 16 * 128) == arm.startswith("tutorial")


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(ConfigError, match="arm"):
        measure(arm="magic fp8", updates=1, seed=0)


def test_the_record_holds_every_seed_of_every_arm() -> None:
    cells = load_record(NAME)
    assert {(cell.factors["arm"], cell.factors["seed"]) for cell in cells} == {(a, s) for a in ARMS for s in SEEDS}
    assert len(cells) == len(ARMS) * len(SEEDS)
    pieces: dict[Any, set[int]] = {}
    for cell in cells:
        assert list(cell.result["seconds_by_kind"]) == [*KINDS, OTHER]
        pieces.setdefault(cell.factors["seed"], set()).add(cell.result["word_pieces"])
    assert all(len(counts) == 1 for counts in pieces.values()), "every arm has learned the same sentences"
