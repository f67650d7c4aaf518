"""The folder of a class: private, made once, and the only source of what is drawn."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from companion.classroom.course import create, draw_variant, keyed, open_course, write_atomically
from companion.classroom.grading import draw_cases
from companion.classroom.tasks import SLUGS, load_assignment
from companion.errors import ConfigError


def test_a_class_is_private_and_made_once(tmp_path: Path) -> None:
    course = create(tmp_path / "class", title="Autumn")
    assert stat.S_IMODE((tmp_path / "class").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "class" / "secret").stat().st_mode) == 0o600
    assert open_course(tmp_path / "class") == course
    assert create(tmp_path / "other", title="Spring").secret != course.secret
    with pytest.raises(ConfigError, match="there already"):
        create(tmp_path / "class", title="Again")


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    create(tmp_path / "class", title="Autumn")
    (tmp_path / "class" / "secret").chmod(0o644)
    with pytest.raises(ConfigError, match="can be read by others"):
        open_course(tmp_path / "class")
    (tmp_path / "class" / "secret").chmod(0o600)
    (tmp_path / "class" / "secret").write_text("short\n")
    with pytest.raises(ConfigError, match="not the folder of a class"):
        open_course(tmp_path / "class")
    with pytest.raises(ConfigError, match="not the folder of a class"):
        open_course(tmp_path)


def test_variants_and_cases_follow_from_the_secret_alone() -> None:
    tasks = [(slug, task) for slug in SLUGS for task in load_assignment(slug).tasks]
    secrets = [bytes([number]) * 32 for number in range(24)]
    for slug, task in tasks:
        drawn = {draw_variant(secret, slug, task).name for secret in secrets}
        assert drawn <= {variant.name for variant in task.variants[1:]}, "the published variant is never drawn"
        assert len(drawn) > 1
    assignment = load_assignment(SLUGS[0])
    variants = {task.function: task.variants[1].name for task in assignment.tasks}
    assert draw_cases(assignment, variants, secrets[0]) == draw_cases(assignment, variants, secrets[0])
    others = [draw_cases(assignment, variants, secrets[1]), draw_cases(assignment, variants, secrets[0], attempt=2)]
    assert draw_cases(assignment, variants, secrets[0]) not in others
    assert keyed(b"a", "b", 1).random() != keyed(b"a", "b", 2).random()


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_atomically(tmp_path / "results" / "ada.json", "first")

    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError):
        write_atomically(tmp_path / "results" / "ada.json", "second")
    assert (tmp_path / "results" / "ada.json").read_text() == "first"
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["ada.json"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_what_root_writes_belongs_to_the_teacher(tmp_path: Path) -> None:
    os.chown(tmp_path, 1234, 1234)
    write_atomically(tmp_path / "graded" / "a1" / "ada.json", "{}")
    for path in (tmp_path / "graded", tmp_path / "graded" / "a1", tmp_path / "graded" / "a1" / "ada.json"):
        assert (path.stat().st_uid, path.stat().st_mode & 0o077) == (1234, 0)


def test_a_roster_names_everybody_once(tmp_path: Path) -> None:
    course = create(tmp_path / "class", title="Autumn")
    assert course.roster() == {}
    roster = course.folder / "roster.csv"
    roster.write_text("﻿student,name,email\nada,Ada Lovelace,ada@example.org\nbob,,\n", encoding="utf-8")
    assert course.roster()["ada"]["name"] == "Ada Lovelace"
    assert course.roster()["bob"] == {"student": "bob", "name": "", "email": "", "id": "", "section": ""}
    roster.write_text("student\nada\nada\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="of its own"):
        course.roster()
