"""What the chapters promise beside their outputs: shown source is today's, and every exercise can be solved."""

from pathlib import Path

import pytest

from companion.teaching.refresh import refreshed
from companion.teaching.solutions import run_solutions, warm_interpreter
from notebooks import notebooks

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = [path for path in notebooks(ROOT) if path.parent.name != "assignments"]


@pytest.mark.parametrize("path", CHAPTERS, ids=str)
def test_shown_source_is_the_source_of_today(path):
    found = refreshed(ROOT / path, check=True)
    assert found.stale == (), "cells that show an older source: make refresh"
    assert found.cells >= 1, "a chapter shows the lines of the package that it explains"


@pytest.fixture(scope="session")
def warm():
    with warm_interpreter() as process:
        yield process


@pytest.mark.slow
@pytest.mark.parametrize("path", CHAPTERS, ids=str)
def test_starters_say_not_yet_and_solutions_say_done(path, warm):
    proofs = run_solutions(ROOT / path, warm=warm)
    assert [proof for proof in proofs if not proof.holds] == []
    assert len(proofs) == 3
