"""Distillation for a head of another task: the rows are those of the new part, the answers those of the old head."""

from __future__ import annotations

import copy

import pytest
import torch

from companion.models.shared import SharedBody
from companion.objectives import Distillation, TokenCrossEntropy
from tests.tiny import tiny_batches, tiny_tagger


def test_the_old_head_is_compared_on_the_rows_of_the_new_part():
    model = SharedBody({"old": tiny_tagger(seed=1), "new": tiny_tagger(seed=2)}).eval()
    teacher = copy.deepcopy(tiny_tagger(seed=3)).eval()
    batch = {"new": tiny_batches().collate("labelled", [0, 1, 2])}
    inside = TokenCrossEntropy(part="new")
    found = Distillation(inside, teacher, part="new", head="old", temperature=2.0)(model, batch)
    inputs = {name: tensor for name, tensor in batch["new"].items() if name != "labels"}
    chosen = batch["new"]["labels"] != -100
    p, q = ((one(**inputs).logits[chosen] / 2).log_softmax(-1) for one in (teacher, model.part("old")))
    expected = float(4 * (p.exp() * (p - q)).sum().detach())
    assert float(found["distillation"].detach()) == pytest.approx(expected, rel=1e-4)
    found["distillation"].backward()
    assert model.part("old").classifier.weight.grad.abs().sum() > 0
    assert model.part("new").classifier.weight.grad is None
    own = Distillation(inside, teacher, part="new")(model, batch)["distillation"]
    assert not torch.isclose(own, found["distillation"])
