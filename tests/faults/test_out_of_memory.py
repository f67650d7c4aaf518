"""Too little memory for a piece: the same update in smaller pieces, exact to rounding, kept and carried by the run."""

from __future__ import annotations

import gc
import math
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

from companion.errors import MemoryLimitError, ObjectiveError, ProcessError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, train
from companion.training.memory import is_memory_shortage
from tests.processes import call_together
from tests.tiny import digest, tiny_batches, tiny_tagger


class BrokenOff(Exception):
    """What a test raises where a run is to be broken off."""


def forward(model: torch.nn.Module, act) -> None:
    model.classifier.register_forward_hook(lambda *_: act())


def backward(model: torch.nn.Module, act) -> None:
    model.classifier.weight.register_hook(lambda gradient: act())


class Short(TokenCrossEntropy):
    """The supervised objective on a machine whose memory holds `room` padded word pieces."""

    def __init__(self, room: float, *, after: int = 0, place=forward) -> None:
        super().__init__()
        self.room, self.after, self.place, self.passes = room, after, place, 0
        self.size, self.sizes, self.hooked = 0, [], False

    def __repr__(self) -> str:
        return "Short()"

    def __call__(self, model, batch):
        if not self.hooked:
            self.place(model, self.allocate)
            self.hooked = True
        self.passes += 1
        self.size = batch["labelled"]["input_ids"].numel()
        losses = super().__call__(model, batch)
        self.sizes.append(self.size)
        return losses

    def allocate(self) -> None:
        if self.size > self.room and self.passes > self.after:
            torch.empty(2**50)  # what the allocator says here is what it says when memory is really short


def go(objective: TokenCrossEntropy | None = None, *, folder: Path | None = None, stop: int | None = None, **options):
    def log(step: int, values: dict[str, float]) -> None:
        if step == stop:
            raise BrokenOff

    batches = options.pop("batches", None) or tiny_batches(16, batch_size=8)
    model = options.pop("model", None) or tiny_tagger()
    settings = {"epochs": 2, "learning_rate": 3e-3, "precision": "fp32", "device": "cpu"} | options
    return train(
        model,
        batches,
        objective or TokenCrossEntropy(),
        TrainConfig(**settings),
        run_dir=folder,
        log=log,
        say=lambda line: None,
    )


def largest(batches) -> int:
    """The padded size of the largest update of the run."""
    windows = [
        batches.window(epoch, update)["labelled"] for epoch in (0, 1) for update in range(batches.updates(epoch))
    ]
    return max(len(rows) * max(batches.length("labelled", row) for row in rows) for rows in windows)


@pytest.mark.parametrize("place", [forward, backward])
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_the_same_update_in_smaller_pieces(place, precision):
    enough, short = go(precision=precision), Short(60, place=place)
    run = go(short, precision=precision)
    assert run.steps == enough.steps == 4
    assert run.losses == pytest.approx(enough.losses, rel=1e-5 if precision == "fp32" else 5e-3)
    assert [row["learning_rate"] for row in run.history] == [row["learning_rate"] for row in enough.history]
    if precision == "fp32":
        for name, tensor in run.model.state_dict().items():
            assert torch.allclose(tensor, enough.model.state_dict()[name], atol=1e-4)
    [note] = run.notes
    budget = int(note.split()[-4])
    assert note == f"out of memory: a piece now holds at most {budget} padded word pieces"
    # Halved from the largest piece until it fits, and no further; from then on every piece is that small.
    first = largest(tiny_batches(16, batch_size=8, seed=0))
    assert 30 <= budget <= 60 < first
    assert max(short.sizes[-10:]) <= 60


def test_the_graph_of_a_piece_that_failed_is_gone_before_the_next_try(monkeypatch):
    from companion.training import loop

    losses, alive, right = [], [], loop.fetch_smaller

    class Watched(Short):
        def __call__(self, model, batch):
            found = super().__call__(model, batch)
            losses.append(weakref.ref(found["supervised"]))
            return found

    def look(*arguments):
        alive.append(losses[-1]() is not None)
        return right(*arguments)

    monkeypatch.setattr(loop, "fetch_smaller", look)
    # What is only free once the collector has run is not free when the next try allocates.
    gc.disable()
    try:
        go(Watched(60, place=backward))
    finally:
        gc.enable()
    assert alive and not any(alive)


def test_the_gradient_of_one_update_is_exact_to_rounding():
    expected, found = {}, {}
    for objective, gradients in ((TokenCrossEntropy(), expected), (Short(40, after=1), found)):

        class Spy:
            name = "spy"

            def __call__(self, model):
                return model

            def after_step(self, model, update, total, into=gradients):
                into.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

        from companion.adaptation import adapt

        model = adapt(tiny_tagger().double(), Spy())
        go(objective, model=model, max_updates=1, clip_norm=None, piece_budget=100)
    assert expected.keys() == found.keys()
    error = math.sqrt(sum(((found[name] - value) ** 2).sum().item() for name, value in expected.items()))
    size = math.sqrt(sum((value**2).sum().item() for value in expected.values()))
    assert 0 < error / size <= 1e-12
    assert len(expected) > 20


class ShortOnce(Short):
    """Too little memory in the second forward pass alone, after the first piece left its gradient."""

    def allocate(self) -> None:
        if self.passes == 2:
            super().allocate()


def test_pieces_that_ran_before_the_shortage_count_once():
    """Twin of the gradient's test: where what they left is kept, the losses differ."""
    enough = go(piece_budget=100)
    assert go(ShortOnce(0), piece_budget=100).losses == pytest.approx(enough.losses, rel=1e-5)

    from companion.training.parts import Parts

    with pytest.MonkeyPatch.context() as patch:
        original = Parts.clear_gradients
        calls = []

        def forget_once(parts):
            calls.append(parts)
            if len(calls) > 1:
                original(parts)

        patch.setattr(Parts, "clear_gradients", forget_once)
        assert go(ShortOnce(0), piece_budget=100).losses != pytest.approx(enough.losses, rel=1e-5)


def test_the_size_travels_through_a_checkpoint(tmp_path):
    def run_it(folder, stop=None, room=60.0):
        model = tiny_tagger(dropout=0.1)
        return go(Short(room), folder=folder, stop=stop, checkpoint_every=1, model=model)

    straight = run_it(tmp_path / "straight")
    with pytest.raises(BrokenOff):
        run_it(tmp_path / "broken", stop=2)
    # The resumed process has memory enough, but the pieces decide the dropout masks.
    resumed = run_it(tmp_path / "broken", room=math.inf)
    assert resumed.history == straight.history
    assert resumed.notes[-1] == straight.notes[-1]
    assert (resumed.last / "manifest.json").read_text() == (straight.last / "manifest.json").read_text()


def test_a_single_row_that_does_not_fit_is_named(tmp_path):
    model = tiny_tagger()
    before = digest(model.state_dict())
    with pytest.raises(
        MemoryLimitError, match=r"update 1: there is not enough memory for labelled rows \d+\n"
    ) as caught:
        go(Short(2), model=model, folder=tmp_path)
    assert "shorten the longest texts" in caught.value.remedy
    assert digest(model.state_dict()) == before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_what_cannot_be_cut_says_what_to_do():
    source = tiny_batches(16, batch_size=8, seed=0)
    items = [source.collate("labelled", source.window(0, update)["labelled"]) for update in range(2)]
    with pytest.raises(MemoryLimitError, match="make its batches smaller and raise accumulate"):
        go(Short(20), batches=items)

    class Whole(Short):
        row_additive = False

    with pytest.raises(MemoryLimitError, match="this objective needs the update as one piece"):
        go(Whole(20))


SHORTAGES = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    MemoryError(),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
    RuntimeError("std::bad_alloc"),
)
OTHERS = (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), ValueError("out of memory"), KeyError("row"))


def test_a_shortage_is_told_from_other_errors():
    assert [is_memory_shortage(error) for error in (*SHORTAGES, *OTHERS)] == [True] * 5 + [False] * 3
    with pytest.raises(RuntimeError, match="DefaultCPUAllocator") as caught:
        torch.empty(2**50)
    assert is_memory_shortage(caught.value)

    class Failing(TokenCrossEntropy):
        def __call__(self, model, batch):
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        go(Failing())


def run_on(rank: int, room: float) -> tuple[str, Any]:
    """A run of two processes of which the second alone is short of memory; its losses, or what it raised."""
    objective = Short(room if rank == 1 else math.inf)
    try:
        run = go(objective, piece_budget=80)
    except (MemoryLimitError, ProcessError) as error:
        return type(error).__name__, str(error)
    return digest(run.model.state_dict()), (run.losses, run.notes, objective.passes)


@pytest.mark.two_process
def test_processes_cut_together_or_give_up_together(tmp_path):
    (first, one), (second, other) = call_together(2, tmp_path, run_on, 30.0)
    assert first == second
    assert one[:2] == other[:2]
    assert one[0] == pytest.approx(go().losses, rel=1e-4)
    assert "out of memory: a piece now holds at most" in one[1][0]
    (kind, message), (kind_there, message_there) = call_together(2, tmp_path, run_on, 2.0)
    assert kind == kind_there == "MemoryLimitError"
    assert "a piece of another process" in message
    assert "labelled rows" in message_there


def fail_on(rank: int) -> tuple[str, str]:
    """A run of two processes of which the second fails in its forward pass."""

    class Failing(TokenCrossEntropy):
        def __call__(self, model, batch):
            if rank == 1:
                raise ObjectiveError("the second process fails")
            return super().__call__(model, batch)

    try:
        go(Failing())
    except (ObjectiveError, ProcessError) as error:
        return type(error).__name__, str(error)
    return "none", ""


@pytest.mark.two_process
def test_a_process_that_fails_leaves_nobody_waiting(tmp_path):
    (kind, message), (kind_there, message_there) = call_together(2, tmp_path, fail_on)
    assert (kind, kind_there) == ("ProcessError", "ObjectiveError")
    assert "another process of this run failed" in message
    assert "the second process fails" in message_there
