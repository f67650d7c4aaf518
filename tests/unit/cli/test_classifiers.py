"""`companion predict`, `export` and `evaluate` on a folder that holds a text classifier."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from companion.cli import main
from companion.models.encoder import load_encoder
from companion.tasks.texts import TextTask
from tests.tokenizers import make_model_folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported classifier that reads at most eight word pieces."""
    folder = tmp_path_factory.mktemp("classifier")
    encoder = load_encoder(str(make_model_folder("wordpiece", folder / "encoder")))
    task = TextTask(("here", "there"), encoder, max_length=8)
    return task.export(task.model(), folder / "model")


def test_each_line_gets_its_label_and_an_empty_one_none(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["Müller left Wolfsburg", "", "Angela Merkel has never seen New York City"]
    assert main(["predict", str(classifier), "--json", *texts]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["text"] for line in lines] == texts
    assert lines[1] == {"text": "", "label": None}
    for line, cut in ((lines[0], False), (lines[2], True)):
        assert line["label"] in {"here", "there"} and line["cut"] is cut
        assert line["score"] == max(line["probabilities"]) and sum(line["probabilities"]) == pytest.approx(1.0)
    assert main(["predict", str(classifier), *texts]) == 0
    shown = capsys.readouterr().out.split("\n\n")
    assert f"  {lines[0]['label']} ({lines[0]['score']:.2f})" in shown[0] and shown[2].endswith(", cut")


def test_export_says_how_to_open_it(classifier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(classifier), str(tmp_path / "copy")]) == 0
    assert "companion.load" in capsys.readouterr().out
    assert main(["predict", str(tmp_path / "copy"), "Müller left"]) == 0


def test_evaluate_names_what_it_is_for(classifier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(classifier), "--corpus", "newsroom"]) == 1
    assert "for 'texts', not for 'tokens'" in capsys.readouterr().err
