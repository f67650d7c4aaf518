"""Folders that cannot be written: named, with a remedy, before anything is trained, and without a traceback."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from companion.cli import main
from companion.cli.folders import check_out
from companion.errors import CheckpointError

COMMANDS = (
    ["train", "--train", "my.csv"],
    ["tune", "--train", "my.csv"],
    ["train", "--train", "my.jsonl", "--task", "answers"],
    ["train", "--train", "my.csv", "--recipe", "hybrid", "--text", "my.txt"],
)


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that nobody may write, also where the tests run as root."""
    folder = tmp_path / "locked"
    folder.mkdir()
    allowed = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: not (mode & os.W_OK and Path(path) == folder) and allowed(path, mode)
    )
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_trains_asks_first(command: list[str], locked: Path, capsys: pytest.CaptureFixture[str]):
    for out, told in ((locked, "may not be written"), (locked / "a" / "b", f"nothing may be written in {locked}")):
        assert main([*command, "--out", str(out)]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"companion: {out}: the run folder ")
        assert told in said
        assert "→ choose another folder with --out" in said
        assert "Errno" not in said
    assert list(locked.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path):
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(CheckpointError, match="the run folder is a file"):
        check_out(tmp_path / "file")
    with pytest.raises(CheckpointError, match="cannot be made, since .*file is a file"):
        check_out(tmp_path / "file" / "run" / "one")
    check_out(tmp_path / "new" / "run")
    assert not (tmp_path / "new").exists()


def test_what_is_denied_later_is_said_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    def denied(*given: object, **options: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "runs/mine/run.json")

    monkeypatch.setattr("companion.cli.audit.audit_report", denied)
    assert main(["audit", "table.md", "--json"]) == 1
    told = capsys.readouterr()
    assert told.err.startswith("companion: runs/mine/run.json: Permission denied\n  → name another file or folder")
    assert json.loads(told.out)["file"] == "runs/mine/run.json"

    def broken(*given: object, **options: object) -> None:
        raise OSError(errno.EIO, "of another kind")

    monkeypatch.setattr("companion.cli.audit.audit_report", broken)
    with pytest.raises(OSError, match="of another kind"):
        main(["audit", "table.md"])
