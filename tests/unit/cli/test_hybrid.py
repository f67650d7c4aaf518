"""`companion train --recipe hybrid` on a user's own files, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from tests.tokenizers import make_model_folder, training_sentences
from tests.unit.cli.test_commands import CONLL


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "my.conll").write_text(CONLL + "\n", encoding="utf-8")
    (folder / "my.csv").write_text(
        "text,label\n" + "".join(f"{name} left,bad\n{name} came,good\n" for name in ("Ann", "Bob", "Merkel", "Müller")),
        encoding="utf-8",
    )
    (folder / "my.txt").write_text("\n\n".join(training_sentences()[:40]) + "\n", encoding="utf-8")
    (folder / "empty.txt").write_text("\n \n", encoding="utf-8")
    make_model_folder("wordpiece", folder / "tiny")
    return {path.name: str(path) for path in folder.iterdir()}


def arguments(files: dict[str, str], out: Path, *more: str, data: str = "my.conll", text: str = "my.txt") -> list[str]:
    rows = [word for split in ("train", "dev", "test") for word in (f"--{split}", files[data])]
    small = ["--model", files["tiny"], "--epochs", "1", "--batch-size", "5", "--precision", "fp32"]
    return ["train", *rows, *small, "--recipe", "hybrid", "--text", files[text], "--out", str(out), *more]


@pytest.mark.parametrize(("data", "schedule"), [("my.conll", "joint"), ("my.conll", "sequence"), ("my.csv", "joint")])
def test_one_command_trains_compares_and_leaves_a_model(files, tmp_path, capsys, data, schedule):
    out = tmp_path / "run"
    assert main(arguments(files, out, "--schedule", schedule, "--weight", "0.3", data=data)) == 0
    printed = capsys.readouterr().out
    assert "plain: labelled rows | supervised, for as many word pieces | everything" in printed
    told = json.loads((out / "hybrid.json").read_text(encoding="utf-8"))
    assert [stage["name"] for stage in told["stages"]] == (
        ["joint", "plain"] if schedule == "joint" else ["language", "supervised", "plain"]
    )
    *hybrid, plain = (stage["word_pieces"] for stage in told["stages"])
    assert plain == pytest.approx(sum(hybrid), rel=0.1)
    assert main(["predict", str(out / "model"), "Merkel visited Rome .", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["text"] == "Merkel visited Rome ."


def test_the_same_command_again_resumes_and_says_the_same(files, tmp_path, capsys):
    results = []
    for _ in range(2):
        assert main(arguments(files, tmp_path / "run", "--json")) == 0
        results.append(json.loads(capsys.readouterr().out))
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (["--recipe", "magic"], "recipe is 'magic'"),
        (["--text", "nowhere.txt"], "no such file"),
        (["--weight", "-1"], "weight of 'masked_lm' is -1"),
        (["--schedule", "both"], "schedule is 'both'"),
        (["--method", "lora:2"], "no use for --method"),
        (["--licence", "mit"], "no use for --licence"),
        (["--tensorboard", "logs"], "no use for --tensorboard"),
    ],
)
def test_what_cannot_be_done_is_refused(files, tmp_path, capsys, change, problem):
    assert main(arguments(files, tmp_path / "run", *change)) == 1
    assert problem in capsys.readouterr().err


def test_text_without_a_line_and_a_recipe_without_text_are_refused(files, tmp_path, capsys):
    assert main(arguments(files, tmp_path / "run", text="empty.txt")) == 1
    assert "there is no text" in capsys.readouterr().err
    words = arguments(files, tmp_path / "run")
    place = words.index("--text")
    assert main([*words[:place], *words[place + 2 :]]) == 1
    assert "has no text" in capsys.readouterr().err
    place = words.index("--recipe")
    assert main([*words[:place], *words[place + 2 :]]) == 1
    assert "choose hybrid" in capsys.readouterr().err
