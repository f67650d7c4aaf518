"""`companion doctor FOLDER`: a saved model and its files, for people, for programs and for a build."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from companion.cli import main
from companion.cli.doctor import _fits
from companion.corpora.conll import write_conll
from companion.corpora.texts import Text
from tests.clinic import Clinic, sentences, tokenizer


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A healthy model, one without label names and with a pickle, and files of which one is contaminated."""
    import torch

    folder = tmp_path_factory.mktemp("doctor")
    for name, fault in (("good", ""), ("bad", "names lost")):
        Clinic("plain", "tokens", fault).make_model().save_pretrained(folder / name)
        tokenizer().save_pretrained(folder / name)
    torch.save({"step": 1}, folder / "bad" / "optimizer.pt")
    write_conll(folder / "train.conll", sentences("train"))
    write_conll(folder / "dirty.conll", [*sentences("train"), *sentences("test")[:5]])
    write_conll(folder / "test.conll", sentences("test"))
    return folder


def run(*arguments: object) -> int:
    return main(["doctor", *map(str, arguments)])


def test_a_healthy_model(place: Path, capsys: pytest.CaptureFixture[str]):
    files = ("--data", place / "train.conll", "--test", place / "test.conll")
    assert run(place / "good", *files, "--score", "0.6") == 0
    told = capsys.readouterr().out
    assert told.startswith("nothing found; 9 healthy, 1 not checked.")
    assert "always O 0.0000" in told


def test_a_broken_one_for_a_program(place: Path, capsys: pytest.CaptureFixture[str]):
    files = ("--data", place / "dirty.conll", "--test", place / "test.conll")
    assert run(place / "bad", *files, "--score", "0.9670", "--json") == 1
    told = capsys.readouterr()
    report = json.loads(told.out)
    assert {(one["probe"], one["severity"]) for one in report["findings"]} == {
        ("test rows in train", "error"),
        ("label names", "warning"),
        ("pickles", "warning"),
        ("digits of the score", "note"),
    }
    assert "the model is not opened" in told.err


def test_a_build_decides_what_fails(place: Path, capsys: pytest.CaptureFixture[str]):
    assert run(place / "bad", "--github") == 0
    assert run(place / "bad", "--github", "--fail-on", "warning") == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::warning"] * 4
    assert run(place / "good", "--github", "--fail-on", "note") == 0
    assert capsys.readouterr().out.startswith("::notice::nothing found")


def test_a_run_folder_is_taken_as_its_model(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model").symlink_to(place / "good")
    files = ("--data", place / "train.conll", "--test", place / "test.conll")
    assert run(place / "good", *files) == 0
    direct = capsys.readouterr()
    assert run(tmp_path / "run", *files) == 0
    told = capsys.readouterr()
    assert told.out == direct.out
    assert told.err.removesuffix(direct.err).startswith(f"{tmp_path / 'run'} is a run; its model is looked at: ")


@pytest.mark.parametrize("asked", [".", "checkpoints", "checkpoints/step-00000002"])
def test_checkpoints_of_a_run_lead_to_its_model_or_are_refused(
    asked: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    checkpoint = tmp_path / "run" / "checkpoints" / "step-00000002"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"")
    assert run(tmp_path / "run" / asked) == 1
    assert "has checkpoints and no model yet" in capsys.readouterr().err
    shutil.copytree(place / "good", tmp_path / "run" / "model")
    assert run(tmp_path / "run" / asked) == run(place / "good")
    assert "is a run; its model is looked at" in capsys.readouterr().err


def test_a_model_that_is_not_for_the_rows_is_said(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "texts.csv").write_text("text,label\nOslo is cold,yes\nRome is warm,no\n", "utf-8")
    run(place / "good", "--data", tmp_path / "texts.csv")
    assert "it is for tagged words, and these are labelled texts" in capsys.readouterr().err


def test_code_is_read_and_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    script = tmp_path / "train.py"
    script.write_text("from transformers import AdamW\nraise SystemExit(7)\n", "utf-8")
    assert run(script, "--github") == 1
    line = capsys.readouterr().out
    assert line.startswith(f"::error file={script},line=1,title=companion doctor%3A removed interfaces::")
    assert run(script, "--json") == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["place"] == {
        "file": str(script),
        "cell": None,
        "line": 1,
    }
    assert run(script, "--score", "0.9") == 1
    assert "read and not run" in capsys.readouterr().err
    script.write_text("print(1\n", "utf-8")
    assert run(script) == 1
    assert "train.py:1: this is not Python" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("--fail-on", "sometimes"), ("--json", "--github"), ("--data", "nowhere.conll")])
def test_wrong_use_is_refused(place: Path, wrong: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    assert run(place / "good", *wrong) == 1
    assert "→" in capsys.readouterr().err
    assert run(place / "missing") == 1


def test_the_report_speaks_of_options_and_not_of_arguments(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "texts.csv").write_text("text,label\nOslo is cold,yes\nRome is warm,no\n", "utf-8")
    (tmp_path / "other.conll").write_text("Oslo B-CITY\nsleeps O\n", "utf-8")
    trained = ("--data", place / "train.conll")
    cases = [
        (place / "good", (), "padding in the logits: no labelled rows were given (--data, --dev or --test)"),
        (place / "good", (), "do-nothing baselines: no labelled rows were given (--data, --dev or --test)"),
        (place / "good", (), "contradictory labels: no rows were given (--data or --test or --dev)"),
        (place / "good", trained, "test rows in train: no rows were given (--test or --dev)"),
        (place / "good", trained, "digits of the score: no reported score was given (--score)"),
        (place / "bad", trained, "padding in the logits: the model could not be opened"),
        (place / "good", ("--test", tmp_path / "texts.csv"), "padding in the logits: the model is for tagged words"),
        (place / "good", ("--test", tmp_path / "other.conll"), "no row has only labels that the model knows"),
    ]
    for folder, files, told in cases:
        assert run(folder, *files) in (0, 1)
        report = capsys.readouterr().out
        assert told in report
        assert not [line for line in report.splitlines() if line.startswith("–") and "=" in line]


@pytest.mark.parametrize("score", ["96.7", "-0.1", "much", "nan"])
def test_a_score_is_a_share(place: Path, score: str, capsys: pytest.CaptureFixture[str]):
    assert run(place / "good", "--test", place / "test.conll", f"--score={score}") == 1
    assert "write a share of 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "label", "fits"),
    [
        ("single", "good", True),
        ("single", "good|bad", False),
        ("multi", "good|bad", True),
        ("multi", "|", True),
        ("multi", "good|odd", False),
        ("regression", "4.5", True),
        ("regression", "many", False),
    ],
)
def test_a_model_is_tried_on_the_rows_whose_labels_it_knows(kind: str, label: str, fits: bool):
    task = SimpleNamespace(settings=SimpleNamespace(kind=kind), labels=("bad", "good"))
    assert _fits(Text(text="a", label=label), task) is fits
