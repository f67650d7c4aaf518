"""What the next piece is drawn with: the same probabilities as the warpers of transformers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.generation.logits_process import TemperatureLogitsWarper, TopPLogitsWarper

from companion.errors import ConfigError
from companion.models.sampling import next_piece_probabilities


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 30), st.floats(0.1, 5.0), st.floats(0.05, 1.0))
def test_it_is_what_transformers_draws_with(seed, pieces, temperature, top_p):
    logits_V = torch.randn(pieces, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    warped = TemperatureLogitsWarper(temperature)(None, logits_V.unsqueeze(0).clone())
    expected = (TopPLogitsWarper(top_p)(None, warped) if top_p < 1 else warped).softmax(-1)[0]
    found = next_piece_probabilities(logits_V, temperature=temperature, top_p=top_p)
    assert torch.allclose(found, expected, atol=1e-12)
    assert float(found.sum()) == pytest.approx(1.0)


def test_zero_temperature_is_greedy_and_a_small_nucleus_is_the_best_piece():
    logits_V = torch.tensor([0.1, 2.0, -1.0])
    assert next_piece_probabilities(logits_V, temperature=0.0).tolist() == [0.0, 1.0, 0.0]
    assert next_piece_probabilities(logits_V, top_p=1e-6).tolist() == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    "options", [{"temperature": -0.1}, {"temperature": float("inf")}, {"top_p": 0}, {"top_p": 1.1}]
)
def test_settings_that_mean_nothing_are_refused(options):
    with pytest.raises(ConfigError):
        next_piece_probabilities(torch.zeros(3), **options)
