"""Few labels on equal terms: the same draws, updates and test in every arm, one thing changed at a time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from companion.errors import RecordError
from companion.experiments import (
    adversarial_arms,
    augmentation_arms,
    ensembles,
    few_labels,
    few_labels_regularisers,
    load_record,
)
from companion.experiments.catalog import NAMES
from companion.experiments.few_labels import CORPORA, SEEDS, UPDATES, Setting, draw, flip, held_out, task_of
from companion.models import Ensemble, load_encoder, mini_encoder
from companion.tasks import TokenTask

MODULES = (few_labels_regularisers, augmentation_arms, adversarial_arms, ensembles)
SIZES = {"few-labels-regularisers": 330, "augmentation-arms": 105, "adversarial-arms": 90, "ensembles": 30}


def quiet(line: str) -> None:
    """Say nothing."""


def test_the_plans_are_every_cell_once_and_the_records_hold_no_other() -> None:
    for module in MODULES:
        cells = [tuple(cell.values()) for cell in module.plan()]
        assert len(set(cells)) == len(cells) == SIZES[module.NAME]
        assert module.NAME in NAMES
        assert Counter(cell["seed"] for cell in module.plan()) == dict.fromkeys(SEEDS, len(cells) // 5)
        # The full runs go on from one time to the next; what is there belongs to the plan.
        try:
            measured = load_record(module.NAME)
        except RecordError:
            measured = []
        assert {tuple(cell.factors.values()) for cell in measured} <= set(cells)


def test_every_arm_changes_one_thing_of_the_plain_one() -> None:
    plain = Setting()
    for arm, setting in few_labels_regularisers.ARMS.items():
        names = ("dropout", "weight_decay", "smoothing", "early", "longer")
        changed = sum(getattr(setting, name) != getattr(plain, name) for name in names)
        share = few_labels_regularisers.flipped(arm)
        assert changed + (share > 0) == (0 if arm == "plain" else 1 + (arm.count("-") > 1 and share > 0))
    assert len(few_labels_regularisers.ARMS) == 11


def test_draws_nest_and_differ_by_seed() -> None:
    for corpus in CORPORA:
        assert draw(corpus, 50, 3) == draw(corpus, 200, 3)[:50]
        assert draw(corpus, 50, 3) != draw(corpus, 50, 4)
        assert len(draw(corpus, max(UPDATES), 0)) == 800
        train, test = {row.source for row in draw(corpus, 800, 0)}, {row.source for row in held_out(corpus, "test")}
        assert not train & test
        assert held_out(corpus, "dev", 100) == held_out(corpus, "dev", 100)


def test_flipped_labels_are_wrong_and_their_share_is_right() -> None:
    texts = draw("helpdesk", 800, 0)
    assert flip("helpdesk", texts, 0.0, 0) == texts
    wrong = sum(one.label != other.label for one, other in zip(texts, flip("helpdesk", texts, 0.4, 0), strict=True))
    assert wrong == pytest.approx(320, abs=45)
    sentences = draw("newsroom", 800, 0)
    flipped = flip("newsroom", sentences, 0.2, 0)
    before, after = ([entity for row in rows for entity in row.entities()] for rows in (sentences, flipped))
    assert [entity[:2] for entity in before] == [entity[:2] for entity in after]
    changed = sum(one.type != other.type for one, other in zip(before, after, strict=True))
    assert changed / len(before) == pytest.approx(0.2, abs=0.04)


def test_the_offline_encoder_reads_no_capitals_so_that_their_score_is_the_clean_one() -> None:
    from companion.corpora import Capitals, corrupt

    assert load_encoder().uncased
    task = task_of("helpdesk")
    rows = held_out("helpdesk", "test", 100)
    for writing in ("lower", "upper"):
        assert task.encode(rows) == task.encode(corrupt(rows, Capitals(writing=writing)))
    tagging, sentences = task_of("newsroom"), held_out("newsroom", "test", 100)
    pieces = [window.input_ids for one in tagging.align(sentences)[0] for window in one.windows]
    upper = corrupt(sentences, Capitals(writing="upper"))
    assert pieces == [window.input_ids for one in tagging.align(upper)[0] for window in one.windows]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small encoder from scratch in the place of the offline one: what is measured is the same, and seconds less."""
    words = sorted({word for sentence in draw("newsroom", 200, 0) for word in sentence.words})
    encoder = mini_encoder(words, width=16, layers=1, heads=2)

    def task_of(corpus: str, smoothing: float = 0.0) -> TokenTask:
        return TokenTask(few_labels.splits_of(corpus).labels, encoder, label_smoothing=smoothing)

    monkeypatch.setattr(few_labels, "task_of", task_of)


def test_a_fast_profile_measures_a_real_cell(tmp_path: Path) -> None:
    [cell] = augmentation_arms.run("fast", tmp_path, say=quiet)
    found = cell.result
    assert found["entities_in"] == found["entities_out"] >= found["mentions_replaced"] > 0
    assert found["copies"] + found["unchanged"] == 8
    assert found["lower"] == found["upper"] == found["score"]
    assert augmentation_arms.run("fast", tmp_path, say=quiet) == [cell]


@pytest.mark.usefixtures("small")
def test_the_other_fast_profiles_measure_what_they_say(tmp_path: Path) -> None:
    [early] = few_labels_regularisers.run("fast", tmp_path, say=quiet)
    assert early.result["kept_step"] <= early.result["steps"] == 2
    assert early.result["rows"] == early.result["train_rows"] == 8
    [fgm] = adversarial_arms.run("fast", tmp_path, say=quiet)
    assert {"score", "typos", "lower", "upper", "attack_0", "attack_0.1", "attack_0.3"} <= fgm.result.keys()
    assert fgm.result["steps"] == 2
    assert adversarial_arms.measure(corpus="newsroom", arm="longer", labels=8, seed=0, full=False)["steps"] == 4
    [several] = ensembles.run("fast", tmp_path, say=quiet)
    assert len(several.result["members"]) == 2
    assert several.result["averaged"] == 1
    # With one step averaged, the end of the run is the run itself.
    assert several.result["tail"] == several.result["score"]


@pytest.mark.usefixtures("small")
def test_the_first_member_of_an_ensemble_is_the_plain_arm_and_an_arm_is_repeatable() -> None:
    def plain() -> dict[str, object]:
        return few_labels_regularisers.measure(corpus="newsroom", arm="plain", labels=8, seed=0, full=False)

    together = ensembles.measure(corpus="newsroom", labels=8, seed=0, full=False)
    for name in ("score", "last_loss", "train_score"):
        assert plain()[name] == together[name]


@pytest.mark.usefixtures("small")
def test_what_an_ensemble_remembers_is_what_its_members_say() -> None:
    task, rows = few_labels.task_of("newsroom"), held_out("newsroom", "test", 12)
    members = [task.model(seed=seed).eval() for seed in (0, 1)]
    plain = few_labels.score(Ensemble(members), task, rows)
    assert few_labels.score(Ensemble([ensembles.answers_of(member) for member in members]), task, rows) == plain
