"""Adaptive experiments: the arms differ in the text alone, equal compute is equal, and no test sentence is read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from companion.corpora.records import Corpus
from companion.errors import RecordError
from companion.experiments import domain_adaptive, load_record, task_adaptive
from companion.experiments.adaptive_arms import ADAPTED, ARMS, BATCH, EQUAL, JOINT, LONGEST, PLAIN, RATE, measure_arm
from companion.models import load_encoder
from companion.models.encoder import Encoder
from companion.tasks import MaskedLMTask
from companion.training.resolve import suggest_learning_rate
from tests.tokenizers import make_model_folder
from tests.unit.tasks.conftest import make_sentences

UPDATES, TEXT_EPOCHS = 6, 2
SIZES = {"rows": 20, "texts": 70, "judged": 12, "test": 8}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return load_encoder(str(make_model_folder("wordpiece", tmp_path_factory.mktemp("body") / "tiny")))


def measure(arm: str, encoder: Encoder) -> dict[str, Any]:
    """An arm with twenty sentences with labels and seventy without, on a tiny encoder."""
    given = {name: make_sentences(size, seed=seed) for seed, (name, size) in enumerate(SIZES.items())}
    corpus = Corpus(name="made", train=given["rows"], types=("LOC", "PER"))
    return measure_arm(arm, corpus, encoder, **given, updates=UPDATES, text_epochs=TEXT_EPOCHS, seed=0)


@pytest.fixture(scope="module")
def arms(encoder: Encoder) -> dict[str, dict[str, Any]]:
    return {arm: measure(arm, encoder) for arm in ARMS}


def test_equal_compute_is_equal(arms) -> None:
    pieces = {arm: found["pieces"] for arm, found in arms.items()}
    assert pieces[ADAPTED] == pieces[JOINT]
    longest = max(len(row.words) for row in make_sentences(20, seed=0)) * 3 * BATCH
    assert abs(pieces[EQUAL] - pieces[JOINT]) <= longest < pieces[JOINT] - pieces[PLAIN]


def test_the_text_is_read_as_often_as_asked(arms, encoder: Encoder) -> None:
    rows = MaskedLMTask(encoder, max_length=LONGEST).rows(make_sentences(70, seed=1))
    text = arms[ADAPTED]["pieces"] - arms[PLAIN]["pieces"]
    assert text == pytest.approx(TEXT_EPOCHS * sum(map(len, rows)), rel=0.1)
    assert arms[ADAPTED]["text_batch"] == -(-TEXT_EPOCHS * len(rows) // UPDATES)


def test_whoever_reads_text_learns_it_and_all_start_alike(arms) -> None:
    assert len({found["text_loss_before"] for found in arms.values()}) == 1
    for arm in (ADAPTED, JOINT):
        assert arms[arm]["text_loss"] < arms[arm]["text_loss_before"]
        assert arms[arm]["text_loss"] < min(arms[PLAIN]["text_loss"], arms[EQUAL]["text_loss"])
    assert [arm for arm in ARMS if "text_loss_read" in arms[arm]] == [ADAPTED]
    assert arms[ADAPTED]["text_loss_read"] < arms[ADAPTED]["text_loss_before"]


def test_an_arm_is_repeatable_and_its_result_small(arms, encoder: Encoder) -> None:
    assert measure(ADAPTED, encoder) == arms[ADAPTED]
    for found in arms.values():
        assert found["rows"] == 8 and 0 <= found["score"] <= 1 and len(str(found)) < 300


def test_the_rate_is_the_default_of_the_offline_encoder() -> None:
    model = load_encoder().model_with_head("ForTokenClassification", seed=0)
    assert suggest_learning_rate(model)[0] == pytest.approx(RATE, rel=0.05)


def test_the_plans_are_every_cell_once_and_bear_being_cut_off() -> None:
    task, domain = task_adaptive.plan(), domain_adaptive.plan()
    assert len(task) == len({tuple(cell.values()) for cell in task}) == 30
    assert len(domain) == len({tuple(cell.values()) for cell in domain}) == 24
    assert set(Counter((cell["corpus"], cell["arm"]) for cell in task).values()) == {5}
    assert set(Counter((cell["corpus"], cell["arm"]) for cell in domain).values()) == {3}
    assert {cell["seed"] for cell in task[:4]} == {cell["seed"] for cell in domain[:8]} == {0}
    assert {cell["arm"] for cell in task[:20]} == {ADAPTED, EQUAL}


@pytest.mark.parametrize("experiment", [task_adaptive, domain_adaptive])
def test_the_fast_profile_measures_real_cells(experiment, tmp_path: Path) -> None:
    cells = experiment.run("fast", tmp_path, say=lambda line: None)
    found = {cell.factors["arm"]: cell.result for cell in cells}
    assert len(found) == len(cells) == (3 if experiment is task_adaptive else 4)
    assert all(row["rows"] == 12 and 0 <= row["score"] <= 1 for row in found.values())
    assert found[EQUAL]["pieces"] == pytest.approx(found[ADAPTED]["pieces"], rel=0.2)
    assert found[PLAIN]["pieces"] < found[ADAPTED]["pieces"]
    assert experiment.run("fast", tmp_path, say=lambda line: None) == cells


def test_held_out_sentences_are_not_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    news = domain_adaptive.splits_of("newsroom")
    planted = [f"PLANTED {sentence.meta['text'].upper()}" for sentence in (*news.dev, *news.test)]
    innocent = list(domain_adaptive.lines_of("newsroom"))[:400]
    monkeypatch.setattr(domain_adaptive, "lines_of", lambda corpus: [*planted, *innocent])
    domain_adaptive.domain_text.cache_clear()
    text = domain_adaptive.domain_text("newsroom", 10**9, 50)
    domain_adaptive.domain_text.cache_clear()
    short = {line for line in planted if line in (*text.read, *text.judged)}
    # What is too short to be told from innocent lines by a part of it: counted when it is a whole line.
    assert len(short) <= 0.05 * len(planted)
    assert len(text.judged) == 50 and not set(text.judged) & set(text.read)
    assert {*text.judged, *text.read} == {*innocent, *short}
    assert text.facts["removed_near"] == len(planted) - len(short)


def test_text_is_drawn_up_to_a_number_of_words_and_rows_by_the_seed() -> None:
    text = domain_adaptive.domain_text("newsroom", 500, 5)
    assert 500 <= text.facts["text_words"] == sum(len(line.split()) for line in text.read) < 560
    rows = domain_adaptive.splits_of("newsroom").train
    first, second = (domain_adaptive.draw(rows, 20, seed) for seed in (0, 1))
    assert first == domain_adaptive.draw(rows, 20, 0) != second
    texts = domain_adaptive.splits_of("newsroom-sentiment").train
    shares = Counter(text.label for text in domain_adaptive.draw(texts, 100, 0))
    whole = Counter(text.label for text in texts)
    assert all(abs(shares[label] - 100 * whole[label] / len(texts)) <= 1 for label in whole)


def test_the_records_have_no_cell_outside_the_plan() -> None:
    for experiment in (task_adaptive, domain_adaptive):
        planned = {tuple(cell.values()) for cell in experiment.plan()}
        # The full runs go on from one time to the next; what is there belongs to the plan.
        try:
            measured = load_record(experiment.NAME)
        except RecordError:
            measured = []
        assert {tuple(cell.factors.values()) for cell in measured} <= planned
        by_name = {cell.name: dataclasses.asdict(cell)["result"] for cell in measured}
        for name, row in by_name.items():
            other = by_name.get(name.replace(f"-{ADAPTED}-", f"-{EQUAL}-"))
            if f"-{ADAPTED}-" in name and other is not None:
                assert other["pieces"] == pytest.approx(row["pieces"], rel=0.01)
                assert other["rows"] == row["rows"]
