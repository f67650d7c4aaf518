import math

import numpy as np
import pytest
import torch

from companion.errors import ConfigError
from companion.teaching import parity


@pytest.mark.parametrize(
    ("by_hand", "package", "tolerance", "text"),
    [
        (0.5, 0.5, 0.0, "identical (one value)"),
        (1, 1.0, 0.0, "identical (one value)"),
        ([1.0, 2.0], torch.tensor([1.0, 2.0000001], dtype=torch.float64), 1e-6, "difference ≤ 1e-6 (2 values)"),
        (torch.ones(2, 3), np.ones((2, 3)), 0.0, "identical (6 values)"),
        (torch.ones(2, dtype=torch.bfloat16, requires_grad=True), [1.0, 1.0], 0.0, "identical (2 values)"),
        (
            {"loss": [0.25], "tags": ["O", "B-PER"]},
            {"tags": ["O", "B-PER"], "loss": (0.25,)},
            0.0,
            "identical (3 values)",
        ),
        ([math.inf, -math.inf, None, True], [math.inf, -math.inf, None, True], 1e-3, "difference ≤ 0.001 (4 values)"),
        (["O", "B-PER"], ("O", "B-PER"), 1e-3, "identical (2 values)"),
    ],
)
def test_equal_results_print_the_bound(capsys, by_hand, package, tolerance, text):
    assert parity(by_hand, package, tolerance=tolerance, what="rows") is None
    assert capsys.readouterr().out == f"✓ by hand = companion: rows: {text}\n"


@pytest.mark.parametrize(
    ("by_hand", "package", "tolerance", "told"),
    [
        (0.5, 0.6, 0.05, "the value"),
        ([1.0, [2.0, 3.0]], [1.0, [2.0, 3.1]], 0.01, r"\[1\]\[1\]"),
        ({"a": 1.0}, {"b": 1.0}, 0.0, r"\['[ab]'\]"),
        ([1.0, 2.0], [1.0], 0.0, "2 values by hand, 1 from"),
        (torch.ones(2, 3), torch.ones(3, 2), 0.0, "only one side"),
        (math.nan, math.nan, 1.0, "the value"),
        (math.inf, -math.inf, 1.0, "the value"),
        (math.inf, 5.0, 1.0, "the value"),
        (["O"], ["B-PER"], 1.0, "'B-PER'"),
        ([True], [1.0], 1.0, "True"),
        ([None], [0.0], 1.0, "None"),
        ([], [], 0.0, "nothing to compare"),
    ],
)
def test_different_results_name_the_place(capsys, by_hand, package, tolerance, told):
    with pytest.raises(AssertionError, match=told):
        parity(by_hand, package, tolerance=tolerance)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("tolerance", [-1e-9, math.nan, math.inf, "0.1"])
def test_a_tolerance_that_says_nothing_is_refused(tolerance):
    with pytest.raises(ConfigError, match="tolerance"):
        parity(1.0, 1.0, tolerance=tolerance)


def test_the_other_side_can_be_another_library(capsys):
    parity([1.0], [1.0], what="a shape", against="torch")
    assert capsys.readouterr().out == "✓ by hand = torch: a shape: identical (one value)\n"
