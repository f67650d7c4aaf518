"""Weights stored in bf16: fp32 in memory where they are trained, as they are where they stay frozen."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from companion import TrainConfig, load_decoder, train
from companion.adaptation import BottleneckAdapter, LoRA, PrefixTuning, PromptTuning, adapt
from companion.corpora.pairs import Pair
from companion.errors import ConfigError
from companion.tasks.causal_lm import PLAIN_TEMPLATE, CausalLMTask
from tests.decoders import make_decoder_folder

PAIRS = [Pair(prompt=f"ask {number}", answer=f"say {number}") for number in range(8)]
SETTINGS = {"epochs": 1, "learning_rate": 1e-2, "device": "cpu", "progress": False, "precision": "fp32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return make_half("llama", tmp_path_factory.mktemp("half") / "llama")


@pytest.fixture(scope="module")
def tied(tmp_path_factory) -> Path:
    """One whose scores are its word table, which an adapter leaves frozen."""
    return make_half("gpt2", tmp_path_factory.mktemp("half") / "gpt2")


def make_half(kind: str, path: Path) -> Path:
    make_decoder_folder(kind, path, writes=True)
    AutoModelForCausalLM.from_pretrained(path).to(torch.bfloat16).save_pretrained(path)
    return path


def task_of(folder: Path, weights: str) -> CausalLMTask:
    return CausalLMTask(load_decoder(str(folder), weights=weights), template=PLAIN_TEMPLATE)


def learn(task: CausalLMTask, model: torch.nn.Module):
    return train(
        model, task.batches(PAIRS, batch_size=4), task.objective, TrainConfig(**SETTINGS), say=lambda line: None
    )


def test_weights_that_are_trained_are_fp32_and_are_those_that_were_stored(folder):
    wide, stored = task_of(folder, "fp32").model(), task_of(folder, "stored").model()
    assert {parameter.dtype for parameter in wide.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in stored.parameters()} == {torch.bfloat16}
    for (name, one), other in zip(wide.named_parameters(), stored.parameters(), strict=True):
        assert torch.equal(one, other.float()), name


METHODS = [LoRA(rank=2, targets="all-linear"), BottleneckAdapter(4), PrefixTuning(2), PromptTuning(2)]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_what_a_method_adds_is_trained_in_fp32_and_the_rest_is_left_in_bf16(tied, method):
    task = task_of(tied, "stored")
    model = adapt(task.model(), method)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    run = learn(task, model)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained
    for name, parameter in run.model.named_parameters():
        assert parameter.dtype == (torch.float32 if name in trained else torch.bfloat16), name
        assert name in trained or torch.equal(parameter, before[name])
    assert any(not torch.equal(parameter, before[name]) for name, parameter in run.model.named_parameters())


def test_half_precision_is_not_trained(folder):
    task = task_of(folder, "stored")
    with pytest.raises(ConfigError, match="too coarse for AdamW"):
        learn(task, task.model())
    with pytest.raises(ConfigError, match="weights is 'bf16'"):
        task_of(folder, "bf16")


def test_merged_it_is_fp32_and_gives_the_answers_of_the_adapter(folder, tmp_path):
    task = task_of(folder, "stored")
    run = learn(task, adapt(task.model(), LoRA(rank=2)))
    run.export(tmp_path / "merged")
    plain = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    assert plain.dtype == torch.float32
    wide = run.model.float()
    prompts = [pair.prompt for pair in PAIRS]
    said, expected = (task.answer(model, prompts, most=8) for model in (plain, wide))
    assert [one.text for one in said] == [one.text for one in expected]
