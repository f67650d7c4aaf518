"""Are there pickle files in the folder, which run code when they are opened?"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from companion.doctor.findings import WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe, need

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

HEADS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
MOST_FILES = 10_000


def examine(patient: Patient) -> Outcome:
    """Look at the first bytes of every file, never at its name alone, and open none of them.

    Raises:
        CannotCheck: there is no folder.
    """
    need(patient.folder, "no folder of a saved model was given (folder=)")
    if not patient.folder.is_dir():
        raise CannotCheck("there is no such folder")
    files = [path for path in sorted(patient.folder.rglob("*"))[:MOST_FILES] if path.is_file()]
    found = [path for path in files if _is_pickle(path)]
    if not found:
        return f"none of {len(files)} files is a pickle, which would run code when it is opened"
    names = ", ".join(path.relative_to(patient.folder).as_posix() for path in found[:4])
    return [
        PROBE.finding(
            WARNING,
            f"{len(found)} of {len(files)} files are pickles, which run whatever code they hold when they are opened: "
            f"{names}{' …' if len(found) > 4 else ''}.",
            "Keep weights as safetensors and settings as JSON; do not pass these files on.",
            pickles=len(found),
        )
    ]


def _is_pickle(path: Path) -> bool:
    """A raw pickle, or the archive that torch.save writes around one."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
        if head.startswith(HEADS):
            return True
        if head == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                return any(name.endswith(".pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
    return False


PROBE = Probe(
    name="pickles",
    question="Are there pickle files in the folder?",
    needs="folder",
    costs="reads a few bytes of each file",
    proves="which files run code when they are opened",
    page="book/walkthroughs/the-production-training-loop#files-read",
    examine=examine,
)
