"""Where the book's own data lies: inside an installed wheel, or in the repository."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from companion.errors import DataError


def data_root() -> Path:
    """The folder with `newsroom/`, `records/` and `MANIFEST.json`.

    Raises:
        DataError: neither an installed copy nor the repository's folder is there.

    Taught in: book/walkthroughs/train-a-tagger
    """
    package = Path(str(files("companion")))
    for folder in (package / "_data", package.parent / "data"):
        if (folder / "newsroom").is_dir():
            return folder
    raise DataError("the book's data is not installed", file=package / "_data", remedy="install the package again")
