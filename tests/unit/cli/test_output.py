"""What leaves a command: tables that fit a terminal, and standard output that nobody reads or that is full."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.cli import main
from companion.cli.output import NARROWEST, columns, table

ROWS = [["name", "cells", "what"], ["saturation", "10", "Where a loss from probabilities stops being a number."]]
COMMAND = [sys.executable, "-c", "import sys; from companion.cli import main; sys.exit(main())", "corpora", "newsroom"]


def test_a_long_last_column_is_folded_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = table(ROWS, explained=True)
    assert whole.splitlines()[2] == "saturation  10     Where a loss from probabilities stops being a number."
    monkeypatch.setenv("COLUMNS", "40")
    assert table(ROWS, explained=True) == whole
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert table(ROWS, explained=True).splitlines() == [
        "name        cells",
        "──────────  ─────",
        "saturation  10",
        "    Where a loss from probabilities",
        "    stops being a number.",
    ]
    monkeypatch.setenv("COLUMNS", "100")
    assert table(ROWS, explained=True) == whole


def test_the_terminal_says_how_many_columns_there_are_and_a_pipe_has_as_many_as_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    assert columns() is None
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert columns() == 140
    monkeypatch.setenv("COLUMNS", "20")
    assert columns() == NARROWEST == 40


@pytest.mark.parametrize("command", ["corpora", "experiments"])
@pytest.mark.parametrize("width", [60, 80])
def test_lists_fit_the_terminal(
    command: str, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main([command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 20
    assert max(map(len, lines)) <= width


def test_a_report_on_all_corpora_takes_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["corpora", "newsroom", "--report"]) == 1
    assert "newsroom is named as well" in capsys.readouterr().err


def test_a_reader_who_leaves_early_is_told_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(COMMAND, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(COMMAND, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "companion: nothing more can be written: No space left on device\n",
    )
