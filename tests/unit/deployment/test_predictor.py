"""The predictor: offsets, long texts, and agreement with transformers' own pipeline."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import companion
from companion.corpora.records import Sentence
from companion.corpora.schemes import entities
from companion.deployment.predictor import Predictor, TextPredictor
from companion.errors import ConfigError, DataError, ModelError
from companion.training.resolve import autocast_for
from tests.tokenizers import KINDS, make_model_folder

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One exported tagger with random weights per tokenizer kind."""
    root, found = tmp_path_factory.mktemp("taggers"), {}
    for kind in KINDS:
        task = companion.TokenTask(LABELS, companion.load_encoder(str(make_model_folder(kind, root / f"{kind}-base"))))
        found[kind] = task.export(task.model(seed=3, initializer_range=1.0), root / kind)
    assert len(found) == 4
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_offsets_point_into_the_text(folders: dict[str, Path], kind: str) -> None:
    text = "Angela Merkel's visit to Wolfsburg,\tthe U.S. and 北京 cost 3,500 euros. 😀 S. Gomez wrote."
    found = companion.load(folders[kind]).predict(text)
    assert found, "a tagger with random weights says something"
    assert all(text[entity.start : entity.end] == entity.text for entity in found)
    assert all(entity.type in {"LOC", "PER"} for entity in found)
    assert [entity.start for entity in found] == sorted(entity.start for entity in found)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_does_not_depend_on_its_company(folders: dict[str, Path], kind: str) -> None:
    predictor = companion.load(folders[kind])
    texts = [
        "Müller left Wolfsburg.",
        "",
        "李娜 访问了 北京。",
        "Angela Merkel wrote 3,500 letters about New York City.",
    ]
    alone = [predictor.predict(text) for text in texts]
    together = predictor.predict_many(texts)
    assert alone[1] == []
    for one, other in zip(alone, together, strict=True):
        assert [(entity.start, entity.end, entity.type) for entity in one] == [
            (entity.start, entity.end, entity.type) for entity in other
        ]


def test_bf16_is_asked_for_and_changes_scores_in_the_third_digit_only(folders: dict[str, Path]) -> None:
    sentences = [["Müller", "left", "Wolfsburg", "."], ["Angela", "Merkel", "wrote", "3,500", "letters"]]
    exact = companion.load(folders["wordpiece"]).tag(sentences)
    if autocast_for("auto", torch.device("cpu")) is None:
        with pytest.raises(ConfigError, match="does not compute in it"):
            companion.load(folders["wordpiece"], precision="bf16")
        return
    quick = companion.load(folders["wordpiece"], precision="bf16").tag(sentences)
    scores = [[score for answer in answers for score in answer.scores] for answers in (exact, quick)]
    assert scores[0] != scores[1], "the products really run in another precision"
    assert scores[1] == pytest.approx(scores[0], abs=0.05)
    # Where the best label is clear of the second, it is the same.
    clear = [place for place, score in enumerate(scores[0]) if score > 0.6]
    tags = [[tag for answer in answers for tag in answer.raw_tags] for answers in (exact, quick)]
    assert clear and [tags[0][place] for place in clear] == [tags[1][place] for place in clear]
    assert companion.load(folders["wordpiece"], precision="auto").tag(sentences) == quick


def test_an_unknown_precision_is_refused(folders: dict[str, Path]) -> None:
    with pytest.raises(ConfigError, match="precision is 'int4'"):
        companion.load(folders["wordpiece"], precision="int4")


def test_a_long_text_is_windowed_not_cut(folders: dict[str, Path]) -> None:
    predictor = companion.load(folders["wordpiece"])
    words = ["Wolfsburg", "visited", "Müller"] * 200
    prediction = predictor.tag([words])[0]
    assert len(prediction.tags) == 600
    assert all(score > 0 for score in prediction.scores)


@pytest.mark.parametrize("kind", ["wordpiece", "chinese"])
def test_the_pipeline_gives_the_same_tags(folders: dict[str, Path], kind: str) -> None:
    """Per word, the pipeline's label of its first piece is `raw_tags`; its groups are the entities."""
    from transformers import pipeline

    texts = ["Angela Merkel visited Wolfsburg .", "O'Brien left New York City on 12 May 2021 .", "李娜 访问了 北京 。"]
    predictor = companion.load(folders[kind])
    tagger = pipeline("token-classification", str(folders[kind]), ignore_labels=[])
    compared = 0
    for text in texts:
        words = text.split(" ")
        starts = {sum(len(word) + 1 for word in words[:number]): number for number in range(len(words))}
        first = {starts[item["start"]]: item["entity"] for item in reversed(tagger(text)) if item["start"] in starts}
        raw = predictor.tag([words])[0].raw_tags
        assert {number: raw[number] for number in first} == first
        compared += len(first)
    assert compared >= 15


def test_predict_agrees_with_tag(folders: dict[str, Path]) -> None:
    predictor = companion.load(folders["unigram"])
    words = ["Angela", "Merkel", "visited", "Wolfsburg", "."]
    tags = predictor.tag([words])[0].tags
    found = predictor.predict(" ".join(words))
    assert [entity.type for entity in found] == [entity.type for entity in entities(tags)]


def test_the_task_of_a_folder_remembers_its_settings(folders: dict[str, Path], tmp_path: Path) -> None:
    task, model = companion.TokenTask.load(folders["wordpiece"])
    assert task.labels == LABELS
    assert not model.training
    sentence = Sentence(words=("Müller", "left"), tags=("B-PER", "O"))
    again, other = companion.TokenTask.load(task.export(model, tmp_path / "again"))
    assert again.predict(other, [sentence]) == task.predict(model, [sentence])
    assert again.settings == task.settings


def test_wrong_input_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="text 2 is a int"):
        companion.load(folders["wordpiece"]).predict_many(["fine", 3])  # type: ignore[list-item]
    with pytest.raises(ModelError, match="no such folder"):
        companion.load(tmp_path / "nothing")


@pytest.mark.parametrize("kind", [Predictor, TextPredictor])
def test_one_string_is_no_list_of_texts(kind):
    with pytest.raises(DataError, match="the texts are one string"):
        kind.predict_many(object.__new__(kind), "Ada left.")
