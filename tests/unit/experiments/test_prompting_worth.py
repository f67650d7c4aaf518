"""Reading the record of the prompting arms: curves by draw, the wording that dev chose, and its worth in labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.errors import RecordError
from companion.experiments import run_cells
from companion.experiments.prompting_worth import curve_of, results_of, wording_scores, worth

WORDINGS = {
    "lucky": {"macro_f1": 0.9, "low": 0.85, "high": 0.95, "dev_macro_f1": 0.3},
    "chosen": {"macro_f1": 0.5, "low": 0.4, "high": 0.6, "dev_macro_f1": 0.6},
}


def made(part: str, labels: int, seed: int, **_) -> dict:
    """A centroid gains a tenth with every doubling, a little more with an odd seed."""
    if part == "wordings":
        return {"wordings": WORDINGS, "texts": 100}
    if part == "tuned":
        return {"macro_f1": labels / 1000}
    shift = 0.002 * (seed % 2) - 0.001
    return {"curves": {str(2**n): {"centroid": {"macro_f1": 0.1 * n + shift}} for n in range(1, 10)}}


@pytest.fixture
def cells(tmp_path: Path):
    rows = [("wordings", 0, 0), *(("few", 0, seed) for seed in (3, 0, 1, 2)), *(("tuned", n, 0) for n in (50, 200))]
    rows += [("tuned", 50, 1), ("tuned", 200, 1), ("tuned", 50, 2)]
    factors = [{"part": part, "corpus": "made", "labels": n, "seed": seed} for part, n, seed in rows]
    return run_cells("prompting-arms", factors, made, root=tmp_path, command="made", say=lambda line: None)


def test_dev_chooses_the_wording_and_test_is_only_reported(cells) -> None:
    scores = wording_scores(cells, "made")
    assert list(scores) == ["chosen", "lucky"]
    assert f"{scores['chosen']:.1f}" == "0.5 [0.4, 0.6]" and scores["chosen"].n == 100


def test_a_wording_is_worth_what_the_curve_needs_for_it(cells) -> None:
    found = worth(cells, "made", "centroid")
    # 0.5 is reached with 2⁵ labels, the ends of its interval with 2⁴ and 2⁶, a little apart for the draws' band.
    assert found.labels == 32 and 14 <= found.low <= 16 and 64 <= found.high <= 70
    # The twin: the band of the draws alone is much narrower.
    from companion.evaluation.learning_curves import labels_needed

    alone = labels_needed(curve_of(cells, "made", "centroid"), 0.5)
    assert alone.high - alone.low < (found.high - found.low) / 5


def test_draws_without_every_size_are_left_out(cells) -> None:
    curve = curve_of(cells, "made", "tuned")
    assert [point.labels for point in curve.points] == [50, 200]
    assert {point.score.n for point in curve.points} == {2}
    with pytest.raises(RecordError, match="no cell with"):
        results_of(cells, "cloze")
    with pytest.raises(RecordError, match="no complete draw"):
        curve_of(cells, "other", "tuned")
