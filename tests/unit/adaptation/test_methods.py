"""What is trainable: full, the head alone, the top layers; and what is said about it."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from companion.adaptation import Full, HeadOnly, TopLayers, adapt, adaptation_of, trainable_table
from companion.errors import ConfigError
from companion.models.decoder import mini_decoder
from tests.tiny import tiny_tagger


def trainable(model) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def everything(model) -> set[str]:
    return {name for name, _ in model.named_parameters()}


def test_full_trains_every_parameter():
    model = adapt(adapt(tiny_tagger(), HeadOnly()), Full())
    assert trainable(model) == everything(model)


def test_head_only_trains_the_head():
    model = adapt(tiny_tagger(), HeadOnly())
    assert trainable(model) == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("count", [1, 2])
def test_top_layers_train_the_head_and_the_last_layers(count):
    model = adapt(tiny_tagger(), TopLayers(count))
    layers = tuple(f"bert.encoder.layer.{index}." for index in range(2 - count, 2))
    expected = {name for name in everything(model) if name.startswith(("classifier.", *layers))}
    assert trainable(model) == expected
    assert len(expected) == 2 + 16 * count
    assert not any("embeddings" in name for name in expected)


def test_a_method_is_chosen_anew_not_added():
    model = adapt(adapt(tiny_tagger(), TopLayers(2)), TopLayers(1))
    assert not any(".layer.0." in name for name in trainable(model))
    assert adaptation_of(model) == TopLayers(1)


@pytest.mark.parametrize("count", [0, -1, True, 1.0, "2"])
def test_an_impossible_number_of_layers_is_refused(count):
    with pytest.raises(ConfigError, match=r"TopLayers: count is .*\n.*1 or more"):
        TopLayers(count)


def test_more_layers_than_there_are_is_refused_and_changes_nothing():
    model = tiny_tagger()
    with pytest.raises(ConfigError, match=r"TopLayers\(3\) on a body with 2 layers\n.*choose 1 to 2"):
        adapt(model, TopLayers(3))
    assert trainable(model) == everything(model)
    assert adaptation_of(model) is None


@pytest.mark.parametrize("method", [HeadOnly(), TopLayers(1)])
def test_a_model_without_a_body_is_refused(method):
    with pytest.raises(ConfigError, match="Linear has no body"):
        adapt(torch.nn.Linear(2, 2), method)


def test_a_body_without_layers_is_refused():
    model = tiny_tagger()
    model.bert.encoder.layer = torch.nn.Identity()
    with pytest.raises(ConfigError, match="no stack of layers"):
        adapt(model, TopLayers(1))


def test_the_method_is_kept_beside_the_model_and_not_on_it():
    model = tiny_tagger()
    before = set(vars(model))
    method = HeadOnly()
    assert adapt(model, method) is model
    assert set(vars(model)) == before
    assert adaptation_of(model) is method
    assert adaptation_of(tiny_tagger()) is None


def test_a_model_that_is_no_longer_used_is_not_kept_alive():
    model = adapt(tiny_tagger(), HeadOnly())
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None


def test_the_table_counts_every_parameter_once():
    model = adapt(tiny_tagger(), TopLayers(1))
    lines = trainable_table(model).splitlines()
    rows = {line.split()[0]: line.split()[1:] for line in lines[1:]}
    head = 32 * 5 + 5
    layer = sum(parameter.numel() for parameter in model.bert.encoder.layer[0].parameters())
    total = sum(parameter.numel() for parameter in model.parameters())
    assert list(rows) == ["bert.embeddings", "bert.encoder", "classifier", "total"]
    assert rows["bert.encoder"][:2] == [f"{layer:,}", f"{2 * layer:,}"]
    assert rows["classifier"] == [f"{head:,}", f"{head:,}", "100.0%"]
    assert rows["total"] == [f"{layer + head:,}", f"{total:,}", f"{(layer + head) / total:.1%}"]


def test_the_table_of_a_model_with_parameters_of_its_own_adds_up():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    model.register_parameter("shift", torch.nn.Parameter(torch.zeros(7)))
    *parts, total = [line.split() for line in trainable_table(model).splitlines()[1:]]
    assert sum(int(part[2]) for part in parts) == int(total[2]) == 9 + 4 + 7


def test_a_class_or_a_word_is_no_method():
    for wrong, shown in ((HeadOnly, "HeadOnly"), ("lora", "'lora'")):
        with pytest.raises(ConfigError, match=f"the method is {shown}"):
            adapt(tiny_tagger(), wrong)


def test_a_head_that_is_the_word_table_is_not_trained_alone():
    model = mini_decoder(["some words"], width=32).model_with_head(seed=0)
    with pytest.raises(ConfigError, match="head only leaves nothing of LlamaForCausalLM to train") as caught:
        adapt(model, HeadOnly())
    assert "LoRA(rank=8)" in caught.value.remedy
    adapted = adapt(model, TopLayers(1))
    assert trainable(adapted) == {name for name, _ in model.named_parameters() if name.startswith("model.layers.1.")}
    model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach().clone())  # no longer tied
    assert trainable(adapt(model, HeadOnly())) == {"lm_head.weight"}
