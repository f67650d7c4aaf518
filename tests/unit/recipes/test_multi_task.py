"""Several tasks on one body: terms as they say, each part leaves alone, what cannot be shared is refused."""

from __future__ import annotations

import pytest

import companion
from companion.corpora.records import Corpus, Sentence
from companion.corpora.texts import Text, TextCorpus
from companion.errors import ConfigError, DataError
from companion.models import SharedBody
from companion.recipes.multi_task import MeanOfParts, mixture_of, multi_task_fine_tune, share
from companion.recipes.supervised import make_task
from companion.training import TrainConfig
from tests.tiny import digest
from tests.tokenizers import make_model_folder
from tests.unit.tasks.conftest import make_sentences

CONFIG = TrainConfig(epochs=2, learning_rate=3e-3, precision="fp32", device="cpu", progress=False)
PLACES = ("Wolfsburg", "New York City", "São Paulo")


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> str:
    return str(make_model_folder("wordpiece", tmp_path_factory.mktemp("body") / "tiny"))


def names(count: int = 20) -> Corpus:
    rows = make_sentences(count + 16, seed=1)
    dev, test = rows[count : count + 8], rows[count + 8 :]
    return Corpus(name="made", train=rows[:count], dev=dev, test=test, types=("LOC", "PER"))


def moods(**splits) -> TextCorpus:
    rows = [
        Text(text=f"{place} {word}", label=label, source="made")
        for place in PLACES
        for word, label in (("left", "bad"), ("visited", "good"))
    ]
    return TextCorpus(name="made", **{"train": rows, "dev": rows, "test": rows, **splits})


def go(body: str, corpora=None, config=CONFIG, **options):
    options = {"model": body, "batch_size": 4, "say": lambda line: None, **options}
    return multi_task_fine_tune(corpora or {"mood": moods(), "names": names()}, config, **options)


def test_the_joint_loss_is_the_weighted_sum_of_the_means_and_the_largest_task_sets_the_epoch(body):
    found = go(body, weights={"mood": 0.25})
    assert isinstance(found.run.model, SharedBody)
    assert found.run.steps == 2 * 5
    for row in found.run.history:
        assert row["loss"] == pytest.approx(0.25 * row["mood"] + row["names"], rel=1e-6)
    assert found.triples == (
        "mood: 4 of 6 rows, in every update | 0.25 · mean loss | shared body and a head of its own",
        "names: 4 of 20 rows, in every update | 1 · mean loss | shared body and a head of its own",
    )
    assert str(found).startswith(found.triples[0])


def test_in_the_sampled_schedule_one_task_is_trained_at_a_time(body):
    found = go(body, schedule="sampled", temperature=100.0)
    given = [sorted({"mood", "names"} & set(row)) for row in found.run.history]
    assert len(given) == 2 * (5 + 2)
    assert {tuple(one) for one in given} == {("mood",), ("names",)}
    assert "drawn in 50." in found.triples[1]


def test_every_task_is_scored_on_its_own_rows_and_the_mean_chooses(body):
    found = go(body)
    assert found.reports["mood"].accuracy.n == 6
    [best] = [one for one in found.run.evaluations if one["step"] == found.run.best_step]
    assert best["mean_score"] == pytest.approx((best["mood"] + best["names"]) / 2)
    assert best["mean_score"] == max(one["mean_score"] for one in found.run.evaluations)


def test_without_a_dev_split_the_last_weights_are_kept(body):
    found = go(body, {"mood": moods(dev=()), "names": names()})
    assert not found.run.evaluations
    assert found.run.best_step is None


def test_each_part_leaves_as_a_plain_folder(body, tmp_path):
    found = go(body)
    for name, rows in (("names", names().test), ("mood", moods().test)):
        loaded = companion.load(found.export(name, tmp_path / name))
        again, before = (
            task.predict(model, rows)
            for task, model in ((loaded.task, loaded.model), (found.tasks[name], found.model(name)))
        )
        assert [getattr(one, "tags", getattr(one, "label", None)) for one in again] == [
            getattr(one, "tags", getattr(one, "label", None)) for one in before
        ]


def test_surgery_changes_the_run_where_there_is_a_conflict(body):
    plain, cut = go(body), go(body, surgery=True)
    assert cut.run.history[0]["loss"] == pytest.approx(plain.run.history[0]["loss"])
    assert digest(cut.run.model.state_dict()) != digest(plain.run.model.state_dict())
    assert "less what conflicts" in cut.triples[0]


def test_the_head_of_a_task_is_the_one_it_would_have_alone(body):
    corpora = {"mood": moods(), "names": names()}
    encoder = companion.load_encoder(body)
    tasks = {name: make_task(corpus, encoder) for name, corpus in corpora.items()}
    shared = share(tasks, seed=3)
    for name, task in tasks.items():
        alone = task.model(seed=3)
        assert digest(shared.part(name).classifier.state_dict()) == digest(alone.classifier.state_dict())
        assert task.objective.part == "labelled"
    assert mixture_of(tasks, {"names": 2.0}).weights == {"mood": 1.0, "names": 2.0}


def test_a_task_missing_from_a_batch_is_skipped_and_counted(body):
    corpora = {"mood": moods(), "names": names()}
    encoder = companion.load_encoder(body)
    tasks = {name: make_task(corpus, encoder) for name, corpus in corpora.items()}
    source = tasks["names"].batches(corpora["names"].train, batch_size=4)
    objective = mixture_of(tasks)
    batch = {"names": source.collate("labelled", [0, 1])}
    assert set(objective.counts(batch)) == set(objective(share(tasks), batch)) == {"names"}
    found = go(body, schedule="sampled", temperature=100.0)
    assert any("mood" in note for note in found.run.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpora": {"names": names()}}, "1 task"),
        ({"schedule": "mixed"}, "schedule is 'mixed'"),
        ({"weights": {"mood": -1.0}}, "weight of 'mood' is -1"),
        ({"weights": {"moods": 1.0}}, "a weight for 'moods', which is no task"),
        ({"schedule": "sampled", "surgery": True}, "every update holds one task alone"),
        ({"temperature": 2.0}, "every update holds all tasks"),
        ({"schedule": "sampled", "temperature": 0.5}, "temperature is 0.5"),
        ({"task_options": {"mood": {"policy": "all"}}}, "has no use for policy"),
    ],
)
def test_what_cannot_be_used_is_refused(body, change, message):
    with pytest.raises(ConfigError, match=message):
        go(body, change.pop("corpora", None), **change)


@pytest.mark.parametrize("broken", ["one label", "no rows", "only O"])
def test_a_task_without_labels_is_named(body, broken):
    plain = [Sentence(words=("left",), tags=("O",), source="made")]
    corpora = {
        "one label": {"mood": moods(train=[Text(text="left", label="bad", source="made")], dev=(), test=())},
        "no rows": {"mood": moods(train=())},
        "only O": {"mood": Corpus(name="made", train=plain, dev=plain, test=plain)},
    }[broken]
    with pytest.raises(DataError, match="^task 'mood': "):
        go(body, {**corpora, "names": names()})


def test_an_error_is_not_averaged_with_scores():
    class Errors:
        metric, greater_is_better = "mean_squared_error", False

    with pytest.raises(ConfigError, match="prices: mean_squared_error cannot be averaged"):
        MeanOfParts({"prices": Errors()})
