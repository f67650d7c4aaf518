"""Whether a folder that a command is to write can be written, asked before anything is loaded that takes a while."""

from __future__ import annotations

import os
from pathlib import Path

from companion.errors import CheckpointError

REMEDY = "choose another folder with --out, or change who may write this one (ls -ld shows it)"


def check_out(out: Path) -> None:
    """Refuse a run folder that cannot be made or written; nothing is made here.

    Raises:
        CheckpointError: naming the folder, or the one above it that stands in the way.
    """
    way = [out, *out.absolute().parents]
    there = next(folder for folder in way if os.path.exists(folder))
    if not there.is_dir():
        told = "is a file" if there == out else f"cannot be made, since {there} is a file"
        raise CheckpointError(f"the run folder {told}", file=out, remedy="choose another folder with --out")
    if not os.access(there, os.W_OK | os.X_OK):
        told = "may not be written" if there == out else f"cannot be made: nothing may be written in {there}"
        raise CheckpointError(f"the run folder {told}", file=out, remedy=REMEDY)
