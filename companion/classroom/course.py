"""A class on disk: a folder that only the teacher can read, with a secret from which variants and cases are drawn.

secret            32 random bytes in hex, readable by its owner only; whoever has it knows every case
class.json        title, when it was made, schema
roster.csv        optional: student, name, email, id, section
released/         what students get: SLUG.ipynb
collected/SLUG/   STUDENT.ipynb, and log.json with what was refused and why
graded/SLUG/      STUDENT.json
reports/SLUG/     a page a student, a page for the class, CSV files
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import json
import os
import random
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from companion.classroom.tasks import Assignment, Task, Variant
from companion.errors import ConfigError

SCHEMA = 1
ROSTER = ("student", "name", "email", "id", "section")


def keyed(secret: bytes, *parts: str | int) -> random.Random:
    """The generator that belongs to these parts under the secret; without it nothing about its draws can be known."""
    text = "\x1f".join(map(str, parts)).encode()
    return random.Random(int.from_bytes(hmac.digest(secret, text, hashlib.sha256), "big"))


def draw_variant(secret: bytes, slug: str, task: Task) -> Variant:
    """The variant that a class with this secret gets: any but the first, whose solution stands in the book."""
    return keyed(secret, slug, task.function, "variant").choice(task.variants[1:])


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all, whenever the process is ended.

    What root writes belongs to whom the folder belongs, so that grading with `sudo` leaves nothing that the teacher
    cannot read.
    """
    make_folder(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        _hand_over(Path(name))
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each as private as the class and owned as the one above."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _hand_over(folder)


def _hand_over(path: Path) -> None:
    above = path.parent.stat()
    if os.name == "posix" and os.geteuid() == 0 and above.st_uid != 0:
        os.chown(path, above.st_uid, above.st_gid)


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """A class that was made by `create` or opened by `open_course`."""

    folder: Path
    """Its folder."""
    title: str
    """What it is called on the pages."""
    secret: bytes
    """What everything hidden is drawn from."""

    def variants(self, assignment: Assignment) -> dict[str, str]:
        """Function to the name of the variant that this class has."""
        return {task.function: draw_variant(self.secret, assignment.slug, task).name for task in assignment.tasks}

    def released(self, slug: str) -> Path:
        """The notebook that students get."""
        return self.folder / "released" / f"{slug}.ipynb"

    def collected(self, slug: str) -> Path:
        """The folder of submissions."""
        return self.folder / "collected" / slug

    def graded(self, slug: str) -> Path:
        """The folder of results."""
        return self.folder / "graded" / slug

    def reports(self, slug: str) -> Path:
        """The folder of pages and tables."""
        return self.folder / "reports" / slug

    def submissions(self, slug: str) -> dict[str, Path]:
        """Student to the collected file, sorted."""
        found = (path for path in self.collected(slug).glob("*") if path.suffix in (".ipynb", ".py"))
        return {path.stem: path for path in sorted(found)}

    def roster(self) -> dict[str, dict[str, str]]:
        """Student to the row of the roster; empty without one.

        Raises: ConfigError for a roster without the column `student`, or with a student twice.
        """
        path = self.folder / "roster.csv"
        if not path.is_file():
            return {}
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        students = [(row.get("student") or "").strip() for row in rows]
        if rows and (not all(students) or len(set(students)) < len(students)):
            raise ConfigError(
                "every row needs a `student` of its own", file=path, remedy=f"the columns are {', '.join(ROSTER)}"
            )
        return {
            name: {column: (row.get(column) or "").strip() for column in ROSTER}
            for name, row in zip(students, rows, strict=True)
        }


def create(folder: Path, *, title: str) -> Course:
    """Make the folder of a new class, with a new secret.

    Raises: ConfigError when the folder is there and not empty: a second secret would change every grade.

    Taught in: book/classroom/instructors-guide
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError("is there already, and not empty", file=folder, remedy="name a new folder for a new class")
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    handle = os.open(folder / "secret", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(os.urandom(32).hex() + "\n")
    about = {"schema": SCHEMA, "title": title, "made": date.today().isoformat()}
    write_atomically(folder / "class.json", json.dumps(about, indent=1) + "\n")
    return open_course(folder)


def open_course(folder: Path) -> Course:
    """Open the folder of a class.

    Raises: ConfigError when it is none, or its secret is damaged or can be read by others.
    """
    try:
        about: dict[str, Any] = json.loads((folder / "class.json").read_text(encoding="utf-8"))
        secret = bytes.fromhex((folder / "secret").read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError("is not the folder of a class", file=folder, remedy="companion class init FOLDER") from error
    if about.get("schema") != SCHEMA or len(secret) != 32:
        raise ConfigError("is of another version, or its secret is damaged", file=folder)
    for path, mode in ((folder, 0o077), (folder / "secret", 0o077)):
        if os.name == "posix" and path.stat().st_mode & mode:
            raise ConfigError("can be read by others", file=path, remedy=f"chmod go= {path}")
    return Course(folder=folder, title=str(about["title"]), secret=secret)
