"""The manifest names every file that travels, and notices every change."""

import json
from pathlib import Path

import pytest

from companion.corpora.location import data_root
from companion.corpora.manifest import FOLDERS, differences, listed, main, manifest, verify_file, write_manifest
from companion.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "newsroom").mkdir()
    (tmp_path / "newsroom" / "train.conll").write_text("EU\tB-ORG\nsays\tO\n\nOslo\tB-LOC\n")
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "run.json").write_text("{}")
    (tmp_path / "records" / ".hidden").write_text("x")
    write_manifest(tmp_path)
    return tmp_path


def test_every_file_is_described(folder: Path) -> None:
    conll, record = listed(folder).values()
    assert conll["path"] == "newsroom/train.conll"
    assert conll["counts"] == {"sentences": 2, "words": 3, "entities": 2}
    assert (conll["licence"], conll["bytes"], len(conll["sha256"])) == ("CC0-1.0", 28, 64)
    assert (record["path"], record["counts"]) == ("records/run.json", {})
    assert differences(folder) == []
    # What all files of a folder share stands in the file once.
    assert (folder / "MANIFEST.json").read_text().count("CC0-1.0") == len({"newsroom", "records"})


def test_changes_are_noticed(folder: Path) -> None:
    (folder / "newsroom" / "train.conll").write_text("EU\tB-ORG\n")
    (folder / "records" / "run.json").unlink()
    (folder / "records" / "new.json").write_text("{}")
    assert differences(folder) == [
        "records/run.json is listed but missing",
        "records/new.json is not listed",
        "newsroom/train.conll differs in bytes, sha256, counts",
    ]


def test_the_command_checks_and_writes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", "--root", str(folder)]) == 0
    (folder / "records" / "run.json").write_text("[]")
    assert main(["--check", "--root", str(folder)]) == 1
    assert "records/run.json differs in sha256" in capsys.readouterr().out
    assert main(["--write", "--root", str(folder)]) == 0
    assert main(["--check", "--root", str(folder)]) == 0
    (folder / "MANIFEST.json").unlink()
    assert main(["--check", "--root", str(folder)]) == 1
    assert "no such file" in capsys.readouterr().err


def test_a_file_without_a_known_licence_is_refused(folder: Path) -> None:
    (folder / "stray.txt").write_text("x")
    with pytest.raises(DataError, match="the licence and source of this file are not known"):
        manifest(folder)
    assert "newsroom" in FOLDERS


def test_a_file_is_verified_before_it_is_read(folder: Path) -> None:
    assert verify_file(folder, "newsroom/train.conll") == folder / "newsroom" / "train.conll"
    with pytest.raises(DataError, match=r"newsroom/dev.conll is not listed"):
        verify_file(folder, "newsroom/dev.conll")
    (folder / "newsroom" / "train.conll").write_text("EU\tO\n")
    with pytest.raises(DataError, match="the file was altered: sha256 .* expected"):
        verify_file(folder, "newsroom/train.conll")


BROKEN = (
    "",
    "[]",
    "{}",
    '{"format": 9, "files": []}',
    '{"format": 2, "folders": {}, "files": [1]}',
    '{"format": 2, "folders": {}, "files": [{"path": "x/y"}]}',
)


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_manifest_is_named(folder: Path, text: str) -> None:
    (folder / "MANIFEST.json").write_text(text)
    with pytest.raises(DataError, match=r"MANIFEST.json"):
        differences(folder)


def test_the_shipped_manifest_is_up_to_date() -> None:
    assert differences(data_root()) == []
    listed = json.loads((data_root() / "MANIFEST.json").read_text("utf-8"))["files"]
    assert {f"newsroom/{split}.conll" for split in ("train", "dev", "test")} <= {line["path"] for line in listed}
