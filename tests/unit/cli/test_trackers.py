"""`companion train --tensorboard --wandb`: both trackers get the run, and W&B's stays in the run folder."""

from __future__ import annotations

import sys
import types

import pytest

from companion.cli import main
from tests.tokenizers import make_model_folder


@pytest.fixture
def train(tmp_path):
    """Trains a tiny classifier for two updates with more options, and returns the exit code."""
    rows = [f"{label},Angela Merkel {verb} Wolfsburg" for verb, label in (("visited", "here"), ("left", "there"))]
    (tmp_path / "my.csv").write_text("\n".join(["label,text", *rows * 4]) + "\n", encoding="utf-8")
    make_model_folder("wordpiece", tmp_path / "tiny")

    def run(*more):
        data = [word for split in ("train", "dev") for word in (f"--{split}", str(tmp_path / "my.csv"))]
        small = ["--model", str(tmp_path / "tiny"), "--epochs", "2", "--batch-size", "8", "--precision", "fp32"]
        return main(["train", *data, *small, "--device", "cpu", "--out", str(tmp_path / "runs" / "mine"), *more])

    return run


def test_both_trackers_get_the_run(train, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    opened, logged = [], []
    run = types.SimpleNamespace(log=lambda values, step: logged.append((step, values)))
    stand_in = types.SimpleNamespace(init=lambda **settings: opened.append(settings) or run)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    assert train("--tensorboard", str(tmp_path / "events"), "--wandb", "greetings") == 0
    folder = tmp_path / "runs" / "mine"
    assert opened == [{"mode": "offline", "project": "greetings", "name": "mine", "dir": str(folder)}]
    events = EventAccumulator(str(tmp_path / "events"))
    events.Reload()
    names = events.Tags()["scalars"]
    assert {"train/loss", "evaluation/macro_f1"} <= set(names)
    for name in names:
        seen = [(event.step, pytest.approx(event.value)) for event in events.Scalars(name)]
        assert seen == [(step, values[name]) for step, values in logged if name in values] and len(seen) == 2


def test_a_run_that_weights_and_biases_wrote_lies_in_the_run_folder(train, tmp_path, monkeypatch, capsys):
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert train("--wandb", "greetings", "--json") == 0
    wandb.finish()
    assert len([*(tmp_path / "runs" / "mine").glob("wandb/offline-run-*")]) == 1
    assert not (tmp_path / "wandb").exists()
    assert capsys.readouterr().out.startswith("{"), "what W&B says must not stand in the JSON"


def test_a_tracker_that_is_not_installed_is_said_before_training(train, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert train("--wandb", "greetings") == 1
    assert "wandb is not installed" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
