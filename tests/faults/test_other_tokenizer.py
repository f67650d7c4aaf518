"""A run that is taken up with another tokenizer is refused, and the message says what differs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from companion.cli import main
from companion.training import Checkpoints
from tests.tokenizers import make_model_folder, training_sentences

TEXTS = training_sentences()[:12]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder, and a run of it that was left after two updates."""
    folder = tmp_path_factory.mktemp("started")
    rows = [{"text": text, "label": f"{number % 2}"} for number, text in enumerate(TEXTS)]
    (folder / "my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    make_model_folder("wordpiece", folder / "model")
    assert go(folder, folder / "model") == 0
    return folder


def go(folder: Path, model: Path) -> int:
    data = ["--train", str(folder / "my.jsonl"), "--task", "text", "--batch-size", "4", "--max-updates", "2"]
    small = ["--precision", "fp32", "--device", "cpu", "--model", str(model), "--out", str(folder / "run")]
    return main(["train", *data, *small])


def edited(started: Path, folder: Path, change) -> Path:
    """A copy of the model whose tokenizer.json is changed."""
    shutil.copytree(started / "model", folder)
    path = folder / "tokenizer.json"
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), encoding="utf-8")
    return folder


def swap(first: str, second: str):
    """Two pieces change their numbers, so that the vocabulary is as large as before."""

    def change(document: dict) -> None:
        pieces = document["model"]["vocab"]
        pieces[first], pieces[second] = pieces[second], pieces[first]

    return change


def lower(document: dict) -> None:
    document["normalizer"]["lowercase"] = True


OTHERS = {
    "two pieces swapped": swap("visited", "left"),
    "lower case": lower,
    "another end": lambda document: document["post_processor"].update(single=document["post_processor"]["single"][:2]),
}


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    [line] = [line for line in capsys.readouterr().err.splitlines() if "belongs to another run" in line]
    return line


@pytest.mark.parametrize("name", OTHERS)
def test_a_tokenizer_that_cuts_the_rows_otherwise_is_refused(started, tmp_path, capsys, name):
    before = Checkpoints(started / "run" / "checkpoints").newest()
    assert go(started, edited(started, tmp_path / "other", OTHERS[name])) == 1
    line = refusal(capsys)
    assert "data: " in line
    assert line.count(" → ") == 1
    assert Checkpoints(started / "run" / "checkpoints").newest() == before


def test_a_tokenizer_of_another_size_is_refused_with_both_differences(started, tmp_path, capsys):
    make_model_folder("chinese", tmp_path / "other")
    assert go(started, tmp_path / "other") == 1
    line = refusal(capsys)
    assert "data: " in line and "model: " in line
    assert line.count(" → ") == 2


def test_the_same_tokenizer_elsewhere_is_taken_up(started, tmp_path, capsys):
    """The twin: it is the pieces that are looked at, and not where the folder lies."""
    assert go(started, edited(started, tmp_path / "same", lambda document: None)) == 0
    assert "finished: 2 of 2 updates were done" in capsys.readouterr().err
