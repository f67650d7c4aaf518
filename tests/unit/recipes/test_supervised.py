"""The recipe: one call from a corpus to a folder, resumable, and honest about what it did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import companion
from companion.corpora.records import Corpus, Sentence
from companion.errors import ConfigError, DataError
from tests.tokenizers import make_model_folder

ROWS = [
    Sentence(words=(name, verb, place, "."), tags=("B-PER", "O", "B-LOC", "O"), source=f"row {name} {place}")
    for name in ("Zwingmann", "Müller", "Nguyễn", "Gomez")
    for verb in ("visited", "left")
    for place in ("Wolfsburg", "Berlin", "Lima")
]
CORPUS = Corpus(name="rows", train=ROWS[:16], dev=ROWS[16:], types=("LOC", "PER"))
CONFIG = companion.TrainConfig(epochs=2, precision="fp32", device="cpu")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model folder with random weights."""
    return str(make_model_folder("wordpiece", tmp_path_factory.mktemp("models") / "tiny"))


def test_one_call_leaves_a_model_and_its_story(tiny: str, tmp_path: Path) -> None:
    said: list[str] = []
    tuned = companion.fine_tune(
        CORPUS, CONFIG, model=tiny, batch_size=4, out=tmp_path / "run", origin={"corpus": "rows"}, say=said.append
    )
    story = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert story["steps"] == tuned.run.steps == 8
    assert story["origin"] == {"corpus": "rows"}
    assert story["config"]["batch_size"] == 4
    assert story["reasons"].keys() == {"learning_rate"}
    assert "learning rate" in said[0]
    reopened = companion.load(tmp_path / "run" / "model")
    words = [row.words for row in CORPUS.dev]
    assert [found.raw_tags for found in reopened.tag(words)] == [
        found.raw_tags for found in tuned.task.predict(tuned.run.model, CORPUS.dev)
    ]


def test_the_best_weights_are_chosen_on_dev(tiny: str) -> None:
    tuned = companion.fine_tune(CORPUS, CONFIG, model=tiny, batch_size=4, say=lambda line: None)
    assert [row["step"] for row in tuned.run.evaluations] == [4, 8]
    assert tuned.run.best_value == max(row["entity_f1"] for row in tuned.run.evaluations)
    assert tuned.evaluate("dev", bootstrap=0).sentences == len(CORPUS.dev)


def test_a_split_that_is_not_there_is_named(tiny: str) -> None:
    tuned = companion.fine_tune(
        CORPUS, companion.TrainConfig(max_updates=1, precision="fp32"), model=tiny, say=lambda line: None
    )
    with pytest.raises(ConfigError, match="no split 'test'"):
        tuned.evaluate("test")


def test_an_unknown_corpus_is_an_error_before_any_model_is_loaded() -> None:
    with pytest.raises(DataError, match="nowhere"):
        companion.fine_tune("nowhere", model="not-looked-at")


@pytest.mark.parametrize(("method", "share"), [(companion.HeadOnly(), 0.1), (companion.TopLayers(1), 0.9)])
def test_an_adaptation_decides_what_moves(tiny: str, method: object, share: float) -> None:
    before = companion.TokenTask(CORPUS.labels, companion.load_encoder(tiny)).model().state_dict()
    tuned = companion.fine_tune(CORPUS, CONFIG, model=tiny, adaptation=method, batch_size=4, say=lambda line: None)
    after = tuned.run.model.state_dict()
    moved = sum(before[name].numel() for name in before if not before[name].equal(after[name]))
    total = sum(tensor.numel() for tensor in before.values())
    assert 0 < moved / total < share
    assert before["bert.embeddings.word_embeddings.weight"].equal(after["bert.embeddings.word_embeddings.weight"])
