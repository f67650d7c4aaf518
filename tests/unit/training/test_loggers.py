"""Logs for experiment trackers: what the loop logs arrives there, and a missing package names the extra."""

from __future__ import annotations

import sys
import types

import pytest

from companion.errors import MissingDependencyError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, tensorboard_log, train, wandb_log
from tests.tiny import TinyEvaluator, tiny_batches, tiny_tagger


def go(log):
    return train(
        tiny_tagger(),
        tiny_batches(8),
        TokenCrossEntropy(),
        TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32"),
        evaluate=TinyEvaluator(),
        log=log,
        say=lambda line: None,
    )


def test_tensorboard_gets_every_value(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = go(tensorboard_log(tmp_path))
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert set(events.Tags()["scalars"]) == {
        *(f"train/{name}" for name in ("loss", "learning_rate", "gradient_norm", "supervised")),
        *(f"evaluation/{name}" for name in ("loss", "accuracy")),
    }
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert losses == [(row["step"], pytest.approx(row["loss"])) for row in run.history]
    scores = [(event.step, event.value) for event in events.Scalars("evaluation/loss")]
    assert scores == [(row["step"], pytest.approx(row["loss"])) for row in run.evaluations]


def test_weights_and_biases_gets_every_value(monkeypatch):
    seen: list = []
    stand_in = types.SimpleNamespace(
        init=lambda **settings: types.SimpleNamespace(log=lambda values, step: seen.append((settings, step, values)))
    )
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    run = go(wandb_log(project="taggers"))
    assert {settings["project"] for settings, _, _ in seen} == {"taggers"}
    assert [step for _, step, _ in seen] == [1, 2, 2, 3, 4, 4]
    assert seen[0][2]["train/loss"] == run.losses[0]
    assert seen[2][2] == {f"evaluation/{name}": run.evaluations[0][name] for name in ("loss", "accuracy")}


@pytest.mark.parametrize(("name", "make"), [("wandb", wandb_log), ("tensorboard", lambda: tensorboard_log("runs"))])
def test_a_missing_package_names_the_extra(monkeypatch, name, make):
    for module in [module for module in sys.modules if module.split(".")[0] == name or module.endswith(name)]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match=rf"{name} is not installed\n.*\[tracking\]"):
        make()
