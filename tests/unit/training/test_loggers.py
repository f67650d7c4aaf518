"""Logs for experiment trackers: what the loop logs arrives there, and a missing package names the extra."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import sys
import time
import types
import urllib.request
from collections import defaultdict

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


def read_events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def read_offline_run(folder):
    """{name: [(step, value)]} of the only Weights & Biases run under a folder, from its file."""
    # `finish` may come back before the process that writes has written everything.
    for _ in range(300):
        records = read_records(folder)
        if any(record.HasField("exit") for record in records):
            break
        time.sleep(0.1)
    found = defaultdict(list)
    for record in records:
        values = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        for name in values:
            if not name.startswith("_"):
                found[name].append((values["_step"], values[name]))
    return dict(found)


def read_records(folder):
    from wandb.proto.wandb_internal_pb2 import Record
    from wandb.sdk.internal.datastore import DataStore

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    store = DataStore()
    store.open_for_scan(str(path))
    return [Record.FromString(content) for content in iter(store.scan_data, None)]


@pytest.fixture
def asked(monkeypatch):
    """How many connections anything in this test made through the proxy that the environment names."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.setblocking(False)
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")

        def count():
            connections = 0
            with contextlib.suppress(BlockingIOError):
                while True:
                    proxy.accept()[0].close()
                    connections += 1
            return connections

        yield count


def test_the_proxy_sees_who_asks(asked):
    assert asked() == 0
    with pytest.raises(OSError):
        urllib.request.urlopen("https://example.org", timeout=0.2)
    assert asked() == 1


def test_tensorboard_gets_every_value(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    run = go(tensorboard_log(tmp_path))
    events = read_events(tmp_path)
    assert set(events.Tags()["scalars"]) == {
        *(f"train/{name}" for name in ("loss", "learning_rate", "gradient_norm", "supervised")),
        *(f"evaluation/{name}" for name in ("loss", "accuracy")),
    }
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    assert losses == [(row["step"], pytest.approx(row["loss"])) for row in run.history]
    scores = [(event.step, event.value) for event in events.Scalars("evaluation/loss")]
    assert scores == [(row["step"], pytest.approx(row["loss"])) for row in run.evaluations]


def test_both_trackers_show_the_same_run_without_network_or_login(tmp_path, monkeypatch, asked):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    wandb = pytest.importorskip("wandb", reason="wandb is not installed")
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # where nobody has logged in
    both = tensorboard_log(tmp_path / "tensorboard"), wandb_log(project="taggers", dir=str(tmp_path))
    assert not [*tmp_path.iterdir()], "a tracker must not open a run before there is a value"
    run = go(lambda step, values: [log(step, values) for log in both])
    wandb.finish()
    assert asked() == 0

    events, offline = read_events(tmp_path / "tensorboard"), read_offline_run(tmp_path)
    names = events.Tags()["scalars"]
    assert len(names) == 6 and set(offline) == set(names)
    for name in names:
        seen = [(event.step, event.value) for event in events.Scalars(name)]
        # TensorBoard keeps 32 bits of a value, Weights & Biases all.
        assert [(step, struct.unpack("f", struct.pack("f", value))[0]) for step, value in offline[name]] == seen
    assert [value for _, value in offline["train/loss"]] == run.losses


def test_the_comparison_of_trackers_sees_a_lost_value(tmp_path):
    pytest.importorskip("wandb", reason="wandb is not installed")
    import wandb

    run = wandb.init(mode="offline", dir=str(tmp_path), settings=wandb.Settings(console="off"))
    for step in (1, 2):
        run.log({"train/loss": 0.5} if step == 1 else {}, step=step)
    run.finish()
    assert read_offline_run(tmp_path) == {"train/loss": [(1, 0.5)]}


@pytest.mark.parametrize(
    ("variable", "given", "mode"),
    [(None, {}, "offline"), ("online", {}, "online"), ("", {}, "offline"), ("online", {"mode": "shared"}, "shared")],
)
def test_a_run_is_offline_unless_the_user_says_otherwise(monkeypatch, variable, given, mode):
    seen: list = []
    run = types.SimpleNamespace(log=lambda values, step: None)
    stand_in = types.SimpleNamespace(init=lambda **settings: seen.append(settings) or run)
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if variable is not None:
        monkeypatch.setenv("WANDB_MODE", variable)
    log = wandb_log(project="taggers", **given)
    for step in (1, 2):
        log(step, {"loss": 0.5})
    assert seen == [{"project": "taggers", "mode": mode}]


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
