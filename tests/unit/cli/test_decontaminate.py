"""`companion corpora --remove … --from …`: a cleaned text, a report, and refusals that say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from companion.corpora import load_corpus
from companion.corpora.text import read_text, split_lines

NEWS = load_corpus("newsroom")
TEST = [sentence.meta["text"] for sentence in NEWS.test[:40]]
DEV = [sentence.meta["text"] for sentence in NEWS.dev[:7]]
TRAIN = [sentence.meta["text"] for sentence in NEWS.train[:100]]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    lines = [*TRAIN[:50], "", *(line.upper() for line in TEST), *(f"He said: {line} Then he left." for line in DEV)]
    path.write_text("\r\n".join([*lines, *TRAIN[50:]]), encoding="utf-8")
    return path


def remove(*arguments: object) -> int:
    return main(["corpora", *map(str, arguments)])


def test_one_command_writes_the_rest_beside_the_text(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert remove("--remove", "test-of", "newsroom", "--from", text) == 0
    told = capsys.readouterr().out
    assert "40 removed: the same letters and digits as a held-out sentence" in told
    kept = split_lines(read_text(text.with_name("text.clean.txt")))
    assert kept == [*TRAIN[:50], "", *(f"He said: {line} Then he left." for line in DEV), *TRAIN[50:]]


def test_several_are_told_apart(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, mine = tmp_path / "out.txt", tmp_path / "mine.txt"
    mine.write_text(f"{TRAIN[0]}\n\n", encoding="utf-8")
    several = ("--remove", "test-of", "newsroom", "--remove", mine, "--remove", "dev-of newsroom")
    assert remove(*several, "--from", text, "--out", out, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["out"] == str(out)
    assert (told["removed_exact"], told["removed_near"], told["kept"], told["kept_empty"]) == (41, 7, 100, 1)
    assert told["held_out_by_name"] == {
        "test-of newsroom": {"sentences": len(NEWS.test), "found": 40},
        str(mine): {"sentences": 1, "found": 1},
        "dev-of newsroom": {"sentences": len(NEWS.dev), "found": 7},
    }
    assert split_lines(read_text(out)) == [*TRAIN[1:50], "", *TRAIN[50:]]


def test_labelled_files_and_several_texts(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv, other = tmp_path / "held.csv", tmp_path / "other.txt"
    csv.write_text("text,label\n" + "".join(f'"{line}",x\n' for line in TRAIN[:2]), encoding="utf-8")
    other.write_text(TRAIN[0] + "\n", encoding="utf-8")
    assert remove("--remove", csv, "--from", text, "--from", other, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["removed_exact"], told["lines"]) == (3, 149)


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text("Nothing of the kind.\n", encoding="utf-8")
    assert remove("--remove", "test-of", "newsroom", "--from", tmp_path / "text.txt") == 0
    assert "nothing was removed" in capsys.readouterr().err


def test_nothing_is_overwritten(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = text.read_bytes()
    for out in (["--out", text], []):
        (tmp_path / "text.clean.txt").write_text("mine", encoding="utf-8")
        assert remove("--remove", "test-of", "newsroom", "--from", text, *out) == 1
        assert "is there already" in capsys.readouterr().err
    assert text.read_bytes() == before
    assert (tmp_path / "text.clean.txt").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--remove", "test-of", "newsroom"], "nothing is named to remove sentences from"),
        (["--from", "TEXT"], "no sentences are named to remove"),
        (["--out", "x.txt"], "nothing is named to remove sentences from"),
        (["--remove", "test-of", "--from", "TEXT"], "--remove test-of names no corpus"),
        (["newsroom", "--remove", "HELD", "--from", "TEXT"], "'newsroom' belongs to no --remove"),
        (["--remove", "test-of", "nowhere", "--from", "TEXT"], "no corpus is called 'nowhere'"),
        (["--remove", "best-of", "newsroom", "--from", "TEXT"], "newsroom has no split 'best'"),
        (["--remove", "nowhere.txt", "--from", "TEXT"], "nowhere.txt: there is no such file"),
        (["--remove", "EMPTY", "--from", "TEXT"], "the file holds no sentence"),
        (["--remove", "test-of", "newsroom", "--from", "nowhere.txt"], "nowhere.txt: there is no such file"),
        (["--remove", "HELD", "--from", "TEXT", "--out", "FOLDER/x.txt"], "cannot be written"),
        (["newsroom", "helpdesk"], "2 corpora are named"),
        (["--remove", "HELD", "--from", "TEXT", "--report"], "no use for --report"),
    ],
)
def test_what_cannot_be_done_is_refused(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    places = {"TEXT": text, "HELD": tmp_path / "held.txt", "EMPTY": tmp_path / "empty.txt"}
    places["HELD"].write_text("A sentence.\n", encoding="utf-8")
    places["EMPTY"].write_text("\n", encoding="utf-8")
    there = {name: str(place) for name, place in places.items()} | {"FOLDER/x.txt": str(tmp_path / "no" / "x.txt")}
    assert remove(*(there.get(word, word) for word in arguments)) == 1
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "text.clean.txt").exists()
