"""[CLS] against the mean: both arms of every draw, and the arm that another record holds is found there."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from companion.experiments import load_record
from companion.experiments.pooling_arms import CORPORA, NAME, POOLINGS, SEEDS, run, tuned_cells


def test_the_fast_profile_runs_both_arms(tmp_path: Path) -> None:
    cells = run("fast", tmp_path, say=lambda line: None)
    arms = [(cell.factors["system"], cell.factors["pooling"]) for cell in cells]
    assert arms == [("frozen", "cls"), ("frozen", "mean"), ("encoder", "cls"), ("encoder", "mean")]
    assert len({cell.result["right"] for cell in cells}) > 1


def test_the_record_is_complete() -> None:
    cells = load_record(NAME)
    counts = Counter((cell.factors["corpus"], cell.factors["system"], cell.factors["pooling"]) for cell in cells)
    expected = {(corpus, "frozen", pooling): 11 for corpus in CORPORA for pooling in POOLINGS}
    expected |= {(corpus, "encoder", pooling): 5 for corpus in CORPORA for pooling in POOLINGS}
    del expected[CORPORA[1], "encoder", "mean"]
    assert counts == expected


def test_the_fine_tuned_cells_of_both_arms_pair_by_seed_on_the_same_texts() -> None:
    for corpus in CORPORA:
        cls, mean = (tuned_cells(corpus, pooling) for pooling in POOLINGS)
        assert [cell.factors["seed"] for cell in cls] == [cell.factors["seed"] for cell in mean] == list(SEEDS)
        assert len({cell.result["texts"] for cell in (*cls, *mean)}) == 1
        assert len({cell.result["steps"] for cell in (*cls, *mean)}) == 1
