"""Tests go to workers by file; the exercises of each chapter go one by one."""

from __future__ import annotations

from tests.book import test_chapters
from tests.conftest import APART, share


def test_a_file_stays_together():
    assert share("tests/unit/test_a.py::test_one[x::y]") == share("tests/unit/test_a.py::test_two")
    assert share("tests/book/test_chapters.py::test_a") == "tests/book/test_chapters.py"


def test_exercises_are_shared_out():
    """The name is that of a test, or nothing would be shared out."""
    name = APART.split("::")[1].rstrip("[")
    assert callable(getattr(test_chapters, name))
    assert share(f"{APART}book/a.ipynb]") != share(f"{APART}book/b.ipynb]")
