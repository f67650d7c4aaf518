"""`companion predict RUN -`: what comes through a pipe is answered as it comes; a file is read in large pieces."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from companion.cli import main
from companion.cli.predict import BLOCK, CHUNK, _arriving, _is_live
from tests.tokenizers import make_model_folder

LINES = ["Zwingmann visited Oslo.", "", "Müller\r", "Merkel came"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("stream")
    rows = [f"{name} {verb},{verb}" for name in ("Ann", "Bob", "Eve") for verb in ("came", "left")]
    (folder / "my.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    base = make_model_folder("wordpiece", folder / "tiny")
    small = ["--model", str(base), "--max-updates", "1", "--precision", "fp32", "--device", "cpu"]
    files = [word for split in ("train", "dev", "test") for word in (f"--{split}", str(folder / "my.csv"))]
    assert main(["train", *files, *small, "--out", str(folder / "run")]) == 0
    return str(folder / "run")


def test_each_line_is_answered_before_the_next_is_written(model: str):
    child = subprocess.Popen(
        [sys.executable, "-m", "companion", "predict", model, "-", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    answered = []
    for line in LINES:
        child.stdin.write(f"{line}\n".encode())
        child.stdin.flush()
        answered.append(json.loads(child.stdout.readline())["text"])
    child.stdin.write(b"the last, without an end")
    rest, _ = child.communicate(timeout=60)
    answered.append(json.loads(rest)["text"])
    assert answered == [line.rstrip("\r") for line in LINES] + ["the last, without an end"]
    assert child.returncode == 0


def test_a_dash_is_standard_input_and_a_file_is_read_in_large_pieces(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "lines.txt"
    path.write_bytes("\n".join(LINES).encode())
    answers = []
    for words in (["-"], ["--file", "-"], [], ["--file", str(path)]):
        with path.open("rb") as stream:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
            assert main(["predict", model, *words, "--json"]) == 0
            assert words[:1] == ["--file"] or not _is_live(stream)
        answers.append(capsys.readouterr().out)
    assert len(set(answers)) == 1
    assert [json.loads(line)["text"] for line in answers[0].splitlines()] == [line.rstrip("\r") for line in LINES]
    assert main(["predict", model, "a text", "--file", "-"]) == 1
    assert "1 text is given as well as --file -" in capsys.readouterr().err


def test_lines_that_wait_are_answered_together():
    reading, writing = os.pipe()
    with open(reading, "rb") as stream:
        assert _is_live(stream)
        lines = _arriving(stream)
        os.write(writing, b"one\ntwo\nthr")
        assert next(lines) == [b"one", b"two"]
        os.write(writing, b"ee\n")
        assert next(lines) == [b"three"]
        os.write(writing, b"half")
        os.write(writing, b" a line")
        os.close(writing)
        assert list(lines) == [[b"half a line"]]


def test_a_line_longer_than_a_block_and_many_short_ones():
    long, short = b"x" * (3 * BLOCK), [b"y"] * (2 * CHUNK + 1)
    stream = io.BufferedReader(io.BytesIO(b"\n".join([long, *short, b""])))
    found = list(_arriving(stream))
    assert [line for lines in found for line in lines] == [long, *short]
    assert max(map(len, found)) <= CHUNK
    assert not _is_live(stream)
