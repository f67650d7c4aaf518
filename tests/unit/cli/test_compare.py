"""`companion compare` as a user types it: two runs on the same rows, and refusals where there are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from tests.tokenizers import make_model_folder

ROWS = [
    (f"{name} {verb} {place}", label)
    for verb, label in (("visited", "here"), ("left", "there"))
    for name in ("Müller", "Zwingmann", "Angela Merkel", "O'Brien", "S. Gomez")
    for place in ("Wolfsburg", "New York City", "São Paulo")
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A well-trained and a hardly trained classifier, one with other test rows, a tagger, and the files."""
    folder = tmp_path_factory.mktemp("runs")
    lines = [f'"{text}",{label}' for text, label in ROWS]
    (folder / "my.csv").write_text("\n".join(["text,label", *lines]) + "\n", encoding="utf-8")
    (folder / "few.csv").write_text("\n".join(["text,label", *lines[10:20]]) + "\n", encoding="utf-8")
    (folder / "my.conll").write_text("Müller B-PER\nleft O\n\nOslo B-LOC\nsleeps O\n", encoding="utf-8")
    model = make_model_folder("wordpiece", folder / "tiny")
    small = ["--model", str(model), "--batch-size", "8", "--precision", "fp32", "--device", "cpu"]
    for name, test, more in (
        ("good", "my.csv", ["--learning-rate", "0.01", "--epochs", "6"]),
        ("bad", "my.csv", ["--max-updates", "1"]),
        ("other", "few.csv", ["--max-updates", "1"]),
        ("tagger", "my.conll", ["--max-updates", "1"]),
    ):
        train = "my.conll" if name == "tagger" else "my.csv"
        data = ["--train", str(folder / train), "--dev", str(folder / train), "--test", str(folder / test)]
        assert main(["train", *data, *small, *more, "--out", str(folder / name)]) == 0
    return {path.name: path for path in folder.iterdir()}


def test_two_runs_are_compared_in_a_sentence(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs["bad"]), str(runs["good"]), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    accuracy = document["differences"]["accuracy"]
    assert accuracy["difference"]["low"] <= accuracy["difference"]["mean"] <= accuracy["difference"]["high"]
    assert document["sentence"].startswith("On the same 30 texts good is ")
    assert document["split"] == "test"
    assert document["notes"][0].startswith("They differ in ")
    assert {"epochs: 4 → 6", "max_updates: 1 → None"} <= set(document["differ_in"])
    assert not [change for change in document["differ_in"] if change.startswith(("encoder", "train rows", "seed"))]
    assert main(["compare", str(runs["bad"]), str(runs["good"]), "--split", "dev"]) == 0
    shown = capsys.readouterr().out
    assert "macro F1" in shown
    assert "Dev chose the weights of both runs" in shown


def test_exported_models_are_compared_on_a_file(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    models = [str(runs[name] / "model") for name in ("bad", "good")]
    assert main(["compare", *models, "--data", str(runs["few.csv"]), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["names"] == models
    assert (document["rows"], document["split"]) == (10, None)
    assert main(["compare", str(runs["good"]), models[0], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 30


def test_taggers_are_compared_too(runs: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(runs["tagger"]), str(runs["tagger"]), "--split", "train", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert list(document["differences"]) == ["entity_f1"]
    assert "have the same entity F1" in document["sentence"]
    assert document["notes"] == [
        "Both runs learned from these rows, so neither score says how good they are on others."
    ]


@pytest.mark.parametrize(
    ("pair", "more", "message"),
    [
        (("bad", "other"), (), "do not have the same test rows (30 in"),
        (("bad", "tagger"), (), "is for texts with one label each, "),
        (("bad", "nowhere"), (), "holds neither a run nor a model"),
        (("bad/model", "good/model"), (), "there is nothing to measure on"),
        (("bad", "good"), ("--data", "my.conll"), "a CoNLL file holds words with tags"),
        (("bad", "good"), ("--corpus", "newsroom-topic"), "does not know the label"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    runs: dict[str, Path], capsys: pytest.CaptureFixture[str], pair: tuple, more: tuple, message: str
) -> None:
    root = runs["bad"].parent
    more = tuple(str(root / word) if word == "my.conll" else word for word in more)
    assert main(["compare", *(str(root / name) for name in pair), *more]) == 1
    told = capsys.readouterr().err
    assert message in told
    assert "→" in told
