"""An exported folder: plain transformers, whole or not there, and nothing of others is lost for it."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import pytest
import torch

from companion.corpora.records import Sentence
from companion.errors import ExportError, ModelError
from companion.tasks import TokenTask
from companion.tasks import folder as folder_module
from companion.training import TrainConfig, train
from tests.processes import call
from tests.tiny import LABELS, digest
from tests.tokenizers import KINDS, make_model_folder
from tests.unit.tasks.conftest import make_sentences

FILES = ["README.md", "companion.json", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def train_briefly(task: TokenTask):
    config = TrainConfig(epochs=4, learning_rate=5e-3, precision="fp32")
    return train(
        task.model(), task.batches(make_sentences(30), batch_size=8), task.objective, config, say=lambda line: None
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_pipeline_gives_the_tags_of_predict(tasks, tmp_path, kind):
    from transformers import pipeline

    task, run = tasks[kind], train_briefly(tasks[kind])
    folder = run.export(tmp_path / "my-tagger")
    assert folder == tmp_path / "my-tagger"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    tagger = pipeline("token-classification", str(folder), ignore_labels=[])
    texts = [
        "Angela Merkel visited New York City",
        "Müller left Wolfsburg",
        "S Gomez visited São Paulo",
        "Zwingmann left",
    ]
    compared = 0
    tags_seen = set()
    for text in texts:
        words = tuple(text.split())
        [prediction] = task.predict(run.model, [Sentence(words=words, tags=("O",) * len(words), source="made")])
        pieces = {piece["index"]: piece for piece in tagger(text)}
        split = task.encoder.tokenizer(words, is_split_into_words=True)
        assert split["input_ids"] == task.encoder.tokenizer(text)["input_ids"]
        for number, (raw, score) in enumerate(zip(prediction.raw_tags, prediction.scores, strict=True)):
            first = pieces[split.word_ids().index(number)]
            assert first["entity"] == raw, (text, words[number])
            assert float(first["score"]) == pytest.approx(score, abs=1e-4)
            compared += 1
            tags_seen.add(raw)
    assert compared == 16
    assert len(tags_seen) >= 3


@pytest.mark.parametrize("kind", KINDS)
def test_it_reads_back_as_the_same_tagger(tasks, tmp_path, kind):
    task = TokenTask(LABELS, tasks[kind].encoder, policy="first", max_length=40, overlap=7)
    model = task.model(seed=3)
    task.export(model, tmp_path / "tagger")
    again, loaded = TokenTask.load(tmp_path / "tagger")
    assert (again.labels, again.settings) == (task.labels, task.settings)
    assert digest(loaded.state_dict()) == digest(model.state_dict())
    assert not loaded.training
    sentences = make_sentences(10)
    assert again.predict(loaded, sentences) == task.predict(model, sentences)
    again.export(loaded, tmp_path / "copy")
    for name in ("model.safetensors", "tokenizer.json"):
        assert (tmp_path / "copy" / name).read_bytes() == (tmp_path / "tagger" / name).read_bytes()


def test_no_file_holds_a_path_of_this_machine(task, tmp_path):
    folder = task.export(task.model(), tmp_path / "tagger")
    places = {str(tmp_path), task.encoder.location, str(Path.home())}
    read = 0
    for path in folder.iterdir():
        content = path.read_bytes()
        assert not [place for place in places if place.encode() in content], path.name
        read += 1
    assert read == len(FILES)


@pytest.mark.filterwarnings("ignore:Cannot enable progress bars")
def test_exporting_draws_no_bar(task, tmp_path, monkeypatch):
    from transformers.utils import logging

    model, seen = task.model(), []
    original = model.save_pretrained
    monkeypatch.setattr(
        model, "save_pretrained", lambda place: (seen.append(logging.is_progress_bar_enabled()), original(place))
    )
    logging.enable_progress_bar()
    try:
        task.export(model, tmp_path / "tagger")
        assert seen == [False]
        assert logging.is_progress_bar_enabled()
    finally:
        logging.disable_progress_bar()


def test_the_card_says_what_it_is(task, tmp_path):
    card = (task.export(task.model(), tmp_path / "tagger") / "README.md").read_text()
    assert "Fine-tuned from `wordpiece`" in card
    assert "O, B-LOC, I-LOC, B-PER, I-PER" in card
    assert "{" not in card


def test_an_earlier_export_is_replaced(task, tmp_path):
    first = task.export(task.model(seed=1), tmp_path / "tagger")
    before = digest(TokenTask.load(first)[1].state_dict())
    task.export(task.model(seed=2), tmp_path / "tagger")
    assert digest(TokenTask.load(first)[1].state_dict()) != before
    assert [path.name for path in tmp_path.iterdir()] == ["tagger"]


FOREIGN = {
    "files of someone else": ({"thesis.tex": "years of work"}, "thesis.tex"),
    "a model that is no export": ({"config.json": "{}"}, "config.json"),
    "notes beside an export": (
        {"companion.json": '{"files": ["config.json"]}', "config.json": "", "notes.md": ""},
        "notes.md",
    ),
    "settings of something else": ({"companion.json": "[]", "thesis.tex": ""}, "thesis.tex"),
    "settings that are no JSON": ({"companion.json": "{", "thesis.tex": ""}, "thesis.tex"),
}


@pytest.mark.parametrize(("files", "first"), FOREIGN.values(), ids=FOREIGN)
def test_what_others_wrote_is_not_overwritten(task, tmp_path, monkeypatch, files, first):
    folder = tmp_path / "tagger"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    model = task.model()
    monkeypatch.setattr(model, "save_pretrained", lambda place: pytest.fail("the place is looked at first"))
    with pytest.raises(ExportError, match=f"holds other files .first: {first}., which would be lost"):
        task.export(model, folder)
    assert {path.name: path.read_text() for path in folder.iterdir()} == files
    assert [path.name for path in tmp_path.iterdir()] == ["tagger"]


def test_a_file_or_a_link_is_not_overwritten(task, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("file", "link"):
        with pytest.raises(ExportError, match="is a file or a link"):
            task.export(task.model(), tmp_path / name)
    with pytest.raises(ExportError, match="cannot be written"):
        task.export(task.model(), tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


def test_an_empty_folder_and_one_below_are_filled(task, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    task.export(task.model(), tmp_path / "empty")
    task.export(task.model(), tmp_path / "a" / "b" / "c")
    monkeypatch.chdir(tmp_path)
    assert task.export(task.model(), "here") == tmp_path / "here"
    assert all(
        sorted(path.name for path in folder.iterdir()) == FILES for folder in map(Path, ("empty", "a/b/c", "here"))
    )


def export_with_little_space(encoder: str, folder: str, size: int) -> str:
    """Export where no file can grow beyond `size` bytes; returns the error."""
    from companion.models import load_encoder

    task = TokenTask(LABELS, load_encoder(encoder))
    model = task.model()
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        task.export(model, folder)
    except ExportError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("size", [100, 20_000])
def test_a_full_disk_leaves_nothing_half_written(tmp_path, size, task):
    encoder = make_model_folder("wordpiece", tmp_path / "encoder")
    assert "cannot be written" in call(export_with_little_space, str(encoder), str(tmp_path / "tagger"), size)
    assert os.listdir(tmp_path) == ["encoder"]
    task.export(task.model(seed=5), tmp_path / "tagger")
    before = {path.name: path.read_bytes() for path in (tmp_path / "tagger").iterdir()}
    assert "cannot be written" in call(export_with_little_space, str(encoder), str(tmp_path / "tagger"), size)
    assert {path.name: path.read_bytes() for path in (tmp_path / "tagger").iterdir()} == before


def test_weights_that_read_back_differently_are_no_result(task, tmp_path, monkeypatch):
    model = task.model()
    with torch.no_grad():
        model.classifier.bias[0] = float("nan")
    with pytest.raises(ExportError, match="the weights of classifier.bias do not read back the same"):
        task.export(model, tmp_path / "tagger")
    assert os.listdir(tmp_path) == []
    original = model.save_pretrained

    def losing(folder, **options):
        original(folder, **options)
        from safetensors.torch import load_file, save_file

        weights = load_file(Path(folder) / "model.safetensors")
        weights.pop("classifier.weight")
        save_file(weights, Path(folder) / "model.safetensors")

    with torch.no_grad():
        model.classifier.bias[0] = 0
    monkeypatch.setattr(model, "save_pretrained", losing)
    with pytest.raises(ExportError, match="the weights of classifier.weight"):
        task.export(model, tmp_path / "tagger")
    assert os.listdir(tmp_path) == []


def change(folder: Path, file: str, **fields) -> None:
    document = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(document | fields))


UNUSABLE = {
    "other labels in the settings": (
        lambda folder: change(folder, "companion.json", labels=[*LABELS[:3], LABELS[4], LABELS[3]]),
        "companion.json: the labels here differ from those of config.json",
    ),
    "no labels in the settings": (
        lambda folder: change(folder, "companion.json", labels=None),
        "companion.json: cannot be read",
    ),
    "a length that is text": (
        lambda folder: change(folder, "companion.json", max_length="128"),
        "companion.json: cannot be read",
    ),
    "a length beyond the encoder": (
        lambda folder: change(folder, "companion.json", max_length=4096),
        "max_length is 4096",
    ),
    "an unknown policy": (lambda folder: change(folder, "companion.json", policy="last"), "policy"),
    "settings that are no JSON": (
        lambda folder: (folder / "companion.json").write_text("{"),
        "companion.json: cannot be read",
    ),
    "settings without the policy": (
        lambda folder: (folder / "companion.json").write_text("{}"),
        "companion.json: cannot be read",
    ),
    "weights without the head": (
        lambda folder: (folder / "model.safetensors").write_bytes(
            next(folder.parent.glob("encoder/model.safetensors")).read_bytes()
        ),
        "no trained head",
    ),
}


@pytest.mark.parametrize(("breakage", "message"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_folder_that_is_no_tagger_any_more_is_refused(tmp_path, task, breakage, message):
    make_model_folder("wordpiece", tmp_path / "encoder")
    folder = task.export(task.model(), tmp_path / "tagger")
    breakage(folder)
    with pytest.raises(ModelError, match=message) as caught:
        TokenTask.load(folder)
    assert caught.value.file
    assert caught.value.remedy


def test_an_encoder_is_no_tagger(tmp_path):
    with pytest.raises(ModelError, match="is no tagger this package can use: the labels are"):
        TokenTask.load(make_model_folder("wordpiece", tmp_path / "encoder"))
    with pytest.raises(ModelError, match="there is no such folder"):
        TokenTask.load(tmp_path / "nowhere")


def test_a_tagger_of_others_opens_with_default_settings(task, tmp_path):
    model = task.model()
    model.save_pretrained(tmp_path / "tagger")
    task.encoder.tokenizer.save_pretrained(tmp_path / "tagger")
    again, loaded = TokenTask.load(tmp_path / "tagger")
    assert again.labels == LABELS
    assert digest(loaded.state_dict()) == digest(model.state_dict())


def test_the_folder_carries_its_version(task, tmp_path):
    settings = json.loads((task.export(task.model(), tmp_path / "tagger") / folder_module.SETTINGS_FILE).read_text())
    assert settings["task"] == "tokens"
    assert settings["encoder_digest"] == task.encoder.digest
    assert settings["files"] == sorted(set(FILES) - {"companion.json"})
