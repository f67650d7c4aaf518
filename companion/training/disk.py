"""What the system does for files that must not be lost: flushed, locked, removed, and its errors in plain words."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import IO

FOLDERS_OPEN = os.name != "nt"
"""Whether the system opens a folder as it does a file; Windows does not."""


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk.

    A rename survives a power failure only when the folder that holds the name has been flushed too. Where folders
    cannot be opened there is nothing to be done for one.
    """
    if not FOLDERS_OPEN and path.is_dir():
        return
    # Windows flushes a file only where it was opened for writing.
    descriptor = os.open(path, os.O_RDONLY if FOLDERS_OPEN else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(lock: IO[str]) -> None:
    """Lock an open file. The system frees it when the process ends, however it ends, so no lock is ever stale."""
    try:
        import fcntl
    except ImportError:  # on Windows, where an open file cannot be replaced by another process anyway
        return
    # Not `flock`: a forked worker of a data loader would go on holding it after its parent was killed.
    fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def remove(path: Path) -> None:
    """Delete what is not needed any more; that some of it stays behind is no reason to end a run after a good save."""
    if path.is_symlink():
        path.unlink()
    elif path.exists():
        shutil.rmtree(path, ignore_errors=True)


def reason(error: Exception) -> str:
    """What went wrong in the system's words, without its number and path: the message names the place itself."""
    return getattr(error, "strerror", None) or str(error)
