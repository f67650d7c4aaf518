"""Small files to read, and the folder of public corpora where there is one."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run, and no limit on time: a slow machine is not a fault of the readers.
STEADY = settings(derandomize=True, deadline=None, database=None, max_examples=200)

Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Write text (as UTF-8, line ends as given) or bytes into a file of the test's own folder."""

    def writer(content: str | bytes, name: str = "train.conll") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return writer


@pytest.fixture
def public_root() -> Path:
    """The folder that COMPANION_DATA names."""
    named = os.environ.get("COMPANION_DATA")
    if not named:
        pytest.skip("COMPANION_DATA is not set: the public corpora are not at hand")
    return Path(named)
