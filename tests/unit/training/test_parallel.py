"""Two processes on one update: the gradient and the run of one process, whoever has which rows, or none."""

from __future__ import annotations

import os
import socket

import pytest
import torch

from companion.encoding.source import TokenBatches
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.gradients import accumulate_gradient
from companion.training.optimizer import trained_parameters
from companion.training.parallel import Processes
from companion.training.pieces import collate, cut
from companion.training.resolve import resolve
from tests.processes import call_together, result_of, start
from tests.tiny import TinyEvaluator, digest, tiny_batches, tiny_tagger, tiny_windows

pytestmark = pytest.mark.two_process
ROWS = 16
LIMIT = {torch.float64: 1e-12, torch.float32: 5e-6}

# How the rows are dealt out: as the loop does it, all but one to one process, all to one process.
DEALS = {
    "as the loop does": None,
    "unequal": [[[0, 1, 2], [3, 4, 5, 6, 7, 8, 9], [10, 11, 12, 13, 14]], [[15]]],
    "the second has none": [[[0, 1, 2, 3, 4, 5, 6, 7], [8, 9, 10, 11, 12, 13, 14, 15]], []],
    "the first has none": [[], [list(range(ROWS))]],
}


class TwoHeads(torch.nn.Module):
    """A body with two heads; the second is used for rows of even number of labels only, the third never."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.embedding = torch.nn.Embedding(60, 8)
            self.heads = torch.nn.ModuleList(torch.nn.Linear(8, 5) for _ in range(3))

    def forward(self, input_ids, attention_mask=None, head=0):
        return self.heads[head](self.embedding(input_ids))


class HeadByRow(TokenCrossEntropy):
    """Rows longer than ten pieces go to the second head."""

    def __call__(self, model, batch):
        group = batch["labelled"]
        total = 0.0
        for row in range(len(group["labels"])):
            length = int(group["attention_mask"][row].sum())
            logits = model(group["input_ids"][row : row + 1], head=int(length > 10))
            total = total + self.from_logits(logits, group["labels"][row : row + 1])
        return {"supervised": total}


class LearnedScale(TokenCrossEntropy):
    """An objective with a parameter of its own, which every process starts differently."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor([start]))

    def parameters(self):
        return [self.scale]

    def __call__(self, model, batch):
        return {"supervised": super().__call__(model, batch)["supervised"] * (1 + self.scale**2).sum()}


def source() -> TokenBatches:
    return TokenBatches(tiny_windows(ROWS), pad_token_id=0, batch_size=ROWS)


def gradient_on(rank: int, world: int, deal: str, dtype: torch.dtype, kind: str) -> dict[str, torch.Tensor]:
    """The gradients of one update by parameter, as this process has them; numpy arrays travel between processes."""
    rows, processes = source(), Processes(rank=rank, world=world)
    model, objective = {
        "plain": (tiny_tagger(), TokenCrossEntropy()),
        "class weights": (tiny_tagger(), TokenCrossEntropy(class_weights=(0.1, 1.0, 2.5, 0.0, 7.0))),
        "heads": (TwoHeads(), HeadByRow()),
    }[kind]
    model.to(dtype)
    if world == 1:
        pieces = [{"labelled": list(range(ROWS))}]
    elif DEALS[deal] is None:
        pieces = cut(rows, rows.window(0, 0), 50, rank=rank, world=world)
    else:
        pieces = [{"labelled": part} for part in DEALS[deal][rank]]
    named = trained_parameters(model, objective)
    accumulate_gradient(
        model,
        objective,
        [collate(rows, piece) for piece in pieces],
        named,
        settings=resolve(TrainConfig(precision="fp32", device="cpu"), model),
        processes=processes,
        place=(0, 0),
    )
    return {name: None if parameter.grad is None else parameter.grad.numpy() for name, parameter in named}


def gradients_on(rank: int) -> dict[tuple, dict]:
    return {
        (deal, dtype, kind): gradient_on(rank, 2, deal, dtype, kind)
        for deal in DEALS
        for dtype in LIMIT
        for kind in ("plain", "class weights", "heads")
    }


def test_two_processes_have_the_gradient_of_one(tmp_path):
    by_rank = call_together(2, tmp_path, gradients_on)
    assert len(by_rank[0]) == len(by_rank[1]) == 4 * 2 * 3
    for (deal, dtype, kind), found in by_rank[0].items():
        expected = gradient_on(0, 1, deal, dtype, kind)
        assert found.keys() == expected.keys() == by_rank[1][deal, dtype, kind].keys()
        error = size = 0.0
        for name, value in expected.items():
            other = by_rank[1][deal, dtype, kind][name]
            if value is None:
                assert found[name] is other is None, "a head that nobody used has no gradient"
                continue
            assert (found[name] == other).all()
            error += ((found[name] - value) ** 2).sum()
            size += (value**2).sum()
        assert (error / size) ** 0.5 <= LIMIT[dtype], (deal, kind)
    unused = [name for name, value in gradient_on(0, 1, "unequal", torch.float32, "heads").items() if value is None]
    assert unused == ["heads.2.weight", "heads.2.bias"]


def run_on(rank: int, folder: str, stop_at: tuple[int, int] | None = None) -> dict:
    """A whole run, with a different model on every process at first, and an update with fewer rows than processes."""
    lines: list[str] = []
    logged: list[int] = []
    objective, source = LearnedScale(start=0.5 + rank), tiny_batches(17, batch_size=4, seed=0)
    window = source.window

    def stopping(epoch: int, update: int):
        if (epoch, update) == stop_at:
            raise KeyboardInterrupt
        return window(epoch, update)

    source.window = stopping
    run = train(
        tiny_tagger(seed=rank),
        source,
        objective,
        TrainConfig(epochs=2, learning_rate=1e-3, precision="fp32", piece_budget=40, clip_norm=0.5),
        evaluate=TinyEvaluator(),
        run_dir=folder,
        log=lambda step, values: logged.append(step),
        say=lines.append,
    )
    return {
        "weights": digest(run.model.state_dict()),
        "tensors": {name: tensor.numpy() for name, tensor in run.model.state_dict().items()},
        "scale": objective.scale.item(),
        "losses": run.losses,
        "evaluations": run.evaluations,
        "notes": run.notes,
        "said": len(lines),
        "logged": len(logged),
    }


def break_off(rank: int, folder: str) -> bool:
    """The same run, broken off on every process in the middle of the second epoch."""
    try:
        run_on(rank, folder, stop_at=(1, 2))
    except KeyboardInterrupt:
        return True
    return False


def test_a_run_on_two_processes_is_the_run_on_one(tmp_path):
    one = run_on(0, str(tmp_path / "one"))
    first, second = call_together(2, tmp_path, run_on, str(tmp_path / "two"))
    assert first["weights"] == second["weights"], "both end with the same bits"
    assert first["scale"] == second["scale"]
    assert first["losses"] == second["losses"]
    assert first["losses"] == pytest.approx(one["losses"], rel=1e-5)
    assert first["scale"] == pytest.approx(one["scale"], rel=1e-4)
    assert len(one["losses"]) == 10
    assert [row["accuracy"] for row in first["evaluations"]] == [row["accuracy"] for row in one["evaluations"]]
    assert (first["logged"], second["logged"]) == (one["logged"], 0), "the first process alone reports"
    assert (first["said"], second["said"]) == (one["said"], 0)
    for name, tensor in one["tensors"].items():
        assert first["tensors"][name] == pytest.approx(tensor, abs=1e-3)


def test_two_processes_resume_together(tmp_path):
    straight, _ = call_together(2, tmp_path, run_on, str(tmp_path / "straight"))
    assert call_together(2, tmp_path, break_off, str(tmp_path / "broken")) == [True, True]
    first, second = call_together(2, tmp_path, run_on, str(tmp_path / "broken"))
    assert first["notes"] == ("resumed: 5 of 10 updates were done",)
    assert first["weights"] == second["weights"] == straight["weights"]
    assert first["losses"] == straight["losses"]
    assert first["scale"] == straight["scale"]


def join_as_launched(rank: int, port: int) -> tuple:
    """What a process finds that torchrun or accelerate started: its place stands in the environment."""
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = Processes.join(torch.device("cpu"))
    again = Processes.join(torch.device("cpu"))
    total = processes.sum(torch.tensor([1.0 + rank])).item()
    return processes == again, processes.rank, processes.world, processes.leads, total, processes.share(f"from {rank}")


def test_a_launcher_is_found_in_the_environment():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [start(join_as_launched, rank, port) for rank in (0, 1)]
    assert [result_of(*child) for child in children] == [
        (True, 0, 2, True, 3.0, "from 0"),
        (True, 1, 2, False, 3.0, "from 0"),
    ]


def test_alone_there_is_no_group(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert Processes.join(torch.device("cpu")) == Processes(rank=0, world=1)
    alone = Processes(rank=0, world=1)
    tensor = torch.ones(2)
    assert alone.sum(tensor) is tensor
    assert alone.share("value") == "value"
    assert alone.leads
    alone.broadcast([tensor])
    assert alone.lead(lambda: "value") == "value"
    assert alone.highest(3, torch.device("cpu")) == 3
