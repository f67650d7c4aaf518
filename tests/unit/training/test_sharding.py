"""Weights split over two processes: the run of one process, from DTensors, and checkpoints that any number resumes."""

from __future__ import annotations

import pytest
import torch

from companion.encoding.source import TokenBatches
from companion.errors import ConfigError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.checkpoint import read_checkpoint
from companion.training.loop import _take_step
from companion.training.parallel import Processes
from companion.training.parts import prepare
from companion.training.pieces import cut
from companion.training.sharding import is_sharded
from companion.training.state import State
from tests.processes import call_together
from tests.tiny import TinyEvaluator, digest, tiny_tagger, tiny_windows

pytestmark = pytest.mark.two_process
SETTINGS = {"epochs": 2, "learning_rate": 1e-3, "precision": "fp32", "device": "cpu", "clip_norm": 0.5}


def source() -> TokenBatches:
    """17 rows, 4 an update and 1 in one of them, of which one process has none; numbers of pieces differ as well."""
    return TokenBatches(tiny_windows(17), pad_token_id=0, batch_size=4)


def run_on(rank: int, folder: str | None, sharding: str, stop_at: tuple[int, int] | None = None) -> dict | None:
    rows, model = source(), tiny_tagger(seed=rank)
    window = rows.window
    kind, names = type(model), [name for name, _ in model.named_parameters()]

    def stopping(epoch: int, update: int):
        if (epoch, update) == stop_at:
            raise KeyboardInterrupt
        return window(epoch, update)

    rows.window = stopping
    config = TrainConfig(**SETTINGS, piece_budget=24, sharding=sharding)
    try:
        run = train(
            model, rows, TokenCrossEntropy(), config, evaluate=TinyEvaluator(), run_dir=folder, say=lambda line: None
        )
    except KeyboardInterrupt:
        return None
    assert run.model is model
    assert type(model) is kind, "the caller's model is no sharded class"
    assert [name for name, _ in model.named_parameters()] == names
    assert {type(parameter) for parameter in model.parameters()} == {torch.nn.Parameter}
    return {
        "weights": digest(model.state_dict()),
        "tensors": {name: tensor.numpy() for name, tensor in model.state_dict().items()},
        "losses": run.losses,
        "norms": [row["gradient_norm"] for row in run.history],
        "accuracy": [row["accuracy"] for row in run.evaluations],
        "notes": run.notes,
    }


def same_run(found: dict, expected: dict) -> None:
    assert len(found["losses"]) == len(expected["losses"]) == 10
    assert found["losses"] == pytest.approx(expected["losses"], rel=1e-5)
    assert found["norms"] == pytest.approx(expected["norms"], rel=1e-4)
    assert found["accuracy"] == expected["accuracy"]
    for name, tensor in expected["tensors"].items():
        # Adam turns a gradient that is rounding alone (the keys' bias has none) into whole steps.
        assert found["tensors"][name] == pytest.approx(tensor, abs=2e-2 if "key.bias" in name else 1e-3), name


def numbers_of_pieces(rank: int) -> list[int]:
    rows = source()
    return [len(cut(rows, rows.window(0, update), 24, rank=rank, world=2)) for update in range(rows.updates(0))]


def test_two_processes_with_half_the_weights_each_run_as_one_with_all(tmp_path):
    first, second = numbers_of_pieces(0), numbers_of_pieces(1)
    assert any(one != other for one, other in zip(first, second, strict=True)), "processes differ in passes"
    assert 0 in second, "and one of them has no row at all in an update"
    one = run_on(0, str(tmp_path / "one"), "none")
    first, second = call_together(2, tmp_path, run_on, str(tmp_path / "two"), "full")
    assert first["weights"] == second["weights"]
    assert first["losses"] == second["losses"]
    same_run(first, one)
    newest = sorted((tmp_path / "two" / "checkpoints").glob("step-*"))[-1]
    reference = sorted((tmp_path / "one" / "checkpoints").glob("step-*"))[-1]
    stored, expected = read_checkpoint(newest)[0], read_checkpoint(reference)[0]
    for file in ("model.safetensors", "optimizer.safetensors"):
        shapes = {name: tensor.shape for name, tensor in stored[file].items()}
        assert shapes == {name: tensor.shape for name, tensor in expected[file].items()}, "full tensors, every name"


def test_it_is_resumed_by_two_processes_or_by_one(tmp_path):
    straight, _ = call_together(2, tmp_path, run_on, None, "full")
    for folder in ("two", "one"):
        assert call_together(2, tmp_path, run_on, str(tmp_path / folder), "full", (1, 2)) == [None, None]
    first, second = call_together(2, tmp_path, run_on, str(tmp_path / "two"), "full")
    assert first["notes"][0].startswith("resumed: 5 of 10")
    assert first["weights"] == second["weights"] == straight["weights"], "to the bit"
    assert first["losses"] == straight["losses"]
    alone = run_on(0, str(tmp_path / "one"), "none")
    assert alone["notes"][0].startswith("resumed: 5 of 10")
    assert "sharding: full → none" in alone["notes"][1]
    same_run(alone, straight)


def look_inside(rank: int) -> dict:
    from torch.distributed.tensor import DTensor

    model = tiny_tagger()
    config = TrainConfig(**SETTINGS, piece_budget=24, sharding="full")
    parts = prepare(model, source(), TokenCrossEntropy(), config, None)
    before = sum(parameter.to_local().numel() for _, parameter in parts.named)
    _take_step(parts, State())
    moments = [value for values in parts.optimizer.state.values() for key, value in values.items() if key != "step"]
    return {
        "parameters": [isinstance(parameter, DTensor) for _, parameter in parts.named],
        "moments": [isinstance(moment, DTensor) for moment in moments],
        "values": before,
        "total": sum(parameter.numel() for parameter in model.parameters()),
        "bias": parts.named[-1][1].to_local().numel(),
        "recognised": is_sharded(parts.named),
    }


def test_what_is_trained_are_dtensors_of_which_each_process_holds_a_part(tmp_path):
    first, second = call_together(2, tmp_path, look_inside)
    for found in (first, second):
        assert len(found["parameters"]) == 39
        assert all(found["parameters"])
        assert len(found["moments"]) == 78
        assert all(found["moments"])
        assert found["recognised"]
    assert first["values"] + second["values"] == first["total"]
    assert (first["bias"], second["bias"]) == (3, 2), "five labels are no even number"


class WithParameters(TokenCrossEntropy):
    def parameters(self):
        return []


class Merging(TokenCrossEntropy):
    def combine(self, gradients):
        return sum(gradients.values())


class Penalty(TokenCrossEntropy):
    """It reads parameters where nobody can know of it beforehand."""

    def __call__(self, model, batch):
        losses = super().__call__(model, batch)
        return {"supervised": losses["supervised"] + sum((parameter**2).sum() for parameter in model.parameters())}


class OnlyParameters(Penalty):
    """Its loss is a shard altogether."""

    def __call__(self, model, batch):
        super(Penalty, self).__call__(model, batch)
        return {"supervised": sum((parameter**2).sum() for parameter in model.parameters())}


OBJECTIVES = {
    "parameters": WithParameters,
    "combine": Merging,
    "compile": TokenCrossEntropy,
    "penalty": Penalty,
    "only": OnlyParameters,
}


def refusal(rank: int, kind: str) -> str:
    objective = OBJECTIVES[kind]()
    config = TrainConfig(**SETTINGS, sharding="full", compile=kind == "compile")
    try:
        train(tiny_tagger(), source(), objective, config, say=lambda line: None)
    except ConfigError as error:
        return str(error)
    return "trained"


def refusals(rank: int) -> list[str]:
    return [refusal(rank, kind) for kind in OBJECTIVES]


def test_what_needs_whole_parameters_is_refused(tmp_path):
    first, second = call_together(2, tmp_path, refusals)
    assert first == second
    assert [line.split("\n")[0] for line in first] == [
        'sharding is "full", but WithParameters has parameters, which needs whole parameters',
        'sharding is "full", but Merging has combine, which needs whole parameters',
        "compile and sharding cannot go together",
        *['sharding is "full", but the objective reads parameters, of which each process holds a part only'] * 2,
    ]


def test_one_process_has_nobody_to_share_with():
    assert Processes.join(torch.device("cpu")).world == 1
    with pytest.raises(ConfigError, match=r"there is one process to share with\n.*torchrun"):
        train(
            tiny_tagger(),
            source(),
            TokenCrossEntropy(),
            TrainConfig(**SETTINGS, sharding="full"),
            say=lambda line: None,
        )
