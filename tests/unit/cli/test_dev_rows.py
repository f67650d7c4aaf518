"""What chooses is said: where dev comes from, how many rows it has, and a warning or refusal where luck chooses."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.cli.dev_rows import LEAST, describe_dev
from companion.cli.source import Source
from companion.errors import ConfigError


def source(folder: Path, rows: int, *, dev: int | None = None) -> Source:
    """Texts that all differ, in a file, or in one for train and one for dev."""
    files = {}
    for name, number in (("train", rows), ("dev", dev)):
        if number is not None:
            lines = [f"text number {name} {place},{'ab'[place % 2]}" for place in range(number)]
            files[name] = folder / f"{name}.csv"
            files[name].write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    return Source(**files)


def told(given: Source, capsys: pytest.CaptureFixture[str], *, least: int = 0) -> list[str]:
    corpus = given.load()
    capsys.readouterr()
    describe_dev(corpus, given, chooses="the settings", least=least)
    return capsys.readouterr().err.splitlines()


def test_a_dev_split_by_rule_is_said_with_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given = source(tmp_path, 2000)
    size = len(given.load().dev)
    assert 150 < size < 250
    lines = told(given, capsys, least=LEAST)
    assert lines == [
        f"dev, which chooses the settings: {size} rows, a tenth of {given.train} by rule (--dev names a file)"
    ]


def test_few_rows_are_warned_of_and_very_few_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    given = source(tmp_path, 30)
    rows = len(given.load().dev)
    assert 0 < rows < LEAST
    lines = told(given, capsys)
    assert len(lines) == 2
    assert lines[1].startswith(f"warning: a score of 0.8 on {rows} row")
    with pytest.raises(ConfigError, match=r"so luck chooses the settings\n  → name a file with --dev"):
        told(given, capsys, least=LEAST)


def test_a_named_dev_file_is_warned_of_and_never_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert told(source(tmp_path, 30, dev=3), capsys, least=LEAST) == [
        "warning: a score of 0.8 on 3 rows is known to ± 0.45 only (95 %), so luck chooses the settings; "
        "100 rows and more would choose better"
    ]
    assert told(source(tmp_path, 30, dev=100), capsys, least=LEAST) == []
    assert told(Source(corpus="newsroom-topic"), capsys, least=LEAST) == []


@pytest.mark.parametrize("command", ["tune", "train"])
def test_the_commands_say_it(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    from companion.cli import main

    given = source(tmp_path, 30)
    # A model that is not there ends the training before it begins.
    words = ["--train", str(given.train), "--model", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]
    assert main([command, *words]) == 1
    said = capsys.readouterr().err
    assert "by rule (--dev names a file)" in said
    assert ("companion: a score of 0.8" in said) == (command == "tune")
    assert ("warning: a score of 0.8" in said) == (command == "train")
    assert not (tmp_path / "out").exists()
