"""Notebooks as they come back: without metadata, reordered, doubled, broken, empty, or another one (G08)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.classroom.reading import read_notebook, shingles, without_magics
from companion.classroom.runner import Unusable, define, plain
from companion.classroom.submissions import code_cells
from companion.errors import SubmissionError


def defined(*cells: str) -> dict:
    namespace: dict = {}
    define(read_notebook(cells, ["f"]), namespace, 2.0)
    return namespace


def test_only_definitions_run() -> None:
    names = defined("K = 2\nprint(1 / 0)\nfor i in range(3):\n    K += 1\nassert False", "def f(x):\n    return x * K")
    assert names["f"](3) == 6
    assert "i" not in names


def test_cells_in_another_order_and_the_last_definition_counts() -> None:
    cells = ["def f(x, k=K):\n    return x * k", "K = J + 1", "J = 1"]
    assert defined(*cells)["f"](3) == 6
    twice = ["def f(x):\n    return 1", "K = 5", "def f(x):\n    return 2"]
    assert defined(*twice)["f"](0) == 2
    assert read_notebook(twice, ["f"]).definitions == {"f": [1, 3]}
    late = ["def f(x=LATE):\n    return x", "def f(x=2):\n    return x", "LATE = 1"]
    assert defined(*late)["f"]() == 2, "an earlier definition that only now succeeds does not come last"


def test_broken_cells_spoil_nothing_else() -> None:
    cells = ["def f(x):\n    return x", "def g(:\n", "h = 1 /", "\x00", "y = " + "(" * 500 + ")" * 500]
    notebook = read_notebook(cells, ["f", "g"])
    assert defined(*cells)["f"](1) == 1
    assert [cell for cell, _ in notebook.unreadable] == [2, 3, 4, 5]
    assert notebook.definitions == {"f": [1]}


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install torch\nif True:\n    %time y = 2\n", "pass\nif True:\n    pass\n"),
        ("files = !ls\nf?\nx = 1", "pass\npass\nx = 1"),
        ("%%bash\nrm -rf nothing", ""),
        ("x = (7\n% 4)", "x = (7\n% 4)"),
        ("%unknown_magic really\nx = 1", "pass\nx = 1"),
    ],
)
def test_magics_are_left_out_and_said(source: str, kept: str) -> None:
    assert without_magics(source) == (kept, kept != source)


def test_predictions_are_read_and_never_run() -> None:
    cells = [
        'prediction_f = "A"',
        'prediction_f = "B"\nprediction_g = "C"',
        "prediction_f = input()",
        "prediction_f = 1",
    ]
    assert read_notebook(cells, ["f"]).predictions == {"f": "B"}


def test_shingles_look_through_names_comments_and_layout() -> None:
    import ast

    one = ast.parse(
        "def f(rows, pad):\n    'doc'\n    w = max(map(len, rows))\n    return [r + [pad] * (w - len(r)) for r in rows]"
    )
    two = ast.parse(
        "def f(a, b):\n    # mine\n    n = max(map(len, a))\n    return [\n  x + [b] * (n - len(x)) for x in a]"
    )
    other = ast.parse("def f(a, b):\n    out = []\n    for x in a:\n        out.append(x)\n    return out")
    assert shingles(one.body[0]) == shingles(two.body[0])
    assert not set(shingles(one.body[0])) & set(shingles(other.body[0]))


def test_values_are_json_or_nothing() -> None:
    assert plain({"a": (1, [2.0, None, True, "x"])}) == {"a": [1, [2.0, None, True, "x"]]}

    class Meta(type):
        __eq__ = lambda a, b: True  # noqa: E731
        __hash__ = type.__hash__

    class Yes(metaclass=Meta):
        pass

    for value in (Yes(), {1: 2}, {1}, b"x", object(), type("I", (int,), {})(3), iter([])):
        with pytest.raises(Unusable):
            plain([value])
    ring: list = []
    ring.append(ring)
    with pytest.raises(Unusable, match="deeply"):
        plain(ring)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("# a script", "does not hold JSON"),
        ("[" * 100_000, "does not hold JSON"),
        ('{"worksheets": []}', "not a notebook of version 4"),
        ('{"cells": [1]}', "not a notebook of version 4"),
        ('{"cells": [{"cell_type": "code", "source": [1]}]}', "a cell has no text"),
    ],
)
def test_what_is_no_notebook_is_said_so(tmp_path: Path, content: str, problem: str) -> None:
    (tmp_path / "x.ipynb").write_text(content)
    with pytest.raises(SubmissionError, match=problem):
        code_cells(tmp_path / "x.ipynb")


def test_a_notebook_without_metadata_and_a_script(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown"},
        {"cell_type": "code", "source": "a = 1"},
        {"cell_type": "code", "source": ["b = ", "2"]},
    ]
    (tmp_path / "x.ipynb").write_text("﻿" + json.dumps({"cells": cells}), encoding="utf-8")
    assert code_cells(tmp_path / "x.ipynb") == ["a = 1", "b = 2"]
    (tmp_path / "x.py").write_text("a = 1\n")
    assert code_cells(tmp_path / "x.py") == ["a = 1\n"]
    (tmp_path / "y.py").write_bytes(b"\xff\xfe")
    with pytest.raises(SubmissionError, match="UTF-8"):
        code_cells(tmp_path / "y.py")
