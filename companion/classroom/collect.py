"""Submissions in, from a folder or an archive: one notebook a student, and a reason for whatever is refused.

An archive is read entry by entry and never unpacked to the names it brings.
"""

from __future__ import annotations

import json
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from companion.classroom.course import Course, make_folder, write_atomically
from companion.classroom.release import source_notebook
from companion.classroom.submissions import LARGEST, code_cells
from companion.errors import SubmissionError

KINDS = (".ipynb", ".py")
MOST_ENTRIES = 10_000
MOST_BYTES = 1 << 30
NAME = re.compile(r"[^\w.@+-]+")
"""What no name of a student on disk has."""
NUMBERED = re.compile(r"(^|[_ .-])(late|\d+)(?=$|[_ .-])", re.I)
"""What learning platforms put between a student's name and the file's: numbers, and LATE."""
NAMELESS = "no student can be told from its name: put it into a folder that bears the name"
PLATFORMS = (
    re.compile(r"(?:.*/)?(?P<name>[^/]+?)_(?P<number>\d+)_assignsubmission_", re.I),
    re.compile(r"(?:.*/)?(?P<name>[^/]+?)(?:_late)?_(?P<number>\d+)_\d+_[^/]+$", re.I),
)
"""How Moodle and Canvas call what they give out: a name, a number for the person (Moodle's is another one for each
assignment), and whatever the student's own file was called."""
SHARED = "more than one person is called so: put each notebook into a folder with a name of its own"
COPY = re.compile(r"[ _-]*\(\d+\)$|^copy of ", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class Collected:
    """What came of one collection."""

    taken: dict[str, str]
    """Student to what the file was called."""
    refused: dict[str, str]
    """What a file or a student was called, to why nothing was taken."""


def collect(course: Course, slug: str, source: Path) -> Collected:
    """Copy the submissions of an assignment into the class; a student who is there already is replaced.

    The source is a folder, a zip archive, or one file. In it, a student is a folder (`ada/anything.ipynb`), or the part
    of a file's name before the assignment's (`ada_a1-pad-batch.ipynb`). In what Canvas and Moodle give out, it is whom
    the roster has under that name, else the name itself.

    Raises: ConfigError for an unknown assignment; SubmissionError for an archive that is refused as a whole.

    Taught in: book/classroom/instructors-guide
    """
    source_notebook(slug)
    entries = list(_archive(source) if source.suffix == ".zip" else _folder(source))
    around, roster = _around([name for name, _ in entries], slug), course.roster()
    taken: dict[str, str] = {}
    refused: dict[str, str] = {}
    found: dict[str, list[tuple[str, bytes | str]]] = {}
    for name, content in entries:
        student = _listed(name, roster) or student_of(name.removeprefix(around), slug)
        if student:
            found.setdefault(student, []).append((name, content))
        else:
            refused[name] = content if isinstance(content, str) else NAMELESS
    for student, files in sorted(found.items()):
        if len({_number(name) for name, _ in files} - {""}) > 1:
            refused |= {name: SHARED for name, _ in files}
            continue
        name, content = _choose(files, slug)
        if isinstance(content, str):
            refused[name] = content
        else:
            others = [other for other, _ in files if other != name]
            taken[student] = name + (f" (not {', '.join(sorted(others))})" if others else "")
            _keep(course, slug, student, PurePosixPath(name).suffix, content)
    log = {"taken": taken, "refused": refused}
    write_atomically(course.collected(slug) / "log.json", json.dumps(log, indent=1, ensure_ascii=True) + "\n")
    return Collected(taken=taken, refused=refused)


def student_of(name: str, slug: str) -> str:
    """The student whom a path inside a submission folder belongs to, or nothing."""
    if found := _of_platform(name):
        return _safe(found["name"])
    path = PurePosixPath(name)
    if len(path.parts) > 1:
        return _safe(path.parts[-2] if path.parts[-2] not in (slug, "submitted") else path.parts[0])
    stem = COPY.sub("", path.stem)
    words = re.split(rf"[ _-]*{re.escape(slug)}|[ _-]*{re.escape(slug.replace('-', '_'))}", stem, flags=re.I)
    return _safe(NUMBERED.sub("", words[0]) or NUMBERED.sub("", words[-1])) if len(words) > 1 else _safe(stem)


def _of_platform(name: str) -> re.Match[str] | None:
    return next((found for form in PLATFORMS if (found := form.match(name))), None)


def _number(name: str) -> str:
    """The number of the person in the name that a platform gave, or nothing."""
    found = _of_platform(name)
    return found["number"] if found else ""


def _listed(name: str, roster: Mapping[str, Mapping[str, str]]) -> str:
    """Whom the roster has under the name that a platform gave, whichever part of it comes first; else nothing."""
    found = _of_platform(name)
    if not found or not _letters(found["name"]):
        return ""
    same = [student for student, row in roster.items() if _letters(row["name"]) == _letters(found["name"])]
    if len(same) > 1:
        same = [student for student in same if roster[student]["id"] == found["number"]]
    return same[0] if len(same) == 1 else ""


def _letters(name: str) -> list[str]:
    return sorted(letter for letter in name.casefold() if letter.isalnum())


def _around(names: list[str], slug: str) -> str:
    """The one folder that holds files of several students, each named `ada_a1-pad-batch.ipynb`; nothing otherwise."""
    folders = {name.rpartition("/")[0] for name in names}
    files = [name.rpartition("/")[2] for name in names]
    if len(names) < 2 or len(folders) > 1 or "" in folders:
        return ""
    named = all(slug in file.replace("_", "-") and student_of(file, slug) for file in files)
    return f"{folders.pop()}/" if named and len({student_of(file, slug) for file in files}) > 1 else ""


def _safe(name: str) -> str:
    return NAME.sub("_", name).strip("._- ")[:80]


def _choose(files: list[tuple[str, bytes | str]], slug: str) -> tuple[str, bytes | str]:
    """Of several files of a student the one that is called as the assignment, else the last by name."""
    files = sorted(files, key=lambda item: item[0])
    named = [
        item for item in files if slug in item[0].rsplit("/", 1)[-1].replace("_", "-") and not isinstance(item[1], str)
    ]
    good = named or [item for item in files if not isinstance(item[1], str)] or files
    return good[-1]


def _keep(course: Course, slug: str, student: str, suffix: str, content: bytes) -> None:
    folder = course.collected(slug)
    for other in KINDS:
        if other != suffix:
            (folder / f"{student}{other}").unlink(missing_ok=True)
    target = folder / f"{student}{suffix}"
    make_folder(folder)
    unfinished = folder / f".unfinished-{student}"
    unfinished.write_bytes(content)
    unfinished.replace(target)


def _folder(source: Path) -> Iterator[tuple[str, bytes | str]]:
    """Every notebook below a folder with its content, or with the reason why it is refused."""
    if source.is_file() and source.suffix in KINDS:
        yield source.name, _content(source)
        return
    if not source.is_dir():
        raise SubmissionError("is neither a folder nor a .zip, .ipynb or .py file", file=source)
    for number, path in enumerate(sorted(source.rglob("*"))):
        if number >= MOST_ENTRIES:
            raise SubmissionError(f"holds more than {MOST_ENTRIES} files", file=source)
        name = path.relative_to(source)
        if path.suffix not in KINDS or any(part.startswith((".", "__")) for part in name.parts):
            continue
        inside = path.resolve().is_relative_to(source.resolve())
        link = path.is_symlink() or not inside
        yield name.as_posix(), "is a link, not a file" if link else _content(path)


def _content(path: Path) -> bytes | str:
    if path.stat().st_size > LARGEST:
        return f"is larger than {LARGEST >> 20} MB"
    return path.read_bytes()


def _archive(source: Path) -> Iterator[tuple[str, bytes | str]]:
    """Every notebook of an archive; nothing is written, so a name that points elsewhere has nowhere to point to."""
    if not source.is_file():
        raise SubmissionError("does not exist", file=source)
    try:
        archive = zipfile.ZipFile(source)
    except (OSError, zipfile.BadZipFile) as error:
        raise SubmissionError("is not a zip archive", file=source) from error
    with archive:
        entries = archive.infolist()
        if len(entries) > MOST_ENTRIES:
            raise SubmissionError(f"holds {len(entries)} files, more than {MOST_ENTRIES}", file=source)
        if sum(entry.file_size for entry in entries) > MOST_BYTES:
            raise SubmissionError("would grow beyond 1 GB", file=source)
        for entry in entries:
            yield from _entry(archive, entry)


def _entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[tuple[str, bytes | str]]:
    name = entry.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.suffix not in KINDS or any(part.startswith("__") for part in path.parts):
        return
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        yield name, "its name points out of the archive"
    elif kind not in (0, stat.S_IFREG):
        yield name, "is a link, not a file"
    elif entry.flag_bits & 1:
        yield name, "is encrypted"
    elif entry.file_size > LARGEST:
        yield name, f"is larger than {LARGEST >> 20} MB"
    else:
        yield name, _unpacked(archive, entry)


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | str:
    try:
        with archive.open(entry) as file:
            # The size that an entry declares need not be the size it has.
            content = file.read(LARGEST + 1)
    except (OSError, zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, zipfile.zlib.error):
        return "cannot be unpacked"
    return content if len(content) <= LARGEST else f"is larger than {LARGEST >> 20} MB"


def unreadable(course: Course, slug: str) -> dict[str, str]:
    """Students whose collected file is no notebook, with the reason; they are graded all the same, with no points."""
    found = {}
    for student, path in course.submissions(slug).items():
        try:
            code_cells(path)
        except SubmissionError as error:
            found[student] = error.problem
    return found
