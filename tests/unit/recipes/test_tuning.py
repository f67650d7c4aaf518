"""A search over the real loop: planned, pruned, killed and resumed to the same trials, honest about its winner."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from pathlib import Path

import pytest

import companion
from companion.corpora.records import Corpus, Sentence
from companion.corpora.texts import Text, TextCorpus
from companion.errors import CheckpointError, ConfigError, EvaluationError
from companion.recipes import tuning, tuning_trials, tuning_winner
from companion.recipes.tuning_space import Choice, LogUniform, Uniform
from companion.training.checkpoint import Checkpoints
from tests.processes import call, launch
from tests.tokenizers import make_model_folder

NAMES = ("Zwingmann", "Müller", "Nguyễn", "Gomez", "Merkel", "O'Brien", "Angela", "S.")
PLACES = ("Wolfsburg", "Berlin", "Lima", "New", "York", "Oslo")
ROWS = [
    Sentence(words=(name, "visited", place, "."), tags=("B-PER", "O", "B-LOC", "O"), source=f"{name} {place}")
    for name in NAMES
    for place in PLACES
]
CORPUS = Corpus(name="rows", train=ROWS[:24], dev=ROWS[24:36], test=ROWS[36:], types=("LOC", "PER"))
LABELLED = [Text(text=" ".join(row.words), label="north" if row.words[2] < "M" else "south") for row in ROWS]
TEXTS = TextCorpus(name="texts", train=LABELLED[:24], dev=LABELLED[24:36], test=LABELLED[36:])
CONFIG = companion.TrainConfig(epochs=3, precision="fp32", device="cpu")
SPACE = {
    "learning_rate": LogUniform(low=1e-4, high=3e-2),
    "epochs": Choice(values=(1, 2)),
    "batch_size": Choice(values=(6, 12)),
    "warmup": Uniform(low=0.0, high=0.3),
}
TWO_EPOCHS = 2
"""The trial of seed 3 that is killed between its two evaluations."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model folder with random weights."""
    return str(make_model_folder("wordpiece", tmp_path_factory.mktemp("models") / "tiny"))


def search(model: str, out: str | Path, *, trials: int = 4, say=lambda line: None, **options) -> companion.Tuned:
    """A small search for tags."""
    settings = {"space": SPACE, "config": CONFIG, "prune": "none", "sampler": "random", "seed": 3, **options}
    return companion.tune(CORPUS, model=model, out=out, trials=trials, say=say, **settings)


@pytest.fixture(scope="module")
def straight(tiny: str, tmp_path_factory: pytest.TempPathFactory) -> companion.Tuned:
    """A search that nothing disturbed."""
    return search(tiny, tmp_path_factory.mktemp("searches") / "straight")


def test_a_search_leaves_its_plan_its_trials_and_its_winner(straight: companion.Tuned) -> None:
    assert [trial.number for trial in straight.trials] == [0, 1, 2, 3]
    assert all(trial.state == "complete" for trial in straight.trials)
    for trial in straight.trials:
        assert 1e-4 <= trial.settings["learning_rate"] <= 3e-2
        assert len(trial.evaluations) == trial.settings["epochs"]
        assert trial.updates == trial.settings["epochs"] * 24 // trial.settings["batch_size"]
        assert trial.value == max(trial.evaluations)
    assert len({trial.settings["learning_rate"] for trial in straight.trials}) == 4
    assert straight.best.value == max(trial.value for trial in straight.trials)
    plan = json.loads((straight.folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["digest"] == straight.plan
    assert plan["trials"] == 4
    assert plan["space"]["epochs"] == {"Choice": [[1, 2]]}
    assert json.loads((straight.folder / "search.json").read_text(encoding="utf-8"))["plan"] == straight.plan


def test_the_winner_can_be_used_and_nothing_else_takes_up_space(straight: companion.Tuned) -> None:
    tagger = companion.load(straight.folder / "model")
    assert len(tagger.tag([row.words for row in CORPUS.dev])) == 12
    weights = list(straight.folder.rglob("*.safetensors"))
    assert [path.parent for path in weights] == [straight.folder / "model"]
    story = json.loads((straight.folder / "run.json").read_text(encoding="utf-8"))
    assert story["config"]["learning_rate"] == straight.best.settings["learning_rate"]
    assert story["config"]["batch_size"] == straight.best.settings["batch_size"]
    assert story["results"]["test"]["scores"]["entity_f1"]["value"] == straight.optimism.test.mean
    assert story["search"] == {"trials": 4, "metric": "entity_f1", "plan": straight.plan}
    card = (straight.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert '"straight"' in card
    assert "the best of 4 that were tried, so its score is optimistic" in card


def test_the_winner_is_judged_on_test_with_an_interval(straight: companion.Tuned) -> None:
    optimism = straight.optimism
    assert optimism.dev.mean == pytest.approx(straight.best.value)
    task, model = companion.TokenTask.load(straight.folder / "model")
    assert optimism.test.mean == companion.evaluate(model, task, CORPUS.test).entity_f1
    assert optimism.gap.mean == pytest.approx(optimism.dev.mean - optimism.test.mean)
    assert optimism.gap.low < optimism.gap.mean < optimism.gap.high
    assert f"{optimism.gap.low:+.3f} to {optimism.gap.high:+.3f}" in straight.sentence
    assert straight.sentence in str(straight)
    assert "← best" in str(straight)


def test_the_same_call_again_trains_nothing(tiny: str, straight: companion.Tuned, monkeypatch) -> None:
    monkeypatch.setattr(tuning_trials, "fine_tune", lambda *given, **options: pytest.fail("trained"))
    assert search(tiny, straight.folder).to_dict() == straight.to_dict()


def test_trials_depend_on_seed_and_number_alone(tiny: str, straight: companion.Tuned, tmp_path: Path) -> None:
    two = search(tiny, tmp_path / "two", trials=2)
    assert two.trials == straight.trials[:2]
    assert two.plan != straight.plan
    other = search(tiny, tmp_path / "other", trials=1, seed=4)
    assert other.trials[0].settings != straight.trials[0].settings


def test_no_trial_is_given_the_test_split(tiny: str, tmp_path: Path, monkeypatch) -> None:
    seen: list[tuple[str, ...]] = []
    train = tuning_trials.fine_tune

    def watched(corpus, *given, **options):
        seen.append(tuple(corpus.splits))
        return train(corpus, *given, **options)

    monkeypatch.setattr(tuning_trials, "fine_tune", watched)
    search(tiny, tmp_path / "search", trials=1, repeat=1)
    assert seen == [("train", "dev")] * 2


def test_the_test_split_stays_closed_until_the_last_trial_has_ended(tiny: str, tmp_path: Path, monkeypatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(tuning_winner, "evaluate", lambda *given: opened.append("test"))
    # Sabotage: a search that stops one trial short must not get as far as the test split.
    monkeypatch.setattr(tuning, "range", lambda count: [None] * (count - 1), raising=False)
    with pytest.raises(EvaluationError, match="1 of 2 trials have ended"):
        search(tiny, tmp_path / "search", trials=2)
    assert opened == []


def run_and_die(model: str, out: str, trial: int, evaluation: int, when: str) -> None:
    """The search, killed in the middle of a trial: "in" its log of an evaluation, or right "after" its training."""
    train = tuning_trials.fine_tune
    trials = 0

    def deadly(*given, log, **options):
        nonlocal trials
        trials += 1
        evaluations = 0

        def counting(step, values):
            nonlocal evaluations
            evaluations += "entity_f1" in values
            if when == "in" and trials == trial and evaluations == evaluation:
                os.kill(os.getpid(), signal.SIGKILL)
            log(step, values)

        tuned = train(*given, log=counting, **options)
        if when == "after" and trials == trial:
            os.kill(os.getpid(), signal.SIGKILL)
        return tuned

    tuning_trials.fine_tune = deadly
    search(model, out)


@pytest.mark.parametrize(
    ("when", "evaluation", "said"), [("in", 1, "goes on after its evaluation 1"), ("after", 0, "")]
)
def test_a_search_that_is_killed_goes_on_with_the_same_trials(
    tiny: str, straight: companion.Tuned, tmp_path: Path, when: str, evaluation: int, said: str
) -> None:
    child = launch(run_and_die, tiny, str(tmp_path / "search"), TWO_EPOCHS + 1, evaluation, when)
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert not (tmp_path / "search" / "model").exists()
    lines: list[str] = []
    resumed = search(tiny, tmp_path / "search", say=lines.append)
    assert straight.trials[TWO_EPOCHS].settings["epochs"] == 2
    assert resumed.to_dict() == straight.to_dict()
    [notice] = [line for line in lines if "was cut off" in line]
    assert notice.startswith(f"trial {TWO_EPOCHS + 1} ")
    assert said in notice
    assert sum(line.startswith("trial ") and " of 4: " in line for line in lines) == 4 - TWO_EPOCHS


def test_a_kill_before_a_trials_first_checkpoint_starts_it_again(
    tiny: str, straight: companion.Tuned, tmp_path: Path, monkeypatch
) -> None:
    class Killed(BaseException):
        pass

    def dies(*given, **options):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(tuning_trials, "fine_tune", dies)
        search(tiny, tmp_path / "search")
    lines: list[str] = []
    assert search(tiny, tmp_path / "search", say=lines.append).to_dict() == straight.to_dict()
    assert any("it starts again" in line for line in lines)


def test_a_bad_trial_is_given_up_and_leaves_the_loop_cleanly(tiny: str, tmp_path: Path) -> None:
    space = {"learning_rate": Choice(values=(1e-2, 3e-3, 1e-5, 2e-5))}
    lines: list[str] = []
    tuned = search(
        tiny, tmp_path / "search", trials=None, space=space, sampler="grid", prune="halving", say=lines.append
    )
    states = [trial.state for trial in tuned.trials]
    assert states.count("pruned") >= 1
    assert tuned.best.state == "complete"
    for trial in tuned.trials:
        assert (len(trial.evaluations) == 3) == (trial.state == "complete")
        if trial.state == "pruned":
            assert trial.updates < 3
            folder = tmp_path / "search" / "trials" / f"{trial.number:04d}"
            assert not folder.exists()
            # The lock is free: a store can be opened where the trial trained.
            store = Checkpoints(folder / "checkpoints")
            store.open()
            store.close()
    assert any("given up after its evaluation" in line for line in lines)
    assert f"{states.count('pruned')} pruned" in str(tuned)


def test_the_median_rule_waits_for_five_trials(tiny: str, tmp_path: Path) -> None:
    space = {"learning_rate": Choice(values=(1e-2, 8e-3, 6e-3, 5e-3, 4e-3, 1e-6, 2e-6))}
    tuned = search(tiny, tmp_path / "search", trials=None, space=space, sampler="grid", prune="median")
    assert {trial.state for trial in tuned.trials[:5]} == {"complete"}
    assert len(tuned.trials) == 7
    assert sorted(trial.settings["learning_rate"] for trial in tuned.trials) == sorted(space["learning_rate"].values)


def test_a_trial_that_diverges_is_noted_and_the_search_goes_on(tiny: str, tmp_path: Path, monkeypatch) -> None:
    train = tuning_trials.fine_tune
    calls = []

    def broken(*given, **options):
        calls.append(given)
        if len(calls) == 1:
            raise companion.errors.NonFiniteError("update 2: the loss is nan")
        return train(*given, **options)

    monkeypatch.setattr(tuning_trials, "fine_tune", broken)
    tuned = search(tiny, tmp_path / "search", trials=2)
    assert [trial.state for trial in tuned.trials] == ["diverged", "complete"]
    assert tuned.trials[0].value is None
    assert tuned.trials[0].remark == "update 2: the loss is nan"
    assert "1 diverged" in str(tuned)


def test_a_search_without_a_survivor_is_an_error(tiny: str, tmp_path: Path, monkeypatch) -> None:
    def broken(*given, **options):
        raise companion.errors.NonFiniteError("update 2: the loss is nan")

    monkeypatch.setattr(tuning_trials, "fine_tune", broken)
    with pytest.raises(EvaluationError, match="update 2: the loss is nan"):
        search(tiny, tmp_path / "search", trials=1)


def test_repetitions_give_an_interval_over_seeds(tiny: str, tmp_path: Path) -> None:
    tuned = search(tiny, tmp_path / "search", trials=1, repeat=3)
    assert len({row.seed for row in tuned.repetitions}) == 3
    gap = tuned.optimism.gap_over_seeds
    assert gap.n == 3
    assert gap.mean == pytest.approx(tuned.optimism.dev.mean - sum(row.test for row in tuned.repetitions) / 3)
    assert "3 new seeds" in tuned.sentence
    assert list((tmp_path / "search" / "repeats").rglob("*.safetensors")) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trials": 5}, "trials: 4 → 5"),
        ({"seed": 4}, "seed: 3 → 4"),
        ({"space": {"epochs": Choice(values=(1, 2))}}, "space: "),
        ({"prune": "median"}, "prune: none → median"),
        ({"config": companion.TrainConfig(epochs=3, precision="fp32", device="cpu", weight_decay=0.5)}, "fixed: "),
    ],
)
def test_a_plan_cannot_be_changed_afterwards(tiny: str, straight: companion.Tuned, change: dict, named: str) -> None:
    before = (straight.folder / "plan.json").read_bytes()
    with pytest.raises(CheckpointError, match="another plan") as caught:
        search(tiny, straight.folder, **change)
    assert named in caught.value.problem
    assert "no plan" in caught.value.remedy
    assert (straight.folder / "plan.json").read_bytes() == before


def test_other_rows_are_another_search(tiny: str, straight: companion.Tuned) -> None:
    other = Corpus(name="rows", train=CORPUS.train, dev=CORPUS.dev[1:], test=CORPUS.test, types=CORPUS.types)
    with pytest.raises(CheckpointError, match="data: "):
        companion.tune(
            other,
            SPACE,
            model=tiny,
            out=straight.folder,
            trials=4,
            config=CONFIG,
            prune="none",
            sampler="random",
            seed=3,
        )


def test_a_damaged_plan_or_study_is_named(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="no plan that can be read"):
        search(tiny, tmp_path)
    (tmp_path / "plan.json").unlink()
    (tmp_path / "study.db").write_bytes(b"not a database" * 100)
    with pytest.raises(CheckpointError, match=r"study\.db"):
        search(tiny, tmp_path)


def problem_of(model: str, out: str) -> str:
    """What a search in this folder stumbles over."""
    try:
        search(model, out)
    except CheckpointError as error:
        return error.problem
    return ""


def test_two_searches_in_one_folder_are_refused(tiny: str, tmp_path: Path) -> None:
    other = Checkpoints(tmp_path)
    other.open()
    try:
        assert call(problem_of, tiny, str(tmp_path)).startswith("another process")
    finally:
        other.close()


def test_a_folder_with_odd_characters_is_fine(tiny: str, tmp_path: Path) -> None:
    out = tmp_path / "50 % of a #search? ü"
    search(tiny, out, trials=1)
    with sqlite3.connect(out / "study.db") as study:
        assert study.execute("select count(*) from trials").fetchone() == (1,)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"trials": 0}, "trials is 0"),
        ({"sampler": "luck"}, "sampler is 'luck'"),
        ({"prune": "hard"}, "prune is 'hard'"),
        ({"metric": "accuracy"}, "metric is 'accuracy'"),
        ({"repeat": -1}, "repeat is -1"),
        ({"space": {}}, "space is empty"),
        ({"space": None, "sampler": "grid"}, "no grid can hold"),
        ({"space": {"epochs": Choice(values=(1, 2))}, "sampler": "grid", "trials": 3}, "trials is 3"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    tiny: str, tmp_path: Path, options: dict, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        search(tiny, tmp_path / "search", **options)
    assert not (tmp_path / "search").exists()


def test_a_corpus_without_dev_or_test(tiny: str, tmp_path: Path) -> None:
    bare = Corpus(name="rows", train=CORPUS.train, types=CORPUS.types)
    with pytest.raises(ConfigError, match="no dev split"):
        companion.tune(bare, SPACE, model=tiny, out=tmp_path / "a")
    without = Corpus(name="rows", train=CORPUS.train, dev=CORPUS.dev, types=CORPUS.types)
    tuned = companion.tune(
        without, SPACE, model=tiny, out=tmp_path / "b", trials=1, config=CONFIG, say=lambda line: None
    )
    assert tuned.optimism is None
    assert "cannot be said" in tuned.sentence


def test_the_default_space_follows_the_suggested_rate(tiny: str, tmp_path: Path) -> None:
    lines: list[str] = []
    config = companion.TrainConfig(max_updates=1, precision="fp32", device="cpu")
    tuned = search(tiny, tmp_path / "search", space=None, trials=1, config=config, say=lines.append, sampler="tpe")
    assert tuned.trials[0].settings.keys() == {
        "learning_rate", "epochs", "batch_size", "weight_decay", "warmup", "schedule"
    }  # fmt: skip
    assert any("by factors" in line for line in lines)


def test_dev_rows_that_are_the_test_rows_are_warned_of(tiny: str, tmp_path: Path) -> None:
    same = Corpus(name="rows", train=CORPUS.train, dev=CORPUS.dev, test=CORPUS.dev, types=CORPUS.types)
    lines: list[str] = []
    companion.tune(same, SPACE, model=tiny, out=tmp_path / "same", trials=1, config=CONFIG, say=lines.append)
    assert any("hold the same rows" in line for line in lines)
    lines.clear()
    search(tiny, tmp_path / "other", trials=1, say=lines.append)
    assert not any("hold the same rows" in line for line in lines)


@pytest.mark.parametrize(
    ("options", "metric"),
    [({}, "macro_f1"), ({"metric": "accuracy"}, "accuracy"), ({"task_options": {"kind": "regression"}}, "regression")],
)
def test_classifiers_and_regressions_are_searched_too(tiny: str, tmp_path: Path, options: dict, metric: str) -> None:
    corpus = TEXTS
    if metric == "regression":
        metric = "mean_squared_error"
        parts = {
            split: [Text(text=row.text, label=str(len(row.text))) for row in rows]
            for split, rows in TEXTS.splits.items()
        }
        corpus = TextCorpus(name="lengths", **parts)
    out = tmp_path / "search"
    tuned = companion.tune(
        corpus, SPACE, model=tiny, out=out, trials=3, config=CONFIG, prune="none", say=lambda line: None, **options
    )
    best = min if metric == "mean_squared_error" else max
    assert tuned.metric == metric
    assert tuned.best.value == best(trial.value for trial in tuned.trials)
    task, model = companion.TextTask.load(out / "model")
    dev, test = (companion.evaluate(model, task, corpus.splits[split]) for split in ("dev", "test"))
    assert tuned.best.value == pytest.approx(getattr(dev, metric).mean)
    assert tuned.optimism.test.mean == getattr(test, metric).mean
    sign = -1 if metric == "mean_squared_error" else 1
    assert tuned.optimism.gap.mean == pytest.approx(sign * (getattr(dev, metric).mean - getattr(test, metric).mean))
