"""Penalties: the same however rows are split, equal to a by-hand computation, and typed errors."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from companion.adaptation import AdaLoRA, LoRA, adapt
from companion.errors import ConfigError, ObjectiveError
from companion.objectives import Orthogonality, TokenCrossEntropy
from companion.objectives.penalty import Penalised
from companion.training import TrainConfig, train
from tests.tiny import tiny_batches, tiny_tagger


def adapted(seed: int = 0):
    model = adapt(tiny_tagger(), AdaLoRA(2, 3))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_" in name:
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_orthogonality_equals_the_mean_of_the_norms_by_hand(seed):
    model, norms = adapted(seed), []
    for layer in model.base_model.model.bert.encoder.layer:
        for target in (layer.attention.self.query, layer.attention.self.value):
            q, p = target.lora_A["default"], target.lora_B["default"]
            for gram in (q @ q.T, p.T @ p):
                difference = gram - torch.eye(3)
                norms.append(math.sqrt(float((difference.detach() ** 2).sum())))
    assert float(Orthogonality(TokenCrossEntropy()).penalty(model)) == pytest.approx(sum(norms) / 8, rel=1e-5)
    assert len(norms) == 8


def test_orthogonality_is_what_peft_adds_to_a_loss_of_its_own():
    model, batch = adapted(), tiny_batches().collate("labelled", [0, 1])
    plain = model.base_model.model(**batch).loss
    ours = 0.5 * Orthogonality(TokenCrossEntropy()).penalty(model)
    torch.testing.assert_close(model(**batch).loss - plain, ours, rtol=1e-4, atol=1e-5)


def test_a_split_update_gives_the_same_gradient():
    def gradients(budget):
        model = adapted().double()
        run = train(
            model,
            tiny_batches(count=8, batch_size=8),
            Orthogonality(TokenCrossEntropy(), weight=0.3),
            TrainConfig(max_updates=2, learning_rate=1e-3, precision="fp32", piece_budget=budget, progress=False),
            say=lambda line: None,
        )
        return run.history[-1]

    whole, split = gradients(4096), gradients(20)
    assert whole["orthogonality"] == pytest.approx(split["orthogonality"], rel=1e-12)
    assert whole["gradient_norm"] == pytest.approx(split["gradient_norm"], rel=1e-9)
    assert whole["loss"] == pytest.approx(whole["supervised"] + 0.3 * whole["orthogonality"])


def test_training_with_it_brings_the_factors_closer_to_orthonormal():
    losses = {}
    for weight in (0.0, 0.5):
        run = train(
            adapted(),
            tiny_batches(),
            Orthogonality(TokenCrossEntropy(), weight=weight),
            TrainConfig(epochs=3, learning_rate=2e-2, precision="fp32", progress=False),
            say=lambda line: None,
        )
        losses[weight] = run.history[-1]["orthogonality"]
    assert losses[0.5] < 0.9 * losses[0.0]


@pytest.mark.parametrize("make", [tiny_tagger, lambda: adapt(tiny_tagger(), LoRA(2))])
def test_without_adalora_there_is_nothing_to_be_orthogonal(make):
    with pytest.raises(ObjectiveError, match="carries no AdaLoRA"):
        Orthogonality(TokenCrossEntropy()).penalty(make())


@pytest.mark.parametrize("weight", [-1, math.inf, math.nan])
def test_an_impossible_weight_is_refused(weight):
    with pytest.raises(ConfigError, match="the weight of 'orthogonality'"):
        Orthogonality(TokenCrossEntropy(), weight=weight)


def test_a_term_is_added_once():
    once = Orthogonality(TokenCrossEntropy())
    with pytest.raises(ConfigError, match="has a term called 'orthogonality' already"):
        Orthogonality(once)


def test_what_the_objective_inside_has_besides_is_still_there():
    class Special(TokenCrossEntropy):
        row_additive = False

        def parameters(self):
            return [torch.nn.Parameter(torch.zeros(1))]

    outside = Orthogonality(Special())
    assert outside.row_additive is False
    assert len(outside.parameters()) == 1
    assert not hasattr(Orthogonality(TokenCrossEntropy()), "state_dict")


def test_a_penalty_of_ones_own_needs_one_method():
    class Small(Penalised):
        def penalty(self, model):
            return sum((parameter**2).sum() for parameter in model.parameters())

    objective = Small(TokenCrossEntropy(), term="size", weight=0.1)
    batch = {"labelled": tiny_batches().collate("labelled", [0, 1, 2])}
    model = tiny_tagger()
    assert objective.counts(batch)["size"] == 3
    total = sum((parameter**2).sum() for parameter in model.parameters())
    torch.testing.assert_close(objective(model, batch)["size"], 3 * total)
