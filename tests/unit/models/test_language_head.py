"""The offline encoder's trained language head: used by itself, verified before use, and no other encoder's."""

from __future__ import annotations

import pytest
import torch

import companion
from companion.corpora.location import data_root
from companion.errors import ModelError
from companion.experiments.language_head import sides
from companion.models import SharedBody, load_encoder
from companion.models.language_head import FILE, has_language_head, put_language_head, take_language_head
from companion.tasks import MaskedLMTask, TextTask
from tests.tokenizers import make_model_folder


@pytest.fixture(scope="module")
def task():
    return MaskedLMTask(load_encoder())


def test_it_is_used_unless_a_fresh_one_is_asked_for(task):
    trained, fresh, other = task.model(seed=1), task.model(seed=1, fresh_head=True), task.model(seed=2)
    judge = task.evaluator(sides().held_out[:24])
    assert judge(trained)["masked_lm_loss"] < judge(fresh)["masked_lm_loss"] - 2.0
    assert torch.equal(trained.cls.predictions.bias, other.cls.predictions.bias)
    assert float(fresh.cls.predictions.bias.detach().abs().max()) == 0.0
    words = trained.base_model.embeddings.word_embeddings.weight
    assert trained.cls.predictions.decoder.weight is words
    assert torch.equal(words, fresh.base_model.embeddings.word_embeddings.weight)
    assert all(parameter.dtype == torch.float32 and parameter.requires_grad for parameter in trained.parameters())


def test_it_stays_where_it_is_on_a_shared_body(task):
    alone = task.model()
    shared = SharedBody({"labelled": TextTask(("bad", "good"), task.encoder).model(), "unlabelled": task.model()})
    head = take_language_head(shared.part("unlabelled"))
    assert all(torch.equal(tensor, take_language_head(alone)[name]) for name, tensor in head.items())


@pytest.mark.parametrize("damage", ["missing", "changed", "cut"])
def test_a_damaged_file_is_refused(task, tmp_path, damage):
    path = tmp_path / "offline.safetensors"
    whole = (data_root() / FILE).read_bytes()
    if damage != "missing":
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]) if damage == "changed" else whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="sha256 .* expected, found") as raised:
        put_language_head(task.model(fresh_head=True), path)
    assert "fresh_head=True" in str(raised.value)


def test_no_other_encoder_gets_it(task, tmp_path, monkeypatch):
    assert has_language_head(task.encoder)
    folder = make_model_folder("wordpiece", tmp_path / "offline")
    assert not has_language_head(load_encoder(str(folder)))
    assert not has_language_head(companion.mini_encoder(["word"], width=8, heads=2, name="offline"))
