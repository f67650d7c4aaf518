"""Dropout with 16-bit masks: its share, its scale, its seed, and where it is PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from companion.models.dropout import Dropout, with_quick_dropout


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_share_and_the_scale(rate, dtype):
    torch.manual_seed(0)
    output = Dropout(rate)(torch.ones(1000, 1001, dtype=dtype))
    kept = output != 0
    # Five standard errors of a share of a million values.
    assert abs(kept.double().mean().item() - (1 - rate)) < 5 * (rate * (1 - rate) / 1_001_000) ** 0.5
    assert output[kept].unique().tolist() == [
        pytest.approx(1 / (1 - rate), rel=1e-2 if dtype == torch.bfloat16 else 1e-4)
    ]
    assert output.dtype == dtype


def test_each_place_is_drawn_evenly():
    """Four values share one 64-bit number: none of the four lanes may be favoured, nor follow its neighbour."""
    torch.manual_seed(0)
    kept = (Dropout(0.1)(torch.ones(400_000)) != 0).double().view(-1, 4)
    assert (kept.mean(0) - 0.9).abs().max() < 5 * (0.09 / 100_000) ** 0.5
    together = torch.corrcoef(kept.T) - torch.eye(4)
    assert together.abs().max() < 5 / 100_000**0.5


def test_the_gradient_uses_the_same_mask():
    torch.manual_seed(0)
    inputs = torch.randn(33, 7, requires_grad=True)
    output = Dropout(0.3)(inputs)
    output.sum().backward()
    assert torch.equal(inputs.grad * inputs, output)


def test_it_follows_the_seed():
    layer, rows = Dropout(0.2), torch.ones(50, 50)
    torch.manual_seed(1)
    first = layer(rows)
    torch.manual_seed(1)
    again = layer(rows)
    assert torch.equal(first, again)
    assert not torch.equal(first, layer(rows))


def test_where_nothing_is_dropped_it_is_torch():
    rows = torch.randn(5, 5)
    assert torch.equal(Dropout(0.0)(rows), rows)
    assert torch.equal(Dropout(0.4).eval()(rows), rows)
    assert torch.equal(Dropout(1.0)(rows), torch.zeros(5, 5))
    assert Dropout(0.4)(rows[:0]).shape == (0, 5)
    assert Dropout(0.4)(rows.to("meta")).device.type == "meta"


def test_only_plain_dropout_is_replaced():
    class Own(nn.Dropout):
        pass

    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.3), nn.Sequential(nn.Dropout(0.2, inplace=True), Own(0.1)))
    model.eval()
    state = list(model.state_dict())
    assert with_quick_dropout(model) is model
    assert [type(module) for module in model.modules() if isinstance(module, nn.Dropout)] == [Dropout, Dropout, Own]
    assert (model[1].p, model[2][0].p, model[2][0].inplace, model[1].training) == (0.3, 0.2, True, False)
    assert list(model.state_dict()) == state
