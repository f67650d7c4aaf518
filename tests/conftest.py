"""What all tests share: the environment in which the book's notebooks are executed, and how workers share the tests."""

from __future__ import annotations

from typing import Any

import pytest

from notebooks import set_environment

set_environment()

APART = "tests/book/test_chapters.py::test_starters_say_not_yet_and_solutions_say_done["
"""Tests that need no fixture of their file and take long: one for each chapter."""


def share(nodeid: str) -> str:
    """What a worker takes as a whole: a file, because its fixtures are made once; each chapter's exercises alone."""
    return nodeid if nodeid.startswith(APART) else nodeid.split("::", 1)[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """`--dist loadfile`, except that one long file does not keep one worker busy while the others are idle."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Shared(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return share(nodeid)

    return Shared(config, log)
