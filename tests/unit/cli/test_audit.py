"""`companion audit` as a user types it: exit code 1 for what cannot be, 0 for what can, and clear refusals."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from companion.cli import main
from companion.evaluation.forensics import PRINTED_TABLE

HONEST = "precision recall f1-score support\na 0.667 1.000 0.800 2\nb 1.000 0.500 0.667 2\naccuracy 0.750 4\n"


def test_an_impossible_table_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.txt").write_text(PRINTED_TABLE, encoding="utf-8")
    assert main(["audit", str(tmp_path / "report.txt")]) == 1
    shown = capsys.readouterr().out
    assert "✗ I-ORG, recall 0.894: no whole number of hits in 835 items gives it" in shown
    assert main(["audit", str(tmp_path / "report.txt"), "--total", "46436", "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert document["impossible"] == 11
    assert "support-total" in {finding["kind"] for finding in document["findings"]}


def test_a_possible_table_passes_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(HONEST))
    assert main(["audit", "-"]) == 0
    assert capsys.readouterr().out.startswith("Nothing found")


def test_what_cannot_be_read_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(tmp_path / "none.txt")]) == 1
    assert "none.txt: cannot be read" in capsys.readouterr().err
    (tmp_path / "bad.txt").write_text(HONEST.replace("0.667 2", "0.6x7 2"), encoding="utf-8")
    assert main(["audit", str(tmp_path / "bad.txt"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["line"] == 3
    (tmp_path / "latin.txt").write_bytes(HONEST.replace("a ", "ä ").encode("latin-1"))
    assert main(["audit", str(tmp_path / "latin.txt")]) == 1
    assert "is not UTF-8" in capsys.readouterr().err
