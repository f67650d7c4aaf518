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
        ("Ada Lovelace_55_assignsubmission_file_/x.ipynb", "Ada_Lovelace"),
        ("Ada Lovelace_55_assignsubmission_file/a1-pad-batch/x.ipynb", "Ada_Lovelace"),
        ("Ada Lovelace_55_assignsubmission_file_Untitled7.ipynb", "Ada_Lovelace"),
        ("all/lovelaceada_LATE_12345_678910_Untitled7-1.ipynb", "lovelaceada"),
        ("ada_7.ipynb", "ada_7"),
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


def test_two_people_of_one_name_lose_nothing(course: Course, tmp_path: Path) -> None:
    both = [f"Li Wei_{number}_assignsubmission_file_/x.ipynb" for number in (55, 56)]
    twice = [f"noycebob_7_{file}_{SLUG}.ipynb" for file in (1, 2)]
    taken = collect(course, SLUG, archive_of(tmp_path / "all.zip", dict.fromkeys([*both, *twice], NOTEBOOK)))
    assert list(taken.taken) == ["noycebob"]
    assert list(taken.refused) == both
    assert "more than one person" in taken.refused[both[0]]
    assert list(course.submissions(SLUG)) == ["noycebob"]


def test_the_roster_says_who_a_platform_means(course: Course, tmp_path: Path) -> None:
    rows = 'ada,Ada Lovelace,1001\nwei1,Li Wei,7\nwei2,"Wei, Li",8\nzoë,Zoë Zed,9\n'
    (course.folder / "roster.csv").write_text(f"student,name,id\n{rows}", encoding="utf-8")
    names = ["lovelaceada_5_6_Untitled.ipynb", "weili_7_1_x.ipynb", "weili_8_2_x.ipynb", "noycebob_3_4_x.ipynb"]
    entries = dict.fromkeys([*names, "Zoë Zed_55_assignsubmission_file_/x.ipynb"], NOTEBOOK)
    taken = collect(course, SLUG, archive_of(tmp_path / "all.zip", entries))
    assert taken.refused == {}
    assert sorted(taken.taken) == ["ada", "noycebob", "wei1", "wei2", "zoë"]


def test_a_folder_around_everything_is_no_student(course: Course, tmp_path: Path) -> None:
    entries = {f"week 2/{name}_{SLUG}.ipynb": NOTEBOOK for name in ("ada", "bob")}
    assert list(collect(course, SLUG, archive_of(tmp_path / "all.zip", entries)).taken) == ["ada", "bob"]
    own = {f"cem/{name}.ipynb": NOTEBOOK for name in ("draft", SLUG)}
    assert list(collect(course, SLUG, archive_of(tmp_path / "one.zip", own)).taken) == ["cem"]


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
    with pytest.raises(SubmissionError, match="does not exist"):
        collect(course, SLUG, tmp_path / "nowhere.zip")
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
