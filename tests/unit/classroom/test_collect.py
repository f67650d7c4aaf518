"""Collecting: students told from names, harmful archives refused, nothing written outside the class (G07)."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from companion.classroom import collect as collecting
from companion.classroom.collect import collect, student_of
from companion.classroom.course import Course, create
from companion.errors import CompanionError, SubmissionError

SLUG = "a1-pad-batch"
NOTEBOOK = json.dumps({"nbformat": 4, "cells": [{"cell_type": "code", "source": ["x = 1"]}]})


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return create(tmp_path / "class", title="Autumn")


def archive_of(path: Path, entries: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("ada/anything.ipynb", "ada"),
        ("week 1/ada/a1-pad-batch.ipynb", "ada"),
        ("ada/a1-pad-batch/a1-pad-batch.ipynb", "ada"),
        ("ada_a1-pad-batch.ipynb", "ada"),
        ("lovelaceada_12345_678910_a1-pad-batch.ipynb", "lovelaceada"),
        ("lovelaceada_LATE_12345_678910_a1-pad-batch-2.ipynb", "lovelaceada"),
        ("a1-pad-batch_ada.ipynb", "ada"),
        ("Copy of ada_a1_pad_batch (1).ipynb", "ada"),
        ("ada.ipynb", "ada"),
        ("a1-pad-batch.ipynb", ""),
        ("Ada Lovelace_55_assignsubmission_file_/x.ipynb", "Ada_Lovelace_55_assignsubmission_file"),
    ],
)
def test_a_student_is_told_from_the_name(name: str, student: str) -> None:
    assert student_of(name, SLUG) == student


def test_a_folder_a_file_and_an_archive(course: Course, tmp_path: Path) -> None:
    source = tmp_path / "in"
    (source / "ada").mkdir(parents=True)
    (source / "ada" / "old.ipynb").write_text("{}")
    (source / "ada" / "a1-pad-batch.ipynb").write_text(NOTEBOOK)
    (source / "bob_a1-pad-batch.py").write_text("x = 1")
    (source / "notes.txt").write_text("not a submission")
    (source / ".ipynb_checkpoints").mkdir()
    (source / ".ipynb_checkpoints" / "eve.ipynb").write_text(NOTEBOOK)
    taken = collect(course, SLUG, source)
    assert taken.taken == {"ada": "ada/a1-pad-batch.ipynb (not ada/old.ipynb)", "bob": "bob_a1-pad-batch.py"}
    assert course.submissions(SLUG)["ada"].read_text() == NOTEBOOK
    collect(course, SLUG, archive_of(tmp_path / "late.zip", {"bob_a1-pad-batch.ipynb": NOTEBOOK}))
    assert {name: path.suffix for name, path in course.submissions(SLUG).items()} == {"ada": ".ipynb", "bob": ".ipynb"}
    (tmp_path / "a1-pad-batch.ipynb").write_text(NOTEBOOK)
    assert "no student" in collect(course, SLUG, tmp_path / "a1-pad-batch.ipynb").refused["a1-pad-batch.ipynb"]
    with pytest.raises(CompanionError, match="neither a folder"):
        collect(course, SLUG, tmp_path / "late.tar")
    with pytest.raises(CompanionError, match="no notebook"):
        collect(course, "a9-nothing", source)


def test_names_that_point_out_of_an_archive_are_refused(course: Course, tmp_path: Path) -> None:
    names = ["../../ada.ipynb", "/etc/bob.ipynb", "x/../../../eve.ipynb", "C:/mal.ipynb", "..\\..\\win.ipynb"]
    taken = collect(course, SLUG, archive_of(tmp_path / "evil.zip", dict.fromkeys([*names, "good/x.ipynb"], NOTEBOOK)))
    assert list(taken.taken) == ["good"]
    assert len(taken.refused) == len(names)
    assert set(taken.refused.values()) == {"its name points out of the archive"}
    everything = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    collected = {f"class/collected/{SLUG}/{name}" for name in ("good.ipynb", "log.json")}
    assert everything == {"evil.zip", "class/secret", "class/class.json"} | collected


def test_links_are_refused(course: Course, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        link = zipfile.ZipInfo("ada/x.ipynb")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    assert "link" in collect(course, SLUG, tmp_path / "links.zip").refused["ada/x.ipynb"]
    source = tmp_path / "in"
    (source / "bob").mkdir(parents=True)
    (source / "bob" / "x.ipynb").symlink_to(course.folder / "secret")
    (source / "eve").symlink_to(course.folder)
    assert "link" in collect(course, SLUG, source).refused["bob/x.ipynb"]
    assert course.submissions(SLUG) == {}


def test_archives_that_would_fill_the_disk_are_refused(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = archive_of(tmp_path / "crowd.zip", {f"{number}/x.ipynb": "" for number in range(10_001)})
    with pytest.raises(SubmissionError, match="10001 files"):
        collect(course, SLUG, crowd)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ada/x.ipynb", b"0" * (17 << 20))
        archive.writestr("bob/x.ipynb", NOTEBOOK)
    taken = collect(course, SLUG, tmp_path / "bomb.zip")
    assert taken.refused == {"ada/x.ipynb": "is larger than 16 MB"}
    assert list(taken.taken) == ["bob"]
    monkeypatch.setattr(collecting, "MOST_BYTES", 1 << 20)
    with pytest.raises(SubmissionError, match="grow beyond"):
        collect(course, SLUG, tmp_path / "bomb.zip")
    (tmp_path / "no.zip").write_bytes(b"PK nothing of the kind")
    with pytest.raises(SubmissionError, match="not a zip archive"):
        collect(course, SLUG, tmp_path / "no.zip")


def test_an_entry_that_lies_about_its_size_is_refused(course: Course, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "lie.zip", {"ada/x.ipynb": NOTEBOOK, "bob/x.ipynb": NOTEBOOK})
    content = bytearray(path.read_bytes())
    at = content.find(NOTEBOOK.encode())
    content[at] ^= 0xFF  # the checksum does not fit any more
    path.write_bytes(bytes(content))
    taken = collect(course, SLUG, path)
    assert taken.refused == {"ada/x.ipynb": "cannot be unpacked"}
    assert list(taken.taken) == ["bob"]
