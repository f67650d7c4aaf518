"""`companion train --recipe hybrid` with what is missing, tiny, foreign, negative or leaked: an error or a result."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from tests.tokenizers import make_model_folder, training_sentences
from tests.unit.cli.test_commands import CONLL

THAI = "กขค งจฉ ชซฌ"
LEAK = "Ann and Bob left Berlin for Lima and Oslo today"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_model_folder("wordpiece", tmp_path_factory.mktemp("body") / "tiny"))


@pytest.fixture
def go(model: str, tmp_path: Path):
    """Write the files and run the recipe for one epoch; returns the exit code."""

    def run(*more: str, rows: str = CONLL, text: str | bytes = "", name: str = "my.conll") -> int:
        (tmp_path / name).write_text(rows + "\n", encoding="utf-8")
        (tmp_path / "my.txt").write_bytes(text if isinstance(text, bytes) else text.encode())
        splits = [word for split in ("train", "dev", "test") for word in (f"--{split}", str(tmp_path / name))]
        small = ["--model", model, "--epochs", "1", "--batch-size", "5", "--precision", "fp32", "--device", "cpu"]
        recipe = ["--recipe", "hybrid", "--text", str(tmp_path / "my.txt"), "--out", str(tmp_path / "run")]
        return main(["train", *splits, *small, *recipe, *more])

    return run


@pytest.mark.parametrize("schedule", ["joint", "sequence"])
@pytest.mark.parametrize("text", ["Merkel", "\n\nMerkel visited Rome .\n\n", "."])
def test_a_single_line_is_enough(go, tmp_path: Path, text: str, schedule: str) -> None:
    assert go("--schedule", schedule, text=text) == 0
    told = json.loads((tmp_path / "run" / "hybrid.json").read_text(encoding="utf-8"))
    assert all(stage["word_pieces"] > 0 for stage in told["stages"])
    assert told["stages"][0]["updates"] == (4 if schedule == "joint" else 1)
    assert told["held_out_in_text"] == (1 if "visited" in text else 0)


@pytest.mark.parametrize("text", ["", "\n", " \t\n\r\n \u00a0", "\ufeff"])
def test_a_text_without_a_word_is_refused(go, capsys: pytest.CaptureFixture[str], text: str) -> None:
    assert go(text=text) == 1
    assert "there is no text" in capsys.readouterr().err


def test_a_text_of_another_encoding_is_refused(go, capsys: pytest.CaptureFixture[str]) -> None:
    assert go(text="São Paulo".encode("latin-1")) == 1
    assert "is not utf-8" in capsys.readouterr().err


def test_a_script_that_the_tokenizer_does_not_know_is_refused(go, tmp_path: Path, capsys) -> None:
    assert go(text="\n".join([THAI] * 20)) == 1
    assert "does not know 60 of the text's 60 word pieces" in capsys.readouterr().err
    assert not (tmp_path / "run" / "hybrid.json").exists()


def test_the_share_of_unknown_pieces_is_reported(go, tmp_path: Path, capsys) -> None:
    assert go(text="\n".join([*training_sentences()[:40], THAI])) == 0
    told = json.loads((tmp_path / "run" / "hybrid.json").read_text(encoding="utf-8"))
    assert 0 < told["unknown_pieces"] < 0.1
    assert f"{told['unknown_pieces']:.1%} of the text's word pieces are unknown" in capsys.readouterr().out


@pytest.mark.parametrize("schedule", ["joint", "sequence"])
@pytest.mark.parametrize("weight", ["-0.1", "nan", "inf"])
def test_lambda_is_a_finite_number_from_zero_up(go, tmp_path: Path, capsys, weight: str, schedule: str) -> None:
    assert go("--schedule", schedule, "--weight", weight, text="Merkel") == 1
    assert "give a finite number ≥ 0" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_lambda_zero_is_plain_fine_tuning_that_reads_text_for_nothing(go, tmp_path: Path) -> None:
    assert go("--weight", "0", text="Merkel") == 0
    told = json.loads((tmp_path / "run" / "hybrid.json").read_text(encoding="utf-8"))
    assert told["weight"] == 0


@pytest.mark.parametrize(
    ("name", "rows", "problem"),
    [
        ("my.conll", CONLL.replace("B-PER", "O").replace("B-LOC", "O"), "every word has the tag O"),
        ("my.conll", "", "no sentence"),
        ("my.csv", "text,label\nAnn left,bad\nBob came,bad", "every text has the same label, 'bad'"),
        ("my.csv", "text,label\nAnn left,\nBob came,good", "the label is ''"),
        ("my.csv", "text,mood\nAnn left,bad", "no column 'label'"),
        ("my.csv", "text,label", "holds no text"),
    ],
)
def test_labelled_files_without_labels_are_refused(go, capsys, name: str, rows: str, problem: str) -> None:
    assert go(text="Merkel visited Rome", rows=rows, name=name) == 1
    assert problem in capsys.readouterr().err


def test_held_out_sentences_in_the_text_are_counted_and_said(go, tmp_path: Path, capsys) -> None:
    rows = CONLL + "\n\n" + "\n".join(f"{word}\tO" for word in LEAK.split())
    other = [f"Nothing of that kind was said by anyone in week {week}" for week in range(20)]
    text = "\n".join([*other, f"He said: {LEAK}!", LEAK.upper()])
    assert go("--json", text=text, rows=rows) == 0
    printed = capsys.readouterr()
    assert "2 lines of the text are, or nearly hold, sentences of dev or test" in printed.err
    assert json.loads(printed.out)["held_out_in_text"] == 2
    assert main(["corpora", "--remove", str(tmp_path / "my.conll"), "--from", str(tmp_path / "my.txt")]) == 0
    cleaned = (tmp_path / "my.clean.txt").read_text(encoding="utf-8")
    assert cleaned.split("\n") == [*other, ""]
    capsys.readouterr()
    assert go("--json", "--out", str(tmp_path / "clean"), text=cleaned, rows=rows) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["held_out_in_text"] == 0
    assert "nearly hold" not in printed.err
