"""Where data lies: the book's own inside an installed wheel or the repository, downloads in the user's cache."""

from __future__ import annotations

import os
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
    raise DataError("the book's data is not installed", file=package / "_data", remedy="Install the package again.")


def public_root() -> Path | None:
    """The folder of public corpora that `COMPANION_DATA` names, or None.

    Raises:
        DataError: the variable names something that is not a folder.

    Taught in: book/walkthroughs/train-a-tagger
    """
    named = os.environ.get("COMPANION_DATA")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataError(
            "COMPANION_DATA names a folder that is not there",
            file=folder,
            remedy="Correct the variable, or unset it to use the cache and downloads.",
        )
    return folder


def cache_root() -> Path:
    """The folder for downloads: `COMPANION_CACHE`, or `companion` in the user's cache.

    Taught in: book/walkthroughs/train-a-tagger
    """
    named = os.environ.get("COMPANION_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "companion"
