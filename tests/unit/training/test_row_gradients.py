"""Embedding gradients as rows: the same weights as with a whole table, and a model that is given back as it came."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from companion.errors import NonFiniteError
from companion.objectives import TokenCrossEntropy
from companion.training import TrainConfig, rows, train
from tests.tiny import tiny_batches, tiny_tagger


def table_of(model: nn.Module) -> nn.Embedding:
    return model.bert.embeddings.word_embeddings


def run(model: nn.Module, **options) -> nn.Module:
    settings = TrainConfig(epochs=3, learning_rate=3e-3, precision="fp32", device="cpu", piece_budget=60, **options)
    return train(model, tiny_batches(16), TokenCrossEntropy(), settings, say=lambda line: None).model


@pytest.fixture
def every_table(monkeypatch):
    monkeypatch.setattr(rows, "SMALLEST", 1)


@pytest.fixture
def watched(monkeypatch) -> list[bool]:
    """Whether the gradient of the word embeddings arrived as rows, update by update."""
    seen: list[bool] = []
    settle = rows.RowTables.settle

    def watching(tables):
        seen.extend(table.weight.grad.is_sparse for table in tables.tables[:1])
        settle(tables)

    monkeypatch.setattr(rows.RowTables, "settle", watching)
    return seen


def test_the_same_weights(monkeypatch, watched):
    whole = run(tiny_tagger(dropout=0.1))
    assert watched == []
    monkeypatch.setattr(rows, "SMALLEST", 1)
    as_rows = run(tiny_tagger(dropout=0.1))
    assert watched == [True] * 12
    for (name, one), other in zip(whole.state_dict().items(), as_rows.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-6), name


def test_a_row_of_the_update_before_is_cleared(every_table):
    """Forgetting to clear adds old rows to every later gradient: the sabotaged twin of the test above."""
    honest = run(tiny_tagger())
    clear = rows.RowTables.clear
    rows.RowTables.clear = lambda tables: None
    try:
        sabotaged = run(tiny_tagger())
    finally:
        rows.RowTables.clear = clear
    assert not torch.allclose(table_of(honest).weight, table_of(sabotaged).weight, atol=1e-4)


def test_the_model_is_given_back(every_table):
    model = tiny_tagger()
    before = {name: list(vars(module)) for name, module in model.named_modules()}
    run(model)
    assert {name: list(vars(module)) for name, module in model.named_modules()} == before
    assert table_of(model).sparse is False
    assert table_of(model).weight.grad is None


def test_the_model_is_given_back_after_an_error(every_table):
    model = tiny_tagger()
    with torch.no_grad():
        model.classifier.weight[0, 0] = float("nan")
    with pytest.raises(NonFiniteError):
        run(model)
    assert table_of(model).sparse is False


def test_which_tables_are_left_alone(every_table):
    def chosen(model: nn.Module) -> int:
        tables = rows.RowTables(model.modules())
        tables.close()
        return len(tables.tables)

    tied = nn.ModuleDict({"table": nn.Embedding(9, 4), "output": nn.Linear(4, 9, bias=False)})
    assert chosen(tied) == 1
    tied["output"].weight = tied["table"].weight
    assert chosen(tied) == 0
    assert chosen(nn.Embedding(9, 4).requires_grad_(False)) == 0
    assert chosen(nn.Embedding(9, 4, max_norm=1.0)) == 0
    assert chosen(nn.Embedding(9, 4, scale_grad_by_freq=True)) == 0
    assert chosen(nn.Embedding(9, 4, sparse=True)) == 0


def test_a_sparse_table_of_the_users_own_stays_sparse(every_table):
    model = nn.Sequential(nn.Embedding(9, 4, sparse=True))
    tables = rows.RowTables(model.modules())
    tables.close()
    assert model[0].sparse is True


@pytest.mark.usefixtures("every_table")
def test_a_copy_that_an_evaluator_makes_is_a_model_like_any_other():
    copies = []

    def keep(model: nn.Module) -> float:
        copies.append(copy.deepcopy(model))
        return 0.0

    settings = TrainConfig(max_updates=2, learning_rate=1e-3, precision="fp32", device="cpu", metric="loss")
    train(tiny_tagger(), tiny_batches(), TokenCrossEntropy(), settings, evaluate=keep, say=lambda line: None)
    [kept] = copies
    batch = tiny_batches().collate("labelled", [0, 1])
    kept(batch["input_ids"]).logits.sum().backward()
    assert not table_of(kept).weight.grad.is_sparse
    torch.optim.AdamW(kept.parameters()).step()
