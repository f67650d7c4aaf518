"""Opening encoders: four kinds of folders, new heads, and every folder that cannot be used."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import sys
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from companion.encoding.pieces import reads_split_words
from companion.errors import ModelError
from companion.models import Encoder, load_encoder
from companion.models.positions import positions_of
from tests.tiny import LABELS, digest
from tests.tokenizers import KINDS, MAX_LENGTH, make_model_folder

LABEL_FIELDS = {
    "num_labels": len(LABELS),
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: index for index, label in enumerate(LABELS)},
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory) -> dict[str, Path]:
    """A model folder for each kind of tokenizer; they are copied before they are changed."""
    folder = tmp_path_factory.mktemp("encoders")
    return {kind: make_model_folder(kind, folder / kind) for kind in KINDS}


@pytest.fixture
def broken(folders, tmp_path) -> Path:
    """A copy of a good folder, to be broken."""
    return Path(shutil.copytree(folders["wordpiece"], tmp_path / "broken"))


def head(encoder: Encoder, *, seed: int = 0, **fields):
    return encoder.model_with_head("ForTokenClassification", seed=seed, **{**LABEL_FIELDS, **fields})


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_of_every_kind_opens(folders, kind):
    encoder = load_encoder(str(folders[kind]))
    assert encoder.name == kind
    assert str(folders[kind]) == encoder.location
    assert encoder.max_length == MAX_LENGTH
    encoding = encoder.tokenizer(["New", "York"], is_split_into_words=True)
    assert [word for word in encoding.word_ids() if word is not None][::-1][0] == 1
    model = head(encoder)
    assert model.config.id2label == dict(enumerate(LABELS))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    body = load_file(folders[kind] / "model.safetensors")
    for name, tensor in model.base_model.state_dict().items():
        assert torch.equal(tensor, body[name])
    assert encoder.parameter_count == sum(tensor.numel() for tensor in body.values())
    full = torch.full((1, MAX_LENGTH), encoder.tokenizer.unk_token_id)
    assert model(full).logits.shape == (1, MAX_LENGTH, len(LABELS)), "the longest input can be read"


def test_a_card_can_name_the_encoder_and_its_limit(folders):
    cased = load_encoder(str(folders["wordpiece"]))
    assert (cased.hub_name, cased.uncased) == (None, False)
    offline = load_encoder()
    assert (offline.hub_name, offline.uncased) == ("sentence-transformers/all-MiniLM-L6-v2", True)
    elsewhere = dataclasses.replace(cased, name="bert-base-cased", location="bert-base-cased")
    assert elsewhere.hub_name == "bert-base-cased"


def test_a_new_head_depends_on_the_seed_alone(folders):
    encoder = load_encoder(str(folders["wordpiece"]))
    weights = []
    for state, seed in ((1, 0), (2, 0), (1, 5)):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        weights.append(head(encoder, seed=seed).classifier.weight.detach())
        assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert weights[0].std().item() == pytest.approx(0.02, rel=0.3)


def test_settings_of_the_configuration_can_be_changed(folders):
    model = head(load_encoder(str(folders["wordpiece"])), hidden_dropout_prob=0.37)
    assert model.dropout.p == 0.37


def test_the_loaders_are_quiet_and_left_as_they_were(folders, capfd):
    from transformers.utils import logging

    logging.set_verbosity_info()
    try:
        head(load_encoder(str(folders["wordpiece"])))
        assert logging.get_verbosity() == logging.INFO
    finally:
        logging.set_verbosity_error()
    assert "MISSING" not in "".join(capfd.readouterr())


def test_the_digest_is_that_of_weights_and_tokenizer(folders, broken):
    original = load_encoder(str(folders["wordpiece"])).digest
    assert load_encoder(str(broken)).digest == original
    weights = load_file(broken / "model.safetensors")
    weights["pooler.dense.bias"][0] += 1
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    changed = load_encoder(str(broken)).digest
    assert changed != original
    assert len(original) == 64


def test_a_head_of_the_same_labels_is_taken_over_and_another_is_made_anew(folders, tmp_path):
    plain = load_encoder(str(folders["wordpiece"]))
    trained = head(plain)
    with torch.no_grad():
        trained.classifier.weight.fill_(7.0)
    trained.save_pretrained(tmp_path / "tagger")
    plain.tokenizer.save_pretrained(tmp_path / "tagger")
    tagger = load_encoder(str(tmp_path / "tagger"))
    assert (head(tagger).classifier.weight == 7).all()
    permuted = [*LABELS[:3], LABELS[4], LABELS[3]]
    for labels in (permuted, LABELS[:3], [*LABELS, "B-ORG", "I-ORG"], ["O", "B-A", "I-A", "B-B", "I-B"]):
        fields = {
            "num_labels": len(labels),
            "id2label": dict(enumerate(labels)),
            "label2id": {label: index for index, label in enumerate(labels)},
        }
        anew = [head(tagger, seed=seed, **fields).classifier for seed in (0, 0, 1)]
        assert anew[0].weight.shape == (len(labels), 32)
        assert anew[0].weight.abs().max() < 0.2
        assert (anew[0].bias == 0).all()
        assert torch.equal(anew[0].weight, anew[1].weight)
        assert not torch.equal(anew[0].weight, anew[2].weight)
        body = head(tagger, **fields).base_model.state_dict()
        assert digest(body) == digest(trained.base_model.state_dict())


def test_a_trained_head_can_be_asked_for(folders):
    with pytest.raises(ModelError, match=r"there is no trained head here \(classifier.bias is missing"):
        head(load_encoder(str(folders["wordpiece"])), new_head=False)


BREAKAGES = {
    "only a pickle": (
        lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
        "no safetensors weights here, only pytorch_model.bin, which would be unpickled",
    ),
    "no weights": (lambda folder: (folder / "model.safetensors").unlink(), "no safetensors weights here\n"),
    "no configuration": (
        lambda folder: (folder / "config.json").unlink(),
        "no config.json here .found: model.safetensors, tokenizer.json",
    ),
    "nothing": (lambda folder: [path.unlink() for path in folder.iterdir()], "no config.json here .found: nothing"),
    "a configuration that is no JSON": (
        lambda folder: (folder / "config.json").write_text("{,"),
        "config.json: not valid JSON: ",
    ),
    "a configuration that is no text": (
        lambda folder: (folder / "config.json").write_bytes(b"\xff\xfe{}"),
        "config.json: not valid JSON: ",
    ),
    "a configuration that is a list": (
        lambda folder: (folder / "config.json").write_text("[]"),
        "config.json: .* is a list",
    ),
    "a configuration of an unknown architecture": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "moon"}'),
        "cannot be opened: .*moon",
    ),
    "a configuration without an architecture": (
        lambda folder: (folder / "config.json").write_text("{}"),
        "cannot be opened: ",
    ),
    "no tokenizer": (
        lambda folder: [path.unlink() for path in folder.glob("tokenizer*")],
        "The tokenizer of .* knows 5 word pieces, special tokens included, but its model",
    ),
    "a tokenizer that is no JSON": (
        lambda folder: (folder / "tokenizer.json").write_text("{"),
        "cannot be opened: ",
    ),
    "a tokenizer of unknown parts": (
        lambda folder: (folder / "tokenizer.json").write_text('{"version": "1.0", "model": {"type": "Moon"}}'),
        "cannot be opened: ",
    ),
}


@pytest.mark.parametrize(("breakage", "message"), BREAKAGES.values(), ids=BREAKAGES)
def test_a_folder_that_cannot_be_used_is_refused(broken, breakage, message):
    breakage(broken)
    with pytest.raises(ModelError, match=message) as caught:
        load_encoder(str(broken))
    assert caught.value.remedy
    assert "network" not in caught.value.remedy, "a folder has nothing to do with it"


@pytest.mark.parametrize("name", ["./nowhere", "../nowhere", "/nowhere/at/all", "~/nowhere-at-all"])
def test_a_path_to_nowhere_is_not_looked_up_on_the_hub(name):
    with pytest.raises(ModelError, match="No model folder .*\n.*check the path"):
        load_encoder(name)


@pytest.mark.parametrize("name", ["nobody/no-such-model", "no-such-model"])
def test_a_name_that_cannot_be_fetched_names_both_remedies(name):
    with pytest.raises(ModelError, match=f"The model '{name}' cannot be opened: .*\n.*network, or give a local folder"):
        load_encoder(name)


def test_a_slow_tokenizer_is_refused(monkeypatch, folders):
    import transformers

    class Slow:
        is_fast = False

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *names, **options: Slow())
    with pytest.raises(ModelError, match=r"The tokenizer of '.*' \(Slow\) has no word_ids") as caught:
        load_encoder(str(folders["wordpiece"]))
    assert "fast tokenizer" in caught.value.remedy


def plant_code(folder: Path, canary: Path, file: str) -> None:
    """Name a class of the folder's own in `file`; importing it leaves the canary."""
    (folder / "evil_code.py").write_text(
        f"import pathlib\npathlib.Path({str(canary)!r}).touch()\nclass Evil: pass\nEvilConfig = Evil\n"
    )
    document = json.loads((folder / file).read_text())
    document["auto_map"] = {
        "AutoConfig": "evil_code.EvilConfig",
        "AutoModel": "evil_code.Evil",
        "AutoModelForTokenClassification": "evil_code.Evil",
        "AutoTokenizer": ["evil_code.Evil", "evil_code.Evil"],
    }
    document["trust_remote_code"] = True
    (folder / file).write_text(json.dumps(document))


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_in_a_folder_is_never_run(broken, tmp_path, file):
    canary = tmp_path / "canary"
    plant_code(broken, canary, file)
    before = set(sys.modules)
    with pytest.raises(ModelError, match=rf"{file}: .*auto_map") as caught:
        load_encoder(str(broken))
    assert "never run" in caught.value.remedy
    assert not canary.exists()
    assert not [name for name in set(sys.modules) - before if "evil" in name]


class Canary:
    """Unpickling it makes a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_pickled_weights_are_never_unpickled(broken, tmp_path, name):
    canary = tmp_path / "canary"
    (broken / "model.safetensors").unlink()
    (broken / name).write_bytes(pickle.dumps({"weight": Canary(canary)}))
    with pytest.raises(ModelError):
        head(load_encoder(str(broken)))
    assert not canary.exists()


def test_weights_that_are_cut_off_are_refused(broken):
    os.truncate(broken / "model.safetensors", 1000)
    with pytest.raises(ModelError, match="'broken' cannot be opened"):
        head(load_encoder(str(broken)))


def test_a_body_with_missing_weights_is_refused(broken):
    weights = load_file(broken / "model.safetensors")
    weights.pop("encoder.layer.1.output.dense.weight")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights of the body.*encoder.layer.1.output.dense.weight") as caught:
        head(load_encoder(str(broken)))
    assert caught.value.remedy


def test_a_body_of_other_sizes_is_refused(broken):
    config = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(config | {"intermediate_size": 128}))
    with pytest.raises(ModelError, match=r"6 weights of the body.*intermediate"):
        head(load_encoder(str(broken)))


def test_a_pooler_may_be_missing(broken):
    weights = {name: tensor for name, tensor in load_file(broken / "model.safetensors").items() if "pooler" not in name}
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    model = load_encoder(str(broken)).model_with_head("ForSequenceClassification", seed=0, num_labels=2)
    assert model.classifier.weight.shape == (2, 32)


def test_an_architecture_without_such_a_head_is_refused(tmp_path):
    from transformers import CLIPTextConfig, CLIPTextModel

    from tests.tokenizers import make_tokenizer

    make_tokenizer("wordpiece").save_pretrained(tmp_path)
    config = CLIPTextConfig(
        vocab_size=300, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    CLIPTextModel(config).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="transformers has no head 'ForTokenClassification' for clip_text_model"):
        head(load_encoder(str(tmp_path)))


def test_the_tokenizer_of_another_model_is_refused(broken, folders):
    for path in folders["bytelevel"].glob("tokenizer*"):
        shutil.copy(path, broken)
    with pytest.raises(ModelError, match="knows 4[0-9][0-9] word pieces, .*, but its model 2[0-9][0-9]"):
        load_encoder(str(broken))


def test_a_byte_level_tokenizer_whose_class_ignores_the_wish_gets_the_space(folders, tmp_path):
    folder = Path(shutil.copytree(folders["bytelevel"], tmp_path / "glued"))
    stored = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    assert stored["pre_tokenizer"]["type"] == "ByteLevel"
    stored["pre_tokenizer"]["add_prefix_space"] = False
    (folder / "tokenizer.json").write_text(json.dumps(stored), encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("add_prefix_space", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    encoder = load_encoder(str(folder))
    assert reads_split_words(encoder.tokenizer)
    encoder.tokenizer.save_pretrained(tmp_path / "again")
    stored = json.loads((tmp_path / "again" / "tokenizer.json").read_text(encoding="utf-8"))
    assert stored["pre_tokenizer"]["add_prefix_space"]


@pytest.mark.parametrize(
    ("config", "positions"),
    [
        (transformers.BertConfig(max_position_embeddings=64), 64),
        (transformers.RobertaConfig(max_position_embeddings=66, pad_token_id=1), 64),
        (transformers.Data2VecTextConfig(max_position_embeddings=66, pad_token_id=1), 64),
        (transformers.XLNetConfig(), None),
        (transformers.T5Config(), None),
    ],
    ids=lambda value: getattr(value, "model_type", str(value)),
)
def test_positions_are_those_that_text_may_take(config, positions):
    assert positions_of(config) == positions


def test_a_head_that_reads_the_padding_is_refused(folders):
    encoder = load_encoder(str(folders["wordpiece"]))
    last = dataclasses.replace(encoder, config=transformers.XLNetConfig(d_model=32, n_layer=1, n_head=2))
    with pytest.raises(ModelError, match="reads the last position.*\n.*pooling"):
        last.model_with_head("ForSequenceClassification", seed=0)
