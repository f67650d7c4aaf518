"""`companion tune` as a user types it: a search, the same search again after SIGKILL, refusals that teach."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from companion.cli import main
from tests.tokenizers import make_model_folder

CONLL = "\n\n".join(
    f"{name}\tB-PER\nvisited\tO\n{place}\tB-LOC\n.\tO"
    for name in ("Zwingmann", "Müller", "Merkel", "O'Brien")
    for place in ("Wolfsburg", "Berlin", "Lima", "Oslo", "Rome")
)
SPACE = "learning_rate=1e-4..3e-2,epochs=1|2"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A labelled file and a tiny model folder."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "my.conll").write_text(CONLL + "\n", encoding="utf-8")
    make_model_folder("wordpiece", folder / "tiny")
    return {path.name: str(path) for path in folder.iterdir()}


def arguments(files: dict[str, str], out: Path, *more: str) -> list[str]:
    data = [word for split in ("train", "dev", "test") for word in (f"--{split}", files["my.conll"])]
    small = ["--model", files["tiny"], "--batch-size", "4", "--precision", "fp32", "--device", "cpu"]
    return ["tune", *data, *small, "--space", SPACE, "--sampler", "random", "--out", str(out), *more]


def test_texts_of_a_csv_file(files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        f"{name} visited {place},{'north' if place in ('Berlin', 'Oslo') else 'south'}"
        for name in ("Zwingmann", "Müller", "Merkel")
        for place in ("Berlin", "Lima", "Oslo", "Rome")
    ]
    (tmp_path / "my.csv").write_text("\n".join(["review,stars", *rows]) + "\n", encoding="utf-8")
    data = [word for split in ("train", "dev", "test") for word in (f"--{split}", str(tmp_path / "my.csv"))]
    out = tmp_path / "search"
    small = ["--columns", "text=review,label=stars", "--model", files["tiny"], "--precision", "fp32"]
    command = ["tune", *data, *small, "--space", "epochs=1|2", "--sampler", "grid", "--batch-size", "4"]
    assert main([*command, "--metric", "accuracy", "--pooling", "cls", "--out", str(out), "--json"]) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert len(document["trials"]) == 2
    assert document["metric"] == "accuracy"
    assert "hold the same rows" in told.err
    assert main(["evaluate", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["accuracy"] == document["optimism"]["test"]["mean"]
    assert main([*command, "--kind", "double", "--out", str(tmp_path / "other")]) == 1
    assert "kind is 'double'" in capsys.readouterr().err


def without_folder(document: dict) -> dict:
    return {name: value for name, value in document.items() if name != "run"}


def test_a_search_from_the_command_line(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = arguments(files, tmp_path / "search", "--trials", "3", "--prune", "none", "--json")
    assert main(command) == 0
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert len(document["trials"]) == 3
    assert document["optimism"]["gap"]["low"] <= document["optimism"]["gap"]["high"]
    assert document["sentence"].startswith("The best of 3 trials")
    assert "trial 3 of 3" in told.err
    assert "by factors" in told.err
    # Again, as text: nothing is trained, the winner can be used and evaluated where it lies.
    assert main(command[:-1]) == 0
    told = capsys.readouterr()
    assert document["sentence"] in told.out
    assert "trial 1 of 3" not in told.err
    assert main(["predict", str(tmp_path / "search"), "Zwingmann visited Oslo."]) == 0
    assert main(["evaluate", str(tmp_path / "search"), "--split", "test", "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out.splitlines()[-1])["entity_f1"] == document["optimism"]["test"]["mean"]


def test_the_same_command_after_a_kill(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The process dies by SIGKILL at whatever it does once its first trial has ended."""
    more = ("--trials", "6", "--prune", "halving", "--json")
    child = subprocess.Popen(
        [sys.executable, "-m", "companion", *arguments(files, tmp_path / "killed", *more)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    for line in child.stderr:
        if line.startswith("trial 1 of 6"):
            time.sleep(0.05)
            child.send_signal(signal.SIGKILL)
            break
    child.communicate(timeout=120)
    assert child.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "search.json").exists()
    assert main(arguments(files, tmp_path / "killed", *more)) == 0
    told = capsys.readouterr()
    resumed = json.loads(told.out)
    assert "trial 1 of 6" not in told.err
    assert "trial 6 of 6" in told.err
    assert main(arguments(files, tmp_path / "straight", *more)) == 0
    assert without_folder(json.loads(capsys.readouterr().out)) == without_folder(resumed)
    assert {"complete", "pruned"} == {trial["state"] for trial in resumed["trials"]}


@pytest.mark.parametrize(
    ("more", "code", "fragments"),
    [
        (["--space", "learning_rate"], 1, ["'learning_rate'", "learning_rate=1e-5..1e-3"]),
        (["--space", "learning_rate=1e-3..1e-5"], 1, ["smaller one first"]),
        (["--space", "lr=1e-5..1e-3"], 1, ["no setting 'lr'", "learning_rate"]),
        (["--space", "epochs=2..8"], 1, ["whole numbers", "epochs=2|4|8"]),
        (["--space", "warmup=0..1"], 1, ["warmup is 1", "below 1"]),
        (["--epochs", "3"], 1, ["--space searches epochs", "--epochs fixes it"]),
        (["--sampler", "grid"], 1, ["a grid cannot hold", "list its values"]),
        (["--sampler", "luck"], 1, ["tpe, random, grid"]),
        (["--prune", "hard"], 1, ["median, halving, none"]),
        (["--metric", "accuracy"], 1, ["entity_f1"]),
        (["--trials", "0"], 1, ["1 or more"]),
        (["--trials", "many"], 2, ["--trials"]),
    ],
)
def test_refusals_teach(
    files: dict[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    code: int,
    fragments: list[str],
) -> None:
    assert main(arguments(files, tmp_path / "search", *more)) == code
    message = capsys.readouterr().err
    assert [fragment for fragment in fragments if fragment not in message] == []
    assert not (tmp_path / "search").exists()


def test_another_plan_in_the_same_folder_is_refused(
    files: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(files, tmp_path / "search", "--trials", "1")) == 0
    assert main(arguments(files, tmp_path / "search", "--trials", "2")) == 1
    message = capsys.readouterr().err
    assert "trials: 1 → 2" in message
    assert "another folder" in message
