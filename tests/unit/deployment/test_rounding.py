"""Weights in few bits: within half a step, zero exactly, and the very numbers that onnxruntime stores."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from companion.deployment.compression import quantise
from companion.deployment.rounding import round_matrix, round_weights, sparse_bytes
from companion.errors import ConfigError
from tests.tiny import tiny_tagger


@given(bits=st.integers(2, 8), seed=st.integers(0, 999), spread=st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_every_entry_is_within_half_a_step(bits, seed, spread):
    weight = spread * torch.randn(5, 33, generator=torch.Generator().manual_seed(seed))
    weight[1] = 0.0
    weight[2, ::2] = 0.0
    found = round_matrix(weight, bits=bits)
    off, half = (weight - found.restore()).abs(), found.scale / 2
    assert bool((off <= half * (1 + 1e-4)).all())
    assert bool((found.restore()[weight == 0] == 0).all())
    assert int(found.values.abs().max()) == 2 ** (bits - 1) - 1
    # Sabotage: a step that is a little smaller cuts the largest weight of each row.
    short = (found.values.clamp(-(2 ** (bits - 1)) + 2, 2 ** (bits - 1) - 2) * found.scale - weight).abs()
    assert bool((short > half * (1 + 1e-4)).any())


def test_onnxruntime_stores_the_same_numbers(tmp_path):
    weight = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["rows", "weight"], ["out"])],
        "one",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 6])],
        [numpy_helper.from_array(weight.T.contiguous().numpy(), "weight")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "one")
    quantise(tmp_path / "one", tmp_path / "two")
    stored = {part.name: numpy_helper.to_array(part) for part in onnx.load(tmp_path / "two").graph.initializer}
    mine = round_matrix(weight)
    assert np.array_equal(stored["weight_quantized"].T, mine.values.numpy())
    assert np.array_equal(stored["weight_scale"], mine.scale.squeeze(1).numpy())
    assert not stored["weight_zero_point"].any()


def test_a_rounded_model_holds_few_values_and_few_bytes():
    model = tiny_tagger()
    rounded, size = round_weights(model, bits=3)
    row = rounded.bert.encoder.layer[0].attention.self.query.weight[0]
    assert len(row.unique()) <= 7
    assert torch.equal(rounded.classifier.bias, model.classifier.bias)
    assert not torch.equal(rounded.classifier.weight, model.classifier.weight)
    whole = sum(weight.numel() * 4 for weight in model.parameters())
    assert size < round_weights(model, bits=8)[1] < whole / 3


def test_a_sparse_file_counts_a_bit_for_each_entry():
    weight = torch.zeros(4, 4)
    weight[0, :3] = 1.0
    assert sparse_bytes([weight]) == 2 + 3 * 4
    # Above 1 of 32 entries that are zero, the bits have paid for themselves.
    assert sparse_bytes([torch.ones(32, 32)]) > 32 * 32 * 4


@pytest.mark.parametrize("bits", [1, 9, True, 4.0])
def test_bits_outside_the_range_are_refused(bits):
    with pytest.raises(ConfigError, match="bits is"):
        round_matrix(torch.ones(2, 2), bits=bits)


@pytest.mark.parametrize("weight", [torch.ones(3), torch.tensor([[float("inf")]])])
def test_what_is_no_finite_matrix_is_refused(weight):
    with pytest.raises(ConfigError, match="cannot be rounded"):
        round_matrix(weight)
