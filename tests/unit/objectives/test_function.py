"""A plain function as an objective: what it is handed, and what its sum is divided by."""

from __future__ import annotations

import torch

from companion.objectives.function import SummedLoss


def test_a_single_part_is_handed_over_as_it_is_and_its_rows_are_counted():
    seen = []
    objective = SummedLoss(lambda model, batch: seen.append(batch) or batch["x"].sum())
    batch = {"labelled": {"x": torch.ones(3, 2)}}
    assert objective.counts(batch) == {"supervised": 3.0}
    assert objective(None, batch)["supervised"] == 6 and seen == [batch["labelled"]]
    two = {**batch, "text": {"x": torch.ones(2, 2)}}
    assert objective.counts(two) == {"supervised": 5.0}
    objective = SummedLoss(lambda model, batch: batch["text"]["x"].sum(), term="mine")
    assert dict(objective.weights) == {"mine": 1.0} and objective(None, two)["mine"] == 4


def test_its_text_says_which_function_and_not_where_it_lies():
    assert repr(SummedLoss(_loss)) == "SummedLoss(_loss)"


def _loss(model, batch):
    return model(batch["x"]).sum()
