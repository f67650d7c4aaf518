"""Tasks in sequence: every strategy is the triple that it says, by hand; heads grow or are added; stages travel."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch

import companion
from companion.corpora.records import Corpus
from companion.corpora.texts import Text, TextCorpus
from companion.errors import ConfigError, DataError
from companion.models.shared import SharedBody
from companion.objectives import EWC, L2SP, Distillation, fisher_diagonal
from companion.recipes import learn_in_sequence
from companion.recipes.remembering import padded
from companion.training import TrainConfig, train
from tests.tiny import digest
from tests.tokenizers import make_model_folder

CONFIG = TrainConfig(epochs=1, learning_rate=3e-3, precision="fp32", device="cpu", progress=False)
TYPES = {"A": ("LOC", "PER"), "B": ("ORG", "PROD")}
SETTINGS = ("task-aware", "class-incremental")


def quiet(line: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def world():
    language = companion.MicroLanguage(seed=0, names_per_category=12)
    encoder = companion.mini_encoder(language.vocabulary, width=16, heads=2, layers=1, dropout=0.0)
    corpora = {
        name: Corpus(
            name=name,
            train=language.sentences(24, types=types),
            test=language.sentences(10, purpose="test", types=types),
            types=types,
        )
        for name, types in TYPES.items()
    }
    return encoder, corpora


def go(world, strategy="naive", setting="class-incremental", **options):
    encoder, corpora = world
    options = {"encoder": encoder, "batch_size": 8, "say": quiet, **options}
    return learn_in_sequence(
        options.pop("corpora", corpora), options.pop("config", CONFIG), strategy=strategy, setting=setting, **options
    )


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("strategy", ["naive", "replay", "ewc", "l2_sp", "distillation", "adapters", "joint"])
def test_every_strategy_scores_all_tasks_after_every_stage(world, strategy, setting):
    if (strategy, setting) == ("adapters", "class-incremental"):
        with pytest.raises(ConfigError, match="somebody has to say which task"):
            go(world, strategy, setting)
        return
    said = []
    found = go(world, strategy, setting, say=said.append)
    assert [stage.name for stage in found.stages] == ["A", "B"]
    assert all(str(stage) in said for stage in found.stages)
    assert [len(answers) for answers in found.answers] == [1, 2]
    assert found.matrix.scores[0][1] is None and found.matrix.scores[1][1] is not None
    assert "A: rows of A" in str(found)
    steps = [stage.run.steps for stage in found.stages]
    assert steps == ([3, 6] if strategy == "joint" else [3, 3])


def test_naive_is_two_plain_runs(world):
    encoder, corpora = world
    found = go(world)
    first = companion.TokenTask(corpora["A"].labels, encoder)
    run = train(
        first.model(seed=0), first.batches(corpora["A"].train, batch_size=8), first.objective, CONFIG, say=quiet
    )
    assert digest(run.model.state_dict()) == digest(found.stages[0].run.model.state_dict())
    second = companion.TokenTask((*corpora["A"].labels, *corpora["B"].labels[1:]), encoder)
    model = second.model(seed=0)
    new_rows = model.classifier.weight[len(first.labels) :].clone()
    state = model.state_dict()
    for name, tensor in run.model.state_dict().items():
        state[name][: len(tensor)] = tensor
    assert torch.equal(model.classifier.weight[: len(first.labels)], run.model.classifier.weight)
    assert torch.equal(model.classifier.weight[len(first.labels) :], new_rows)
    run = train(model, second.batches(corpora["B"].train, batch_size=8), second.objective, CONFIG, say=quiet)
    assert digest(run.model.state_dict()) == digest(found.stages[1].run.model.state_dict())


@pytest.mark.parametrize("strategy", ["replay", "ewc", "l2_sp", "distillation"])
@pytest.mark.parametrize("setting", SETTINGS)
def test_a_weight_of_zero_is_naive(world, strategy, setting):
    naive = go(world, "naive", setting).stages[1].run
    found = go(world, strategy, setting, weight=0.0).stages[1].run
    assert [row["supervised"] for row in found.history] == pytest.approx(
        [row["supervised"] for row in naive.history], rel=1e-4
    )
    other = go(world, strategy, setting, weight=1e5).stages[1].run
    assert other.history[-1]["supervised"] != pytest.approx(naive.history[-1]["supervised"], rel=1e-3)


def test_the_terms_of_the_second_stage_by_hand(world):
    encoder, corpora = world
    first = go(world).stages[0].run.model
    task = companion.TokenTask((*corpora["A"].labels, *corpora["B"].labels[1:]), encoder)
    model = task.model(seed=0)
    for name, tensor in first.state_dict().items():
        model.state_dict()[name][: len(tensor)] = tensor
    old_task = companion.TokenTask(corpora["A"].labels, encoder)
    source = old_task.batches(corpora["A"].train, batch_size=1)
    rows = [{"labelled": source.collate("labelled", [row])} for row in range(24)]
    fisher = padded(fisher_diagonal(first, old_task.objective, rows), model)
    expected = {
        "ewc": EWC(task.objective, model, fisher, weight=7.0),
        "l2_sp": L2SP(task.objective, model, weight=7.0),
        "distillation": Distillation(task.objective, copy.deepcopy(first), weight=7.0, temperature=3.0),
    }
    options = {"ewc": {"fisher_rows": 24}, "distillation": {"temperature": 3.0}}
    for strategy, objective in expected.items():
        found = go(world, strategy, weight=7.0, **options.get(strategy, {})).stages[1].run
        new = task.batches(corpora["B"].train, batch_size=8)
        run = train(copy.deepcopy(model), new, objective, CONFIG, say=quiet)
        assert run.losses == pytest.approx(found.losses, rel=1e-4), strategy
        assert strategy in run.history[0]


def test_what_is_remembered_is_the_reservoir_of_the_rows_before(world):
    from companion.corpora import Reservoir

    _, corpora = world
    for setting in SETTINGS:
        found = go(world, "replay", setting, memory=6)
        stage = found.stages[1]
        assert "6 remembered" in stage.batch
        term = "replay A" if setting == "task-aware" else "replay"
        row = stage.run.history[0]
        assert row["loss"] == pytest.approx(row["supervised"] + row[term], rel=1e-5)
    held = Reservoir(6, seed=0).extend(("A", sentence) for sentence in corpora["A"].train).rows
    assert len(held) == 6


def three(world):
    _, corpora = world
    return {**corpora, "C": dataclasses.replace(corpora["A"], name="C")}


@pytest.mark.parametrize("strategy", ["replay", "ewc", "distillation", "joint"])
def test_three_tasks_with_heads_of_their_own(world, strategy):
    found = go(world, strategy, "task-aware", corpora=three(world))
    model = found.stages[2].run.model
    assert isinstance(model, SharedBody) and list(model.parts) == ["A", "B", "C"]
    assert len({id(part.base_model) for part in model.parts.values()}) == 1
    terms = {
        "replay": {"replay A", "replay B"},
        "ewc": {"ewc"},
        "distillation": {"distillation A", "distillation B"},
        "joint": {"supervised A", "supervised B", "supervised C"},
    }[strategy]
    assert terms <= found.stages[2].run.history[0].keys()


def test_the_fisher_information_of_two_tasks_is_added_up(world):
    from companion.recipes.remembering import Plan, Remembering

    _, corpora = world
    found = go(world, "ewc")
    plan = Plan(
        strategy="ewc", own_heads=False, weight=1.0, memory=1, temperature=1.0, fisher_rows=24, batch_size=8, seed=0
    )
    carried = Remembering(plan)
    each = []
    for stage, name in enumerate(corpora):
        task, model = found.answers[stage][name]
        carried.learned(name, task, corpora[name], model)
        alone = Remembering(plan)
        alone.learned(name, task, corpora[name], model)
        each.append(padded(alone.fisher, found.answers[1]["B"][1]))
    for name, value in carried.fisher.items():
        torch.testing.assert_close(value, each[0][name] + each[1][name])
    # The rows of the head that came with the second task were of no importance to the first.
    old = len(found.answers[0]["A"][0].labels)
    assert not each[0]["classifier.weight"][old:].any() and each[1]["classifier.weight"][old:].any()


def test_heads_of_other_tasks_stay_as_they_were(world):
    found = go(world, "naive", "task-aware")
    before, after = (answers["A"][1].classifier.state_dict() for answers in found.answers)
    assert digest(before) == digest(after)
    body = [answers["A"][1].base_model.state_dict() for answers in found.answers]
    assert digest(body[0]) != digest(body[1])


def test_adapters_leave_the_body_and_the_task_before_as_they_are(world):
    found = go(world, "adapters", "task-aware")
    assert found.matrix.forgetting == 0.0
    assert found.answers[0]["A"][1] is found.answers[1]["A"][1]
    names = {name for name, part in found.stages[0].run.model.named_parameters() if part.requires_grad}
    assert names and all("lora_" in name or "classifier" in name for name in names)


def test_looking_ahead_gives_forward_transfer(world):
    found = go(world, "naive", "task-aware", look_ahead=True)
    assert found.matrix.baseline is not None
    assert found.matrix.forward_transfer == pytest.approx(found.matrix.scores[0][1] - found.matrix.baseline[1])
    with pytest.raises(ConfigError, match="labels that are still to come"):
        go(world, look_ahead=True)


@pytest.fixture(scope="module")
def body(tmp_path_factory) -> str:
    return str(make_model_folder("wordpiece", tmp_path_factory.mktemp("body") / "tiny"))


def texts(*labels: str) -> TextCorpus:
    rows = [
        Text(text=f"{place} {label}", label=label, source="made")
        for label in labels
        for place in ("Lima", "Paris", "Rome")
    ]
    return TextCorpus(name="made", train=rows, test=rows)


@pytest.mark.parametrize("setting", SETTINGS)
def test_texts_are_learned_in_sequence_too_and_every_stage_can_be_exported(body, tmp_path, setting):
    corpora = {"mood": texts("good", "bad"), "topic": texts("sport", "law")}
    found = learn_in_sequence(
        corpora, CONFIG, strategy="replay", setting=setting, encoder=body, batch_size=4, say=quiet
    )
    assert found.answers[1]["topic"][0].labels == (
        ("law", "sport") if setting == "task-aware" else ("bad", "good", "law", "sport")
    )
    for stage, names in enumerate((["mood"], ["mood", "topic"] if setting == "task-aware" else ["topic"])):
        folders = found.export(tmp_path / str(stage), stage=stage)
        assert [folder.name for folder in folders] == names
        for folder in folders:
            task, model = found.answers[stage][folder.name]
            loaded = companion.load(folder)
            rows = corpora[folder.name].test
            ours, theirs = task.predict(model, rows), loaded.task.predict(loaded.model, rows)
            assert [row.label for row in ours] == [row.label for row in theirs]


def test_what_cannot_be_used_is_refused(world):
    _, corpora = world
    with pytest.raises(ConfigError, match="strategy is 'magic'"):
        go(world, "magic")
    with pytest.raises(ConfigError, match="setting is 'both'"):
        go(world, setting="both")
    with pytest.raises(ConfigError, match="no use for a weight"):
        go(world, weight=1.0)
    for name, value in {"memory": 5, "temperature": 1.0, "fisher_rows": 3, "adaptation": companion.LoRA()}.items():
        with pytest.raises(ConfigError, match=f"no use for {name}"):
            go(world, **{name: value})
    with pytest.raises(ConfigError, match="weight of 'replay' is -1"):
        go(world, "replay", weight=-1.0)
    with pytest.raises(ConfigError, match="size of the memory"):
        go(world, "replay", memory=0)
    with pytest.raises(DataError, match="1 tasks are no sequence"):
        go(world, corpora={"A": corpora["A"]})
    with pytest.raises(DataError, match="has no dev split"):
        go(world, split="dev")
    with pytest.raises(DataError, match="others label texts"):
        go(world, corpora={"A": corpora["A"], "B": texts("good", "bad")})
    with pytest.raises(ConfigError, match="kind is 'multi'"):
        go(world, corpora={"A": texts("a", "b"), "B": texts("c", "d")}, task_options={"kind": "multi"})
    for name in ("labelled", "a.b", "../x", ""):
        with pytest.raises(ConfigError, match="a task is called"):
            go(world, corpora={"A": corpora["A"], name: corpora["B"]})
