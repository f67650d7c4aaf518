"""Gradients of single terms over the shared body: those of autograd, with nothing left behind."""

from __future__ import annotations

import pytest
import torch

from companion.models import SharedBody
from companion.objectives import Mixture, TokenCrossEntropy, cosines, term_gradients
from tests.tiny import tiny_batches, tiny_tagger


@pytest.fixture
def shared() -> SharedBody:
    return SharedBody({"a": tiny_tagger(seed=0, dropout=0.1), "b": tiny_tagger(seed=1, dropout=0.1)})


def mixed(weight: float = 1.0) -> Mixture:
    return Mixture(TokenCrossEntropy(part="a", term="a"), TokenCrossEntropy(part="b", term="b", weight=weight))


def batch(*parts: str) -> dict:
    return {name: tiny_batches().collate("labelled", [place, place + 1]) for place, name in enumerate(parts)}


def by_hand(shared: SharedBody, name: str, part: dict) -> torch.Tensor:
    logits = shared.eval().part(name)(input_ids=part["input_ids"], attention_mask=part["attention_mask"]).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), part["labels"].flatten(), ignore_index=-100)
    shared.zero_grad()
    loss.backward()
    gradient = [
        torch.zeros_like(one) if one.grad is None else one.grad.clone() for one in shared.base_model.parameters()
    ]
    shared.zero_grad()
    return torch.cat([one.reshape(-1) for one in gradient])


def test_each_is_the_gradient_of_its_own_mean_over_the_body(shared):
    rows = batch("a", "b")
    found = term_gradients(shared, mixed(), rows)
    assert list(found) == ["a", "b"]
    for name in found:
        torch.testing.assert_close(found[name], by_hand(shared, name, rows[name]), rtol=1e-5, atol=1e-7)
    assert found["a"].numel() == sum(one.numel() for one in shared.base_model.parameters())


def test_the_weight_is_in_it_and_no_angle_depends_on_it(shared):
    rows = batch("a", "b")
    one, half = (term_gradients(shared, mixed(weight), rows) for weight in (1.0, 0.5))
    torch.testing.assert_close(half["b"], 0.5 * one["b"])
    assert cosines(half)["a", "b"] == pytest.approx(cosines(one)["a", "b"], abs=1e-6)


def test_nothing_is_left_behind_and_dropout_plays_no_part(shared):
    shared.train()
    rows = batch("a", "b")
    first, again = (term_gradients(shared, mixed(), rows) for _ in range(2))
    assert torch.equal(first["a"], again["a"])
    assert shared.training
    assert all(parameter.grad is None for parameter in shared.parameters())


def test_a_term_without_rows_has_no_gradient_and_a_head_none_of_another_task(shared):
    assert list(term_gradients(shared, mixed(), batch("a"))) == ["a"]
    head = term_gradients(shared, mixed(), batch("a", "b"), of=shared.part("a").classifier)
    assert head["a"].abs().max() > 0 == head["b"].abs().max()
