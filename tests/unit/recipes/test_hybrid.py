"""Hybrid fine-tuning: the stages are what they say, resumed in any of them, and compared at equal compute."""

from __future__ import annotations

import dataclasses

import pytest

from companion.corpora.records import Corpus
from companion.corpora.texts import Text, TextCorpus
from companion.errors import ConfigError, DataError
from companion.models import load_encoder
from companion.recipes.hybrid import check_texts, hybrid_fine_tune, pieces_read, updates_for
from companion.tasks import TokenTask
from companion.training import TrainConfig, train
from tests.tiny import digest, tiny_batches
from tests.tokenizers import make_model_folder
from tests.unit.tasks.conftest import make_sentences

CONFIG = TrainConfig(epochs=2, learning_rate=3e-3, precision="fp32", device="cpu", progress=False)
TEXTS = [" ".join(sentence.words) for sentence in make_sentences(30, seed=9)]


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> str:
    return str(make_model_folder("wordpiece", tmp_path_factory.mktemp("body") / "tiny"))


def corpus() -> Corpus:
    rows = make_sentences(36, seed=1)
    return Corpus(name="made", train=rows[:20], dev=rows[20:28], test=rows[28:], types=("LOC", "PER"))


def go(body: str, **options):
    options = {"model": body, "batch_size": 5, "say": lambda line: None, **options}
    return hybrid_fine_tune(corpus(), TEXTS, options.pop("config", CONFIG), **options)


def test_the_joint_schedule_is_one_stage_with_two_terms(body):
    found = go(body, weight=0.3)
    [stage] = found.stages
    assert str(stage) == "joint: labelled rows and masked text | supervised + 0.3 · masked-LM | everything"
    row = stage.run.history[0]
    assert row["loss"] == pytest.approx(row["supervised"] + 0.3 * row["masked_lm"], rel=1e-6)
    assert stage.run.steps == 8
    assert found.comparison.names == ("plain", "hybrid")
    assert found.comparison.rows == 8
    assert "plain: labelled rows" in str(found)


def test_lambda_zero_is_plain_fine_tuning(body):
    task = TokenTask(corpus().labels, load_encoder(body))
    source = task.batches(corpus().train, batch_size=5)
    plain = train(task.model(seed=0), source, task.objective, CONFIG, say=lambda line: None).losses
    found = go(body, weight=0.0).stages[0].run.history
    assert [row["supervised"] for row in found] == pytest.approx(plain, rel=1e-4)
    other = go(body, weight=1.0).stages[0].run.history
    assert [row["supervised"] for row in other] != pytest.approx(plain, rel=1e-4)


def test_the_sequence_trains_the_body_on_text_first(body):
    found = go(body, schedule="sequence", language_updates=9)
    language, supervised = found.stages
    assert (language.run.steps, supervised.run.steps) == (9, 8)
    assert language.run.losses[-1] < language.run.losses[0]
    assert [stage.name for stage in found.stages] == ["language", "supervised"]


@pytest.mark.parametrize("schedule", ["joint", "sequence"])
def test_plain_fine_tuning_reads_as_many_word_pieces(body, schedule):
    found = go(body, schedule=schedule)
    hybrid = sum(stage.pieces for stage in found.stages)
    largest = max(len(row) for row in TEXTS) * 5
    assert abs(found.plain.pieces - hybrid) <= largest
    assert found.plain.run.steps > found.stages[-1].run.steps


@pytest.mark.parametrize(
    ("schedule", "stage"),
    [("joint", "joint"), ("sequence", "language"), ("sequence", "supervised"), ("joint", "plain")],
)
def test_a_recipe_killed_in_any_stage_goes_on_to_the_same_bits(body, tmp_path, monkeypatch, schedule, stage):
    from companion.recipes import hybrid as module

    config = dataclasses.replace(CONFIG, checkpoint_every=1)
    whole = go(body, schedule=schedule, out=tmp_path / "whole", config=config)
    right = module.train

    def killed(model, source, objective, config, **options):
        def log(step, values):
            if options["run_dir"].name == stage and step == 3:
                raise KeyboardInterrupt

        return right(model, source, objective, config, log=log, **options)

    monkeypatch.setattr(module, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        go(body, schedule=schedule, out=tmp_path / "killed", config=config)
    monkeypatch.setattr(module, "train", right)
    again = go(body, schedule=schedule, out=tmp_path / "killed", config=config)
    assert digest(again.model.state_dict()) == digest(whole.model.state_dict())
    assert digest(again.plain.run.model.state_dict()) == digest(whole.plain.run.model.state_dict())
    assert again.stages[0].run.history == whole.stages[0].run.history


def test_the_tagger_that_comes_of_it_is_a_plain_one(body, tmp_path):
    import companion

    found = go(body)
    loaded = companion.load(found.task.export(found.model, tmp_path / "tagger"))
    rows = corpus().test
    assert [one.tags for one in loaded.task.predict(loaded.model, rows)] == [
        one.tags for one in found.task.predict(found.model, rows)
    ]


def test_texts_can_be_classified_in_the_same_way(body):
    rows = [
        Text(text=f"{place} {word}", label=label, source="made")
        for place in ("Wolfsburg", "New York City", "São Paulo", "Lima")
        for word, label in (("left", "bad"), ("visited", "good"))
    ]
    texts = TextCorpus(name="made", train=rows, dev=rows, test=rows)
    found = hybrid_fine_tune(texts, TEXTS, CONFIG, model=body, batch_size=4, say=lambda line: None)
    assert found.comparison.unit == "texts"
    assert found.stages[0].run.best_value is not None


def test_what_cannot_be_used_is_refused(body):
    with pytest.raises(ConfigError, match="schedule is 'both'"):
        go(body, schedule="both")
    with pytest.raises(ConfigError, match="weight of 'masked_lm' is -1"):
        go(body, weight=-1.0)
    for texts in ([], ["", "  "]):
        with pytest.raises(DataError, match="no unlabelled text"):
            hybrid_fine_tune(corpus(), texts, CONFIG, model=body, say=lambda line: None)


def test_text_in_a_script_that_the_tokenizer_cannot_read_is_refused(body):
    encoder = load_encoder(body)
    assert check_texts(TEXTS, encoder) < 0.1
    with pytest.raises(DataError, match="does not know .* of the text's"):
        check_texts(["กขค งจฉ ชซฌ", "ไทย ไทย"], encoder)


def test_updates_are_chosen_so_that_the_pieces_agree():
    source = tiny_batches(20, batch_size=4)
    total = pieces_read(source, 5, seed=0)
    assert total == sum(len(row) for row in source.rows)
    assert updates_for(source, total, seed=0) == 5
    assert updates_for(source, 2 * total, seed=0) == 10
    assert updates_for(source, 1, seed=0) == 1
