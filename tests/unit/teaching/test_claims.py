import math

import numpy as np
import pytest
import torch

from companion.errors import ConfigError
from companion.teaching import claim
from companion.teaching.claims import number


@pytest.mark.parametrize(
    ("value", "bounds", "text"),
    [
        (0.4213, {"at_least": 0.4}, "✓ said: 0.421 (at least 0.4)"),
        (0.4, {"at_least": 0.4}, "✓ said: 0.400 (at least 0.4)"),
        (3, {"at_most": 4}, "✓ said: 3 (at most 4)"),
        (1250, {"equals": 1250}, "✓ said: 1,250"),
        ("B-PER", {"equals": "B-PER"}, "✓ said: B-PER"),
        (True, {"equals": True}, "✓ said: yes"),
        (("O", "O"), {"equals": ("O", "O")}, "✓ said: ('O', 'O')"),
        (0.5004, {"equals": 0.5, "tolerance": 0.001}, "✓ said: 0.500 (0.5 ± 0.001)"),
        (1.83, {"between": (1.5, 2), "digits": 2, "unit": "×"}, "✓ said: 1.83× (between 1.5 and 2)"),
        (12.0, {"at_most": 30, "digits": 0, "unit": "s"}, "✓ said: 12 s (at most 30)"),
        (0.91, {"at_least": 0.8, "show": "bound"}, "✓ said: at least 0.8"),
        (2.4e-7, {"at_most": 1e-6}, "✓ said: at most 1e-6"),
        (-0.0, {"at_least": 0.0}, "✓ said: 0.000 (at least 0)"),
        (torch.tensor([0.25]), {"at_most": 1}, "✓ said: 0.250 (at most 1)"),
        (np.float64(0.25), {"at_most": 1}, "✓ said: 0.250 (at most 1)"),
        (np.int64(7), {"equals": 7}, "✓ said: 7"),
        (np.bool_(True), {"equals": True}, "✓ said: yes"),
    ],
)
def test_a_claim_that_holds_prints_one_line(capsys, value, bounds, text):
    assert claim("said", value, **bounds) is None
    assert capsys.readouterr().out == text + "\n"


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0.3999, {"at_least": 0.4}),
        (0.3999, {"at_least": 0.4, "show": "bound"}),
        (0.39996, {"at_least": 0.4, "digits": 2}),
        (1.1, {"at_most": 1}),
        (1, {"equals": 2}),
        ("a", {"equals": "b"}),
        (0.52, {"equals": 0.5, "tolerance": 0.01}),
        (3, {"between": (1, 2)}),
        (math.nan, {"at_least": 0}),
        (math.nan, {"at_most": 0}),
        (math.nan, {"between": (0, 1)}),
        (math.nan, {"equals": 0.0, "tolerance": 1.0}),
        (math.nan, {"equals": math.nan}),
        (math.inf, {"at_least": 0}),
        (torch.tensor(float("nan")), {"at_least": 0}),
        (np.float32("nan"), {"at_most": 1}),
    ],
)
def test_a_claim_that_fails_raises_and_prints_nothing(capsys, value, bounds):
    with pytest.raises(AssertionError) as caught:
        claim("said of `it`", value, **bounds)
    assert "said of it" in str(caught.value)
    assert "expected" in str(caught.value)
    assert capsys.readouterr().out == ""


def test_the_error_tells_the_whole_value_and_the_bound():
    with pytest.raises(AssertionError, match=r"measured 0\.39996 points, expected at least 0\.4"):
        claim("said", 0.39996, at_least=0.4, unit="points")


@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"at_least": 1, "at_most": 2},
        {"tolerance": 0.1},
        {"at_least": 1, "tolerance": 0.1},
        {"equals": 1.0, "tolerance": -0.1},
        {"equals": 1.0, "tolerance": math.inf},
        {"at_least": -math.inf},
        {"at_most": math.nan},
        {"at_most": True},
        {"between": (2, 1)},
        {"between": (0, math.inf)},
        {"at_least": 0, "digits": -1},
        {"at_least": 0, "show": "nothing"},
    ],
)
def test_a_claim_that_could_not_fail_is_refused(bounds):
    with pytest.raises(ConfigError):
        claim("said", 1.0, **bounds)


@pytest.mark.parametrize(
    ("value", "bounds"), [("0.9", {"at_least": 0}), (True, {"at_least": 0}), (None, {"at_most": 1})]
)
def test_only_numbers_are_ordered(value, bounds):
    with pytest.raises(ConfigError, match="is not a number"):
        claim("said", value, **bounds)


def test_tensors_of_several_numbers_belong_in_parity():
    with pytest.raises(ConfigError, match="parity"):
        claim("said", torch.ones(2), equals=torch.ones(2))


def test_the_seal_carries_sentence_value_and_bound(heard, outline):
    claim("`zip` keeps less than half", 0.25, at_most=0.5)
    page = outline(heard[0].html())
    assert "code" in page.tags
    assert [text for text in ("zip", "0.250", "at most 0.5") if text in "".join(page.text)] == [
        "zip",
        "0.250",
        "at most 0.5",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-6, "1e-6"),
        (2.5e-7, "2.5e-7"),
        (0.8, "0.8"),
        (2.0, "2"),
        (1234567, "1,234,567"),
        (1e22, "1e22"),
        (False, "no"),
    ],
)
def test_numbers_read_well(value, text):
    assert number(value) == text


def test_an_id_is_kept_in_the_html_and_not_shown(heard, outline):
    claim("said", 1, equals=1, id="K32")
    claim("said", 0.5, at_most=1, show="bound", id="F05 TX10")
    claim("said", 1, equals=1)
    kept = [{name: value for _, name, value in outline(seal.html()).attributes} for seal in heard]
    assert [attributes.get("data-ftc-claim") for attributes in kept] == ["K32", "F05 TX10", None]
    assert not any("K32" in seal.text() or "F05" in seal.text() for seal in heard)
    assert all("K32" not in outline(seal.html()).text for seal in heard)


@pytest.mark.parametrize("id", ["", "k32", "K", "K321", "K32,F05", "K32 ", '"><b>'])
def test_an_id_of_another_form_is_refused(id):
    with pytest.raises(ConfigError, match="id="):
        claim("said", 1, equals=1, id=id)
