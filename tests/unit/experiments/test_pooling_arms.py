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
    planned = {(corpus, "frozen", pooling): 11 for corpus in CORPORA for pooling in POOLINGS}
    planned |= {(corpus, "encoder", pooling): 5 for corpus in CORPORA for pooling in POOLINGS}
    del planned[CORPORA[1], "encoder", "mean"]
    # The mean on the other corpus is what the record of public texts holds.
    assert counts == planned and len(cells) == 59


def test_the_fine_tuned_cells_of_both_arms_pair_by_seed_on_the_same_texts() -> None:
    cls, mean = (tuned_cells(CORPORA[0], pooling) for pooling in POOLINGS)
    assert [cell.factors["seed"] for cell in cls] == [cell.factors["seed"] for cell in mean]
    assert [cell.factors["seed"] for cell in cls] == list(SEEDS[: len(cls)])
    assert len({cell.result["texts"] for cell in (*cls, *mean)}) == 1
    assert len({cell.result["steps"] for cell in (*cls, *mean)}) == 1
    # On the other corpus the mean is what the record of public texts holds.
    public = tuned_cells(CORPORA[1], "mean")
    assert public and {cell.experiment for cell in public} == {"public-texts"}
