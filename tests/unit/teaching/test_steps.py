"""A derivation: all lines agree, or the first that does not is named."""

import math

import pytest
import torch

from companion.errors import ConfigError
from companion.teaching import derivation

LINES = {"chain rule": 0.5, "multiply out": 1 / 2, "cancel": torch.tensor(0.5)}


def test_lines_that_agree_are_shown_with_their_value(outline):
    piece = derivation(LINES, where="z = 0")
    assert piece.text() == "chain rule: 0.5\nmultiply out: 0.5\ncancel: 0.5\n✓ 3 lines, one value, at z = 0"
    page = outline(piece.html())
    assert page.tags.count("li") == 3
    assert "".join(page.text).count("0.5") == 3
    assert derivation({"a": -0.0, "b": 0.0}).text().startswith("a: 0\nb: 0\n")


def test_the_tolerance_is_measured_from_the_first_line():
    assert "3 lines" in derivation({"a": 1.0, "b": 1.1, "c": 0.9}, tolerance=0.11).text()
    with pytest.raises(AssertionError, match=r"'c' gives 1.2, 'b' gave 1.1; allowed difference 0.11"):
        derivation({"a": 1.0, "b": 1.1, "c": 1.2}, tolerance=0.11)


@pytest.mark.parametrize("value", [math.nan, math.inf, 1.0 + 1e-9])
def test_a_line_that_breaks_the_chain_is_named(value):
    with pytest.raises(AssertionError, match="'b' gives"):
        derivation({"a": 1.0, "b": value})
    with pytest.raises(AssertionError, match="gives"):
        derivation({"a": value, "b": 1.0})


def test_one_line_is_no_derivation():
    with pytest.raises(ConfigError, match="1 lines"):
        derivation({"a": 1.0})


def test_what_was_done_is_escaped(outline, hostile):
    page = outline(derivation({hostile: 1.0, "b": 1.0}, where=hostile).html())
    assert "img" not in page.tags
    assert hostile in "".join(page.text)
