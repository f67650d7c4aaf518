"""The recipe: one call from a corpus to a folder, resumable, and honest about what it did."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import companion
from companion.corpora.records import Corpus, Sentence
from companion.corpora.texts import Text, TextCorpus
from companion.errors import ConfigError, DataError
from companion.recipes.supervised import joined_labels
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


TEXTS = [
    Text(text=f"{name} {verb} {place}", label=label, source=f"row {name} {place}")
    for name in ("Zwingmann", "Müller", "Nguyễn", "Gomez")
    for verb, label in (("visited", "here"), ("left", "there"))
    for place in ("Wolfsburg", "Berlin", "Lima")
]
TEXT_CORPUS = TextCorpus(name="notes", train=TEXTS[:16], dev=TEXTS[12:20], test=TEXTS[16:], licence="CC0-1.0")


def quiet(line: str) -> None:
    """Say nothing."""


def test_labelled_texts_make_a_classifier_on_the_same_path(tiny: str, tmp_path: Path) -> None:
    tuned = companion.fine_tune(
        TEXT_CORPUS,
        CONFIG,
        model=tiny,
        batch_size=4,
        task_options={"pooling": "cls"},
        out=tmp_path / "run",
        about={"language": "vi", "licence": "mit"},
        say=quiet,
    )
    assert tuned.task.name == "texts"
    assert [row.keys() for row in tuned.run.evaluations] == [{"step", "macro_f1", "accuracy"}] * 2
    story = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert story["dev"] == {"macro_f1": tuned.run.best_value}
    assert story["data"]["language"] == "vi"
    assert story["data"]["model_licence"] == "mit"
    assert story["given"] == ["epochs", "precision", "device", "batch_size"]
    reopened = companion.load(tmp_path / "run" / "model")
    assert [found.label for found in reopened.predict_many([text.text for text in TEXTS])] == [
        found.label for found in tuned.task.predict(tuned.run.model, TEXTS)
    ]


def test_a_measurement_is_put_down_beside_the_run(tiny: str, tmp_path: Path) -> None:
    tuned = companion.fine_tune(TEXT_CORPUS, CONFIG, model=tiny, batch_size=4, out=tmp_path / "run", say=quiet)

    def results() -> dict:
        return json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["results"]

    assert results().keys() == {"dev"}
    tuned.evaluate("test", bootstrap=10)
    assert results().keys() == {"dev"}, "other than usual options"
    report = tuned.evaluate("test")
    assert results()["test"] == {
        "rows": 8,
        "scores": {
            name: {"value": interval.mean, "low": interval.low, "high": interval.high}
            for name, interval in (("accuracy", report.accuracy), ("macro_f1", report.macro_f1))
        },
    }
    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert "| test | 8 |" in card
    # The same run again keeps what was measured; other weights do not inherit it.
    companion.fine_tune(TEXT_CORPUS, CONFIG, model=tiny, batch_size=4, out=tmp_path / "run", say=quiet)
    assert results().keys() == {"dev", "test"}
    story = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    (tmp_path / "run" / "run.json").write_text(json.dumps({**story, "weights": "other"}), encoding="utf-8")
    companion.fine_tune(TEXT_CORPUS, CONFIG, model=tiny, batch_size=4, out=tmp_path / "run", say=quiet)
    assert results().keys() == {"dev"}


@pytest.mark.parametrize("corpus", [CORPUS, TEXT_CORPUS], ids=["tokens", "texts"])
def test_no_card_holds_a_path_of_this_machine(tiny: str, tmp_path: Path, corpus: object) -> None:
    companion.fine_tune(corpus, CONFIG, model=tiny, batch_size=4, out=tmp_path / "run", say=quiet)
    card = (tmp_path / "run" / "model" / "README.md").read_text(encoding="utf-8")
    assert "## Results" in card
    assert [place for place in (str(tmp_path), str(Path(tiny).parent), str(Path.home())) if place in card] == []


@pytest.mark.filterwarnings("ignore:.* texts are longer")
def test_a_named_corpus_is_known_to_the_card(tiny: str, tmp_path: Path) -> None:
    config = companion.TrainConfig(max_updates=1, precision="fp32", device="cpu")
    companion.fine_tune("newsroom-sentiment", config, model=tiny, out=tmp_path / "run", say=quiet)
    story = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert story["origin"] == {"corpus": "newsroom-sentiment"}
    assert story["data"]["language"] == "en"
    assert story["data"]["examples"].keys() == {"negative", "neutral", "positive"}
    assert story["data"]["licence"] == "CC0-1.0"


@pytest.mark.parametrize(
    ("corpus", "options", "message"),
    [
        (TextCorpus(name="one", train=TEXTS[:1]), {}, "one: every text has the same label, 'here'"),
        (Corpus(name="none", train=ROWS[:1]), {}, "none: every word has the tag O"),
        (TEXT_CORPUS, {"policy": "all"}, "a corpus of labelled texts has no use for policy"),
        (CORPUS, {"kind": "multi"}, "a corpus of tagged words has no use for kind"),
    ],
)
def test_a_task_that_cannot_be_made_is_explained(tiny: str, corpus: object, options: dict, message: str) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        companion.fine_tune(corpus, CONFIG, model=tiny, task_options=options, say=quiet)


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"author": "me"}, "about says 'author'"),
        ({"language": "English"}, "language is 'English'"),
        ({"licence": "CC BY 4.0"}, "licence is 'CC BY 4.0'\n.*cc-by-4.0"),
    ],
)
def test_what_a_card_cannot_say_is_refused_before_training(about: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        companion.fine_tune(TEXT_CORPUS, CONFIG, model="not-looked-at", about=about)


def test_the_catalog_says_what_a_card_needs() -> None:
    from companion.corpora import entries

    looked_at = 0
    for entry in entries():
        assert re.fullmatch("[a-z]{2}", entry.language), entry.name
        assert re.fullmatch(r"([\w-]+/[\w-]+)?", entry.hub_name), entry.name
        assert bool(entry.hub_name) <= bool(entry.files), entry.name
        looked_at += 1
    assert looked_at > 10


def test_what_is_no_corpus_is_named() -> None:
    with pytest.raises(DataError, match="the corpus is a list") as caught:
        companion.fine_tune([("a text", "a label")], CONFIG)  # type: ignore[arg-type]
    assert "TextCorpus" in caught.value.remedy


def test_joined_labels_of_one_label_texts_are_remarked_on(tiny: str) -> None:
    rows = [("a nice room", "room|staff"), ("kind people", "staff"), ("nothing at all", "|")] * 2
    corpus = TextCorpus.from_rows(rows, split=False)
    config = companion.TrainConfig(epochs=1, precision="fp32", device="cpu")
    for kind, remarks in (("single", 1), ("multi", 0)):
        said: list[str] = []
        companion.fine_tune(corpus, config, model=tiny, task_options={"kind": kind}, say=said.append)
        found = [line for line in said if "hold '|'" in line]
        assert len(found) == remarks
    assert joined_labels(companion.TextTask(["a|b", "c"], companion.load_encoder(tiny))) == (
        "1 of 2 labels hold '|' (first: a|b), learned as they stand; "
        'task_options={"kind": "multi"}, or --kind multi, learns their parts'
    )


def test_what_is_no_corpus_of_labels_is_told_what_would_do() -> None:
    with pytest.raises(DataError, match="the corpus is a list") as caught:
        companion.fine_tune([(["Ada"], ["B-PER"])], model="not-looked-at")  # type: ignore[arg-type]
    assert "Corpus.from_rows" in caught.value.remedy.replace("TextCorpus.", "")
    pairs = companion.PairCorpus.from_rows([("How many?", "Two.")], split=False)
    with pytest.raises(DataError, match="rows: prompts with answers have no labels") as caught:
        companion.fine_tune(pairs, model="not-looked-at")  # type: ignore[arg-type]
    for part in ("CausalLMTask", "task.batches(corpus.train)", "companion train --task answers"):
        assert part in caught.value.remedy
