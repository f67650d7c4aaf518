"""A run that was broken off and started again ends like one that never was: weights, moments, history, to the bit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.utils.data import DataLoader

from companion.adaptation import HeadOnly, TopLayers, adapt
from companion.errors import CheckpointError, ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training import resolve as resolve_module
from companion.training.checkpoint import Checkpoints
from tests.tiny import LABELS, TinyEvaluator, digest, tiny_batches, tiny_tagger

CONFIG = {"epochs": 3, "learning_rate": 3e-3, "precision": "fp32", "checkpoint_every": 3, "piece_budget": 40}
ROWS, BATCH_SIZE, UPDATES = 18, 4, 5


class BrokenOff(Exception):
    """What a test raises where a run is to be broken off."""


class Breaking(TokenCrossEntropy):
    """The supervised objective, which breaks off at the given number of forward passes."""

    def __init__(self, after: int | None = None) -> None:
        super().__init__()
        self.passes, self.after = 0, after

    def __repr__(self) -> str:
        return "Breaking()"

    def __call__(self, model, batch):
        self.passes += 1
        if self.passes == self.after:
            raise BrokenOff
        return super().__call__(model, batch)


def go(
    folder: Path | None,
    *,
    break_in_log: int | None = None,
    break_in_pass: int | None = None,
    order: str = "bucketed",
    **settings: Any,
):
    """Train the tiny tagger with dropout; optionally break off when update `break_in_log` is logged."""
    logged: list[int] = []

    def log(step: int, values: dict[str, float]) -> None:
        logged.append(step)
        if step == break_in_log:
            raise BrokenOff

    run = train(
        tiny_tagger(dropout=0.1),
        tiny_batches(ROWS, batch_size=BATCH_SIZE, order=order),
        Breaking(break_in_pass),
        TrainConfig(**{**CONFIG, **settings}),
        evaluate=TinyEvaluator(),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )
    return run, logged


def ending(run) -> dict[str, Any]:
    """Everything that must be equal at the end of two runs."""
    return {
        "weights": digest(run.model.state_dict()),
        "last": digest(load_file(run.last / "model.safetensors")),
        "moments": digest(load_file(run.last / "optimizer.safetensors")),
        "history": run.history,
        "evaluations": run.evaluations,
        "best": (run.best_step, run.best_value, run.best.name),
    }


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> dict[str, dict]:
    """The ends of runs that were never broken off, by order."""
    folder = tmp_path_factory.mktemp("straight")
    return {order: ending(go(folder / order, order=order)[0]) for order in ("bucketed", "random")}


@pytest.mark.parametrize("order", ["bucketed", "random"])
def test_broken_off_after_any_update(tmp_path, straight, order):
    steps = (1, 3, 5, 7, 10, 11, 15)
    for step in steps:
        with pytest.raises(BrokenOff):
            go(tmp_path / str(step), order=order, break_in_log=step)
        run, logged = go(tmp_path / str(step), order=order)
        assert ending(run) == straight[order], step
        # Saved every third update and at the end of each epoch, just before they are logged.
        saved = max(number for number in (0, 3, 5, 6, 9, 10, 12, 15) if number <= step)
        assert set(logged) == set(range(saved + 1, 16))
        done = f"{'finished' if saved == 15 else 'resumed'}: {saved} of 15 updates were done"
        assert run.notes == ((done,) if saved else ())
    assert len(straight) == 2
    assert straight["bucketed"] != straight["random"]


def test_broken_off_within_an_update(tmp_path, straight):
    stops = (1, 9, 20)
    for number in stops:
        with pytest.raises(BrokenOff):
            go(tmp_path / str(number), break_in_pass=number)
        run, _ = go(tmp_path / str(number))
        assert ending(run) == straight["bucketed"]
    assert len(run.history) == 15
    assert len(run.notes) == 1, "the last stop was late enough for a checkpoint"


def test_broken_off_again_and_again(tmp_path, straight):
    stops = 0
    for step in (2, 4, 7, 9, 13):
        with pytest.raises(BrokenOff):
            go(tmp_path, break_in_log=step)
        stops += 1
    assert ending(go(tmp_path)[0]) == straight["bucketed"]
    assert stops == 5


def test_without_a_folder_the_run_is_the_same(straight):
    run, _ = go(None)
    assert digest(run.model.state_dict()) == straight["bucketed"]["weights"]
    assert run.history == straight["bucketed"]["history"]
    assert run.best is run.last is None


def test_a_finished_run_is_left_as_it_is(tmp_path, straight):
    go(tmp_path)
    files = sorted(path for path in tmp_path.rglob("step-*/*"))
    before = [(path.name, path.stat().st_mtime_ns) for path in files]
    run, logged = go(tmp_path)
    assert ending(run) == straight["bucketed"]
    assert logged == []
    assert run.notes == ("finished: 15 of 15 updates were done",)
    assert before == [(path.name, path.stat().st_mtime_ns) for path in files]
    assert len(files) >= 5


@pytest.mark.parametrize("patience", [1, 2])
def test_early_stopping_stops_at_the_same_update(tmp_path, patience):
    # The rate is far too high to keep improving: accuracy peaks early and is then left behind.
    settings = {"learning_rate": 0.05, "patience": patience, "epochs": 6, "evaluate_every": 3}
    straight, _ = go(tmp_path / "straight", **settings)
    assert straight.best_step + 3 * patience == straight.steps < 30
    for step in (2, straight.best_step, straight.best_step + 2, straight.steps):
        with pytest.raises(BrokenOff):
            go(tmp_path / str(step), break_in_log=step, **settings)
        assert ending(go(tmp_path / str(step), **settings)[0]) == ending(straight)
    run, logged = go(tmp_path / "straight", **settings)
    assert (run.steps, logged) == (straight.steps, [])


def test_the_random_state_of_the_caller_does_not_matter(tmp_path, straight):
    torch.manual_seed(1)
    with pytest.raises(BrokenOff):
        go(tmp_path, break_in_log=10)
    torch.manual_seed(2)
    assert ending(go(tmp_path)[0]) == straight["bucketed"]


def test_leftover_gradients_of_a_broken_run_are_not_used(straight):
    model = tiny_tagger(dropout=0.1)
    source = tiny_batches(ROWS, batch_size=BATCH_SIZE)
    batch = source.collate("labelled", [0, 1])
    model(**{name: tensor for name, tensor in batch.items() if name != "labels"}).logits.sum().backward()
    run = train(model, source, Breaking(), TrainConfig(**CONFIG), evaluate=TinyEvaluator(), say=lambda line: None)
    assert run.history == straight["bucketed"]["history"]


def shuffled(*, workers: int = 0) -> DataLoader:
    source = tiny_batches(24, batch_size=1, longest=8)
    rows = [source.collate("labelled", [row]) for row in range(24)]
    rows = [{name: tensor[0] for name, tensor in row.items()} for row in rows]
    short = [
        {name: torch.nn.functional.pad(tensor, (0, 8 - len(tensor))) for name, tensor in row.items()} for row in rows
    ]
    return DataLoader(short, batch_size=4, shuffle=True, num_workers=workers)


def go_plain(folder: Path | None, break_in_log: int | None = None, batches=None, **settings):
    def log(step, values):
        if step == break_in_log:
            raise BrokenOff

    return train(
        tiny_tagger(dropout=0.1),
        batches or shuffled(),
        Breaking(),
        TrainConfig(**{**CONFIG, "checkpoint_every": None, "accumulate": 2, **settings}),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )


def test_a_shuffling_loader_is_resumed_between_epochs(tmp_path):
    torch.manual_seed(3)
    straight = go_plain(tmp_path / "straight")
    assert straight.steps == 9
    assert straight.notes == ("a plain iterable of batches is saved between epochs only, unless a signal stops it",)
    for step in (1, 3, 5, 9):
        with pytest.raises(BrokenOff):
            go_plain(tmp_path / str(step), break_in_log=step)
        torch.manual_seed(step)
        run = go_plain(tmp_path / str(step))
        assert ending(run) == ending(straight)
        done = 3 * (step // 3)
        assert ("of 9 updates were done" in " ".join(run.notes)) is (done > 0)
    assert go_plain(None, seed=1).losses != straight.losses
    assert len({row["epoch"] for row in straight.history}) == 3


def test_workers_of_a_loader_do_not_change_the_run(tmp_path):
    straight = go_plain(tmp_path / "straight")
    with pytest.raises(BrokenOff):
        go_plain(tmp_path / "broken", break_in_log=4)
    assert ending(go_plain(tmp_path / "broken", batches=shuffled(workers=2))) == ending(straight)


def test_a_loader_with_a_generator_of_its_own_cannot_be_resumed(tmp_path):
    loader = DataLoader([{"x": torch.ones(1)}] * 4, shuffle=True, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ConfigError, match="generator of its own.*\n.*the run's seed then decides"):
        go_plain(tmp_path, batches=loader)


@pytest.mark.parametrize("setting", ["evaluate_every", "checkpoint_every"])
def test_a_plain_iterable_cannot_be_saved_within_an_epoch(setting):
    config = TrainConfig(**{"precision": "fp32", setting: 2})
    with pytest.raises(ConfigError, match="is saved between epochs only"):
        train(tiny_tagger(), shuffled(), Breaking(), config, evaluate=TinyEvaluator(), say=lambda line: None)


@dataclass(frozen=True, kw_only=True)
class Another:
    """How one thing is changed between the start of a run and its resumption."""

    settings: dict[str, Any]
    names: tuple[str, ...]


CHANGED = {
    "learning rate": Another(settings={"learning_rate": 1e-3}, names=("learning_rate: 0.003 → 0.001",)),
    "seed": Another(settings={"seed": 1}, names=("data: ", "seed: 0 → 1")),
    "epochs": Another(settings={"epochs": 4}, names=("epochs: 3 → 4",)),
    "precision": Another(settings={"precision": "fp16"}, names=("precision: fp32 → fp16",)),
    "two at once": Another(
        settings={"beta1": 0.8, "clip_norm": None}, names=("beta1: 0.9 → 0.8", "clip_norm: 1.0 → None")
    ),
}


def start(folder: Path, **changes: Any):
    """One update of a run; `changes` are what it is made of."""
    made = {
        "model": tiny_tagger(),
        "batches": tiny_batches(8),
        "objective": TokenCrossEntropy(class_weights=[1.0] * 5),
        "settings": {},
    } | changes
    return train(
        made["model"],
        made["batches"],
        made["objective"],
        TrainConfig(**{**CONFIG, "max_updates": 3, **made["settings"]}),
        run_dir=folder,
        say=lambda line: None,
    )


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_other_settings_are_refused_with_every_difference(tmp_path, change):
    start(tmp_path)
    with pytest.raises(CheckpointError, match="belongs to another run") as caught:
        start(tmp_path, settings=change.settings)
    assert caught.value.problem.count(" → ") == len(change.names)
    assert all(name in caught.value.problem for name in change.names)
    assert caught.value.file == str(tmp_path)


def relabelled(labels):
    model = tiny_tagger()
    model.config.id2label = dict(enumerate(labels))
    return model


def test_other_labels_data_model_objective_and_adaptation_are_refused(tmp_path):
    start(tmp_path)
    others = {
        "labels: ": {"model": relabelled(["O", "B-ORG", "I-ORG", "B-PER", "I-PER"])},
        "labels: ['O', 'B-LOC'": {"model": relabelled([*LABELS[:3], LABELS[4], LABELS[3]])},
        "model: ": {"model": tiny_tagger(num_key_value_heads=1, tie_word_embeddings=False, type_vocab_size=3)},
        "trainable: ": {"model": adapt(tiny_tagger(), HeadOnly())},
        "adaptation: None → TopLayers(count=1": {"model": adapt(tiny_tagger(), TopLayers(1))},
        "data: ": {"batches": tiny_batches(9)},
        "objective: ": {"objective": TokenCrossEntropy(class_weights=[1.0] * 4 + [2.0])},
        "'smoothed': 1.0": {"objective": TokenCrossEntropy(term="smoothed")},
        "label_smoothing=0.1": {"objective": TokenCrossEntropy(class_weights=[1.0] * 5, label_smoothing=0.1)},
    }
    for expected, change in others.items():
        with pytest.raises(CheckpointError) as caught:
            start(tmp_path, **change)
        assert expected in caught.value.problem
    assert len(others) == 9
    assert start(tmp_path).notes == ("finished: 3 of 3 updates were done",)


def test_what_may_change_may_change(tmp_path):
    with pytest.raises(BrokenOff):
        go(tmp_path, break_in_log=4)
    free = {"piece_budget": 1000, "checkpoint_every": 5, "progress": False, "device": "cpu"}
    run, logged = go(tmp_path, **free)
    assert run.steps == 15
    assert min(logged) == 4


def test_a_run_keeps_the_precision_it_was_started_with(tmp_path, monkeypatch):
    monkeypatch.setattr(resolve_module, "_computes_bf16", lambda device: False)
    with pytest.raises(BrokenOff):
        go(tmp_path, break_in_log=4, precision="auto")
    monkeypatch.setattr(resolve_module, "_computes_bf16", lambda device: True)
    run, _ = go(tmp_path, precision="auto")
    assert (run.config.precision, run.reasons["precision"]) == ("fp32", "as this run was started")


def test_a_run_in_bf16_is_not_continued_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(resolve_module, "_computes_bf16", lambda device: True)
    with pytest.raises(BrokenOff):
        go(tmp_path, break_in_log=4, precision="auto")
    monkeypatch.setattr(resolve_module, "_computes_bf16", lambda device: False)
    with pytest.raises(ConfigError, match="does not compute in it"):
        go(tmp_path, precision="auto")


def test_best_and_last_are_kept_and_the_best_reads_back_exactly(tmp_path):
    run, _ = go(tmp_path, learning_rate=0.05, evaluate_every=2)
    assert run.best_step < run.steps
    assert Checkpoints(tmp_path / "checkpoints").steps() == [run.best_step, run.steps]
    assert {path.name for path in (tmp_path / "checkpoints").iterdir()} == {run.best.name, run.last.name, "lock"}
    assert digest(load_file(run.best / "model.safetensors")) == digest(run.model.state_dict())
    assert digest(load_file(run.last / "model.safetensors")) != digest(run.model.state_dict())
    assert TinyEvaluator()(run.model)["accuracy"] == run.best_value
    assert run.best_value == max(row["accuracy"] for row in run.evaluations)


def test_without_an_evaluation_the_last_checkpoint_is_kept(tmp_path):
    run = start(tmp_path)
    assert run.best == run.last
    assert run.best_step is run.best_value is None
    assert Checkpoints(tmp_path / "checkpoints").steps() == [3]


def test_the_checkpoint_holds_what_it_says(tmp_path):
    run, _ = go(tmp_path, epochs=1)
    assert {path.name for path in run.last.iterdir()} == {
        "contract.json",
        "manifest.json",
        "model.safetensors",
        "optimizer.safetensors",
        "state.json",
    }
    state = json.loads((run.last / "state.json").read_text())
    assert (state["step"], state["epoch"], state["update"], state["finished"]) == (UPDATES, 1, 0, True)
    assert state["updates"] == run.history
    assert state["evaluations"] == run.evaluations


def test_lost_best_weights_do_not_lose_the_run(tmp_path):
    settings = {"learning_rate": 0.05, "evaluate_every": 2}
    straight, _ = go(tmp_path, **settings)
    (straight.best / "model.safetensors").write_bytes(b"")
    run, logged = go(tmp_path, **settings)
    assert logged == []
    assert "the best weights, of update" in run.notes[-1]
    assert "model.safetensors: is damaged" in run.notes[-1]
    assert run.best_step is None
    assert digest(run.model.state_dict()) == digest(load_file(straight.last / "model.safetensors"))
