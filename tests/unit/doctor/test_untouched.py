"""Model, optimiser, loader and random states are bit-identical afterwards, also after an exception."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import companion
from companion.doctor import untouched
from companion.doctor.keeping import random_state
from tests.clinic import LOOPS, Clinic
from tests.tiny import digest, tiny_tagger


def state_of(model: nn.Module, optimizer: torch.optim.Optimizer | None = None, *others: Any) -> dict[str, Any]:
    """Everything that may not move, in a form that can be compared."""
    state = random_state()
    moments = [] if optimizer is None else [(group["lr"], len(group["params"])) for group in optimizer.param_groups]
    stored = {} if optimizer is None else optimizer.state_dict()["state"]
    return {
        "weights": digest(dict(model.state_dict())),
        "gradients": digest({name: p.grad for name, p in model.named_parameters() if p.grad is not None}),
        "without gradient": [name for name, p in model.named_parameters() if p.grad is None],
        "wanted": [p.requires_grad for p in model.parameters()],
        "modes": [module.training for module in model.modules()],
        "rates": [module.p for module in model.modules() if isinstance(module, nn.Dropout)],
        "hooks": [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        "identity": [id(p) for p in model.parameters()],
        "groups": moments,
        "moments": digest({f"{k} {n}": v for k, part in stored.items() for n, v in part.items()}),
        "python": state["python"],
        "numpy": state["numpy"][1].tolist(),
        "torch": state["torch"].tolist(),
        "others": copy.deepcopy(others),
    }


def disturb() -> None:
    random.random()
    np.random.rand()
    torch.rand(1)


@pytest.mark.parametrize("loop", LOOPS)
def test_an_examination_leaves_no_trace(loop: str):
    clinic = Clinic(loop, "tokens", extra={"processes": 2})
    given = clinic.parts() | clinic.extra
    model, optimizer = clinic.model, given.get("optimizer")
    if "step" in given:  # in the middle of a training, with moments and gradients
        for batch in list(given["loader"])[:2]:
            given["step"](batch)
    model.zero_grad()
    held = next(parameter for parameter in model.parameters() if parameter.requires_grad)
    held.grad = torch.ones(1).expand(held.shape) if loop == "plain" else torch.ones_like(held)
    for module in list(model.modules())[3:5]:
        module.eval()
    backward, loader = torch.autograd.backward, given.get("loader")
    generator = getattr(loader, "generator", None)
    before = state_of(model, optimizer)
    position = None if generator is None else generator.get_state().tolist()
    report = companion.doctor(given.pop("model"), given.pop("loader", None), **given)
    assert report.healthy
    assert state_of(model, optimizer) == before
    assert position == (None if generator is None else generator.get_state().tolist())
    assert torch.autograd.backward is backward


class Loop:
    """A step that counts, keeps lists, draws numbers, schedules, and fails at a given call."""

    def __init__(self, model: nn.Module, fails_with: type[BaseException] | None) -> None:
        self.model, self.fails_with = model, fails_with
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 1)
        self.calls, self.losses, self.seen = 0, [], {"rows": 0}
        self.dice, self.numbers = random.Random(1), np.random.default_rng(1)

    def step(self, batch: Any) -> None:
        self.calls += 1
        self.losses.append(self.dice.random() + self.numbers.random())
        self.seen["rows"] += len(batch["input_ids"])
        disturb()
        self.model.train()
        self.optimizer.zero_grad()
        self.model(**batch).loss.backward()
        if self.fails_with is not None:
            raise self.fails_with("in the middle of a step")
        self.optimizer.step()
        self.schedule.step()

    def own(self) -> tuple[Any, ...]:
        numbers = self.numbers.bit_generator.state["state"]
        schedule = {name: value for name, value in self.schedule.state_dict().items() if isinstance(value, int | list)}
        return self.calls, list(self.losses), dict(self.seen), self.dice.getstate(), numbers, schedule


def batches() -> list[dict[str, torch.Tensor]]:
    ids = torch.randint(5, 60, (6, 9), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(9) < torch.arange(4, 10)[:, None]).long()
    labels = torch.where(mask.bool(), ids % 5, -100)
    return [{"input_ids": ids * mask, "attention_mask": mask, "labels": labels}] * 2


@pytest.mark.parametrize("error", [None, ValueError, KeyboardInterrupt])
def test_neither_does_one_that_fails(error: type[BaseException] | None):
    loop = Loop(tiny_tagger(dropout=0.1), None)
    data = batches()
    loop.step(data[0])
    loop.fails_with = error
    before = state_of(loop.model, loop.optimizer, *loop.own())
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            companion.doctor(loop.model, data, step=loop.step)
    else:
        report = companion.doctor(loop.model, data, step=loop.step)
        said = [one.reason for one in report.not_checked if "ValueError: in the middle of a step" in one.reason]
        assert bool(said) == (error is ValueError)
    assert state_of(loop.model, loop.optimizer, *loop.own()) == before


def test_an_optimiser_that_nobody_names_is_put_back():
    model, data = tiny_tagger(), batches()
    hidden = {"first": torch.optim.AdamW(model.parameters(), lr=1e-3)}
    counted = 0

    def step(batch: Any) -> None:
        nonlocal counted
        counted += 1
        optimizer = hidden[f"fir{'st'}"]
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()

    step(data[0])
    before = state_of(model, hidden["first"], counted)
    companion.doctor(model, data, step=step)
    assert state_of(model, hidden["first"], counted) == before


def test_untouched_undoes_everything_inside():
    model = tiny_tagger(dropout=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    before = state_of(model, optimizer)
    with pytest.raises(RuntimeError, match="inside"), untouched(model, [optimizer]):
        disturb()
        model.eval()
        model(**batches()[0]).loss.backward()
        optimizer.step()
        optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(1))]})
        model.classifier = nn.Linear(32, 5)
        model.extra = nn.Linear(2, 2)
        model.requires_grad_(False)
        model.bert.embeddings.word_embeddings.weight.data = torch.zeros(60, 32)
        model.note = "added"
        raise RuntimeError("inside")
    assert state_of(model, optimizer) == before
    assert not hasattr(model, "note")
    assert not hasattr(model, "extra")


def test_an_iterator_is_not_moved_on():
    data = iter(batches())
    report = companion.doctor(tiny_tagger(), data)
    assert len(list(data)) == 2
    assert "an iterator" in next(one.reason for one in report.not_checked if one.probe == "padding in the logits")

    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self) -> Iterator[Any]:
            return self

        def __next__(self) -> Any:
            raise AssertionError("was read")

    report = companion.doctor(tiny_tagger(), torch.utils.data.DataLoader(Stream(), batch_size=None))
    assert "data set is an iterator" in str(report)


def test_workers_at_work_stay_where_they_are():
    loader = torch.utils.data.DataLoader(batches() * 3, batch_size=None, shuffle=True)
    loader._iterator = marker = iter(loader)
    report = companion.doctor(tiny_tagger(), loader)
    assert loader._iterator is marker
    assert report.healthy
