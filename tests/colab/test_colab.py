"""A chapter opened in Colab: nothing preinstalled is replaced, and a notebook needs nothing but its own setup cell."""

from __future__ import annotations

import json
import re

import pytest

from notebooks import ROOT, notebooks
from tests.colab import room

SAMPLE = ("what-fine-tuning-is", "reading-a-results-table")
"""Two quick chapters; `make colab` runs them all."""


def test_colab_keeps_what_it_has():
    there = room.preinstalled(room.PREINSTALLED.read_text(encoding="utf-8"))
    assert len(there) > 600 and set(room.TOUCHED) <= set(there)
    for extra in ("offline", "notebook", "datasets", "tuning"):
        asked = [line for line in room.requirements_of(extra) if not line.startswith("finetuning-companion")]
        assert len(asked) > 9
        assert room.upgrades(asked, there) == []


def test_a_bound_above_colab_is_found():
    there = room.preinstalled("ipywidgets==7.7.1\nnumpy==2.1.3\n# a remark\ntorch==2.11.0+cu128\n")
    asked = ["ipywidgets>=8.1", "numpy>=1.26", "nbval>=0.11", "torch>=2.10", "torch>=2.12"]
    assert room.upgrades(asked, there) == [
        "ipywidgets>=8.1 would replace ipywidgets 7.7.1",
        "torch>=2.12 would replace torch 2.11.0+cu128",
    ]


def test_every_setup_cell_asks_for_the_package_where_it_is():
    asked = 0
    for path in notebooks():
        cells = json.loads((ROOT / path).read_text(encoding="utf-8"))["cells"]
        lines = [line for cell in cells if cell["cell_type"] == "code" for line in cell["source"] if "%pip ins" in line]
        assert len(lines) == 1, f"{path} installs {len(lines)} times"
        place = re.escape(room.repository_address())
        assert re.search(rf'"finetuning-companion\[offline(,\w+)*\] @ git\+{place}"', lines[0]), path
        asked += 1
    assert asked >= 20


@pytest.mark.colab
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is no repository to install from")
def test_two_chapters_run_as_in_colab(tmp_path):
    place = room.build(tmp_path, colab_versions=False)
    ran = 0
    for name in SAMPLE:
        path = next(ROOT / path for path in notebooks() if path.stem == name)
        result = room.run_notebook(path, place)
        assert room.passed(result), result
        ran += 1
    assert ran == 2


def test_a_notebook_that_fails_or_replaces_is_told():
    whole = {"cells": 2, "run": 2, "error": "", "replaced": []}
    assert room.passed(whole)
    for change in ({"error": "NameError: x"}, {"run": 1}, {"replaced": ["numpy"]}):
        assert not room.passed(whole | change)
