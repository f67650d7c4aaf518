"""An adapter alone in a folder: peft's format, the head in it, put back on the right body and label set only."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import companion
from companion.adaptation import (
    AdaLoRA,
    BitFit,
    BottleneckAdapter,
    Full,
    HeadOnly,
    LoRA,
    PrefixTuning,
    PromptTuning,
    TopLayers,
    adapt,
    adaptation_of,
    ranks,
)
from companion.corpora.texts import Text
from companion.errors import ExportError, ModelError
from companion.models import load_encoder
from companion.objectives import Orthogonality
from companion.tasks import TextTask, TokenTask
from companion.training import TrainConfig, train
from tests.tokenizers import make_model_folder
from tests.unit.tasks.conftest import make_sentences

METHODS = [
    HeadOnly(),
    TopLayers(1),
    BitFit(),
    BottleneckAdapter(4),
    LoRA(4, targets="all-linear"),
    AdaLoRA(2, 4),
    PrefixTuning(3),
    PromptTuning(3),
]
PEFT = (LoRA, AdaLoRA, PrefixTuning, PromptTuning)
CONFIG = TrainConfig(epochs=4, learning_rate=2e-2, precision="fp32", progress=False)
ROWS = {"input_ids": torch.arange(5, 21).view(2, 8), "attention_mask": torch.ones(2, 8, dtype=torch.long)}


def tune(task, method, rows, config=CONFIG):
    objective = Orthogonality(task.objective) if isinstance(method, AdaLoRA) else task.objective
    model = adapt(task.model(), method)
    return train(model, task.batches(rows, batch_size=8), objective, config, say=lambda line: None)


def logits(model):
    with torch.no_grad():
        return model.eval()(**ROWS).logits


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_a_stored_adapter_says_what_the_trained_model_said(task, tmp_path, method):
    run = tune(task, method, make_sentences(24))
    folder = run.export(tmp_path / "adapter", adapter_only=True)
    expected = ["README.md", "adapter_model.safetensors", "companion.json"]
    expected += ["adapter_config.json"] if isinstance(method, PEFT) else []
    assert sorted(path.name for path in folder.iterdir()) == sorted(expected)
    assert any("classifier" in name for name in load_file(folder / "adapter_model.safetensors"))
    again = companion.load(folder, base=task.encoder.location)
    # AdaLoRA's rows that became zero are not stored, so that its sums have fewer terms.
    torch.testing.assert_close(logits(again.model), logits(run.model), rtol=1e-5, atol=1e-6)
    assert repr(adaptation_of(again.model)) == repr(method)
    sentences = make_sentences(10, seed=5)
    assert [found.tags for found in task.predict(again.model, sentences)] == [
        found.tags for found in task.predict(run.model, sentences)
    ]
    copy = again.task.export(again.model, tmp_path / "copy", adapter_only=True)
    first, second = (load_file(place / "adapter_model.safetensors") for place in (folder, copy))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("method", [LoRA(4), AdaLoRA(2, 4), PrefixTuning(3), PromptTuning(3)], ids=repr)
def test_peft_opens_it(task, tmp_path, method):
    from peft import PeftModel

    run = tune(task, method, make_sentences(24))
    folder = run.export(tmp_path / "adapter", adapter_only=True)
    opened = PeftModel.from_pretrained(task.model(seed=9), str(folder))
    torch.testing.assert_close(logits(opened), logits(run.model), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", [LoRA(4), AdaLoRA(2, 4), HeadOnly(), BitFit()], ids=repr)
def test_save_load_merge_export_and_pipeline_give_the_same_tags(task, tmp_path, method):
    from transformers import pipeline

    run = tune(task, method, make_sentences(24))
    again = companion.load(run.export(tmp_path / "adapter", adapter_only=True), base=task.encoder.location)
    whole = again.task.export(again.model, tmp_path / "whole")
    assert (whole / "model.safetensors").is_file()
    assert not (whole / "adapter_config.json").exists()
    tagger = pipeline("token-classification", str(whole), ignore_labels=[])
    seen = set()
    for sentence in make_sentences(8, seed=3, longest=1):
        [ours] = task.predict(run.model, [sentence])
        pieces = {piece["index"]: piece["entity"] for piece in tagger(" ".join(sentence.words))}
        split = task.encoder.tokenizer(sentence.words, is_split_into_words=True).word_ids()
        assert [pieces[split.index(number)] for number in range(len(sentence.words))] == list(ours.raw_tags)
        seen |= set(ours.raw_tags)
    assert len(seen) > 1


@pytest.mark.parametrize("pooling", ["mean", "cls"])
@pytest.mark.parametrize(
    "method", [LoRA(4), AdaLoRA(2, 4), BottleneckAdapter(4), PrefixTuning(3), PromptTuning(3)], ids=repr
)
def test_classifiers_have_adapters_as_well(task, tmp_path, method, pooling):
    texts = [
        Text(text=f"{place} is {word}", label=label, source="made")
        for place in ("Wolfsburg", "New York City", "São Paulo", "北京")
        for word, label in (("left", "bad"), ("visited", "good"))
    ]
    classifier = TextTask(("bad", "good"), task.encoder, pooling=pooling)
    run = tune(classifier, method, texts, dataclasses.replace(CONFIG, epochs=16))
    assert run.losses[-1] != run.losses[0]
    again = companion.load(run.export(tmp_path / "adapter", adapter_only=True), base=task.encoder.location)
    wanted = [found.probabilities for found in classifier.predict(run.model, texts)]
    found = [found.probabilities for found in again.predict_many([text.text for text in texts])]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(wanted), rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing_under_a_prefix(task):
    classifier = TextTask(("bad", "good"), task.encoder, pooling="mean")
    for method in (PrefixTuning(3), PromptTuning(3), LoRA(2)):
        model = adapt(classifier.model(), method).eval()
        short = {name: tensor[:1, :5] for name, tensor in ROWS.items()}
        padded = {"input_ids": ROWS["input_ids"][:1].clone(), "attention_mask": torch.tensor([[1] * 5 + [0] * 3])}
        with torch.no_grad():
            torch.testing.assert_close(model(**short).logits, model(**padded).logits, rtol=1e-5, atol=1e-6)


def test_the_file_names_no_place_of_this_machine(task, tmp_path):
    folder = tune(task, LoRA(2), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    texts = "".join((folder / name).read_text() for name in ("adapter_config.json", "companion.json", "README.md"))
    assert str(tmp_path) not in texts
    assert task.encoder.location not in texts
    config = json.loads((folder / "adapter_config.json").read_text())
    assert (config["peft_type"], config["r"], config["inference_mode"]) == ("LORA", 2, True)
    assert config["base_model_name_or_path"] == task.encoder.name


def test_adalora_stores_the_rank_that_its_best_weights_have(task, tmp_path):
    run = tune(task, AdaLoRA(2, 6), make_sentences(24))
    before = run.model.peft_config["default"].rank_pattern
    folder = run.export(tmp_path / "adapter", adapter_only=True)
    assert run.model.peft_config["default"].rank_pattern == before
    stored = load_file(folder / "adapter_model.safetensors")
    rows = {name.split(".lora_E")[0]: len(tensor) for name, tensor in stored.items() if "lora_E" in name}
    assert sum(rows.values()) == sum(max(1, rank) for rank in ranks(run.model).values())
    assert len(rows) == len(ranks(run.model))


@pytest.mark.parametrize("method", [BottleneckAdapter(2), PrefixTuning(2), PromptTuning(2)], ids=repr)
def test_what_has_no_place_in_a_plain_model_is_not_exported_as_one(task, tmp_path, method):
    model = adapt(task.model(), method)
    with pytest.raises(ExportError, match="no place in a plain transformers model") as caught:
        task.export(model, tmp_path / "model")
    assert "adapter_only=True" in caught.value.remedy
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("make", [lambda model: model, lambda model: adapt(model, Full())])
def test_a_model_without_an_adapter_has_none_to_save(task, tmp_path, make):
    with pytest.raises(ExportError, match="has no adapter to save"):
        task.export(make(task.model()), tmp_path / "adapter", adapter_only=True)
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_without_its_head_is_not_saved(task, tmp_path):
    model = adapt(task.model(), LoRA(2))
    # What happens to whoever wraps a model by hand and forgets modules_to_save.
    model.base_model.model.classifier = model.base_model.model.classifier.original_module
    model.base_model.modules_to_save = None
    with pytest.raises(ExportError, match="the head \\(classifier\\) is not part of the adapter"):
        task.export(model, tmp_path / "adapter", adapter_only=True)


def test_another_body_is_refused(task, tmp_path):
    folder = tune(task, LoRA(2), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    other = str(make_model_folder("bytelevel", tmp_path / "other"))
    with pytest.raises(ModelError, match="was trained on another body"):
        companion.load(folder, base=other)
    with pytest.raises(ModelError, match="another body"):
        TokenTask(task.labels, load_encoder(other)).open_adapter(folder)


def test_another_label_set_is_refused(task, tmp_path):
    folder = tune(task, LoRA(2), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    assert task.open_adapter(folder) is not None
    with pytest.raises(ModelError, match="trained for the labels O, B-LOC"):
        TokenTask(("O", "B-PER", "I-PER"), task.encoder).open_adapter(folder)
    with pytest.raises(ModelError, match="for 'tokens', not for 'texts'"):
        TextTask(task.labels, task.encoder).open_adapter(folder)


def test_a_whole_model_is_no_adapter(task, tmp_path):
    folder = task.export(task.model(), tmp_path / "model")
    with pytest.raises(ModelError, match="holds no adapter"):
        task.open_adapter(folder)
    with pytest.raises(ModelError, match="a whole model, not an adapter"):
        companion.load(folder, base=task.encoder.location)


def damage(folder, what):
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    settings = json.loads((folder / "companion.json").read_text())
    first = next(name for name in tensors if "lora_A" in name)
    if what == "a tensor is missing":
        del tensors[first]
    elif what == "a tensor too many":
        tensors["more"] = torch.zeros(1)
    elif what == "another size":
        tensors[first] = torch.zeros(9, tensors[first].shape[1])
    elif what == "another rank":
        settings["adapter"]["options"]["rank"] = 3
    elif what == "no such method":
        settings["adapter"]["method"] = "print"
    elif what == "no such option":
        settings["adapter"]["options"]["run"] = "print(1)"
    elif what == "half an adapter":
        del settings["adapter"]["base_digest"]
    elif what == "no safetensors":
        path.write_bytes(b"\x80\x04.")
    if what != "no safetensors":
        save_file(tensors, path)
    (folder / "companion.json").write_text(json.dumps(settings))


DAMAGES = (
    "a tensor is missing",
    "a tensor too many",
    "another size",
    "another rank",
    "no such method",
    "no such option",
    "half an adapter",
    "no safetensors",
)


@pytest.mark.parametrize("what", ["a tensor is missing", "a tensor too many", "another size", "no safetensors"])
def test_a_damaged_adapter_with_ranks_of_its_own_is_refused(task, tmp_path, what):
    folder = tune(task, AdaLoRA(2, 4), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    damage(folder, what)
    with pytest.raises(ModelError) as caught:
        companion.load(folder, base=task.encoder.location)
    assert caught.value.remedy


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_adapter_is_refused(task, tmp_path, what):
    folder = tune(task, LoRA(2), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    damage(folder, what)
    with pytest.raises(ModelError) as caught:
        companion.load(folder, base=task.encoder.location)
    assert caught.value.remedy


def test_a_lost_weight_file_is_not_looked_for_as_a_pickle(task, tmp_path):
    folder = tune(task, LoRA(2), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    (folder / "adapter_model.safetensors").unlink()
    torch.save({"x": torch.zeros(1)}, folder / "adapter_model.bin")
    with pytest.raises(ModelError, match="the adapter cannot be read"):
        companion.load(folder, base=task.encoder.location)


def test_what_others_wrote_into_the_configuration_is_not_acted_upon(task, tmp_path):
    folder = tune(task, LoRA(2), make_sentences(16)).export(tmp_path / "adapter", adapter_only=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config |= {"auto_mapping": {"parent_library": "no_such_module", "base_model_class": "X"}, "peft_type": "POISON"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    assert companion.load(folder, base=task.encoder.location).task.labels == task.labels
