from __future__ import annotations

import re

import pytest

from companion.evaluation import forensics
from companion.evaluation.forensics.table import Cell
from companion.experiments import forensics_trial as trial

SMALL = {"tables": 30, "largest": 1_000}


@pytest.mark.parametrize("style", trial.STYLES)
def test_no_honest_table_is_accused_and_every_planted_cell_found(style):
    result = trial.trial(style, 1, **SMALL)
    assert result["tables"] == result["planted"] == 30
    assert (result["accused"], result["found"]) == (0, 30)
    assert sum(result["planted_in"].values()) == 30 and len(result["planted_in"]) >= 4


@pytest.mark.parametrize("style", trial.STYLES)
def test_a_wider_tolerance_misses_planted_cells(style, monkeypatch):
    monkeypatch.setattr(Cell, "_half", property(lambda cell: 3))
    result = trial.trial(style, 1, tables=15, largest=1_000)
    assert result["accused"] == 0 and result["found"] < 15


def test_a_narrower_tolerance_accuses_honest_tables(monkeypatch):
    monkeypatch.setattr(Cell, "_half", property(lambda cell: 0))
    assert trial.trial("seqeval", 1, tables=15, largest=1_000)["accused"] > 0


def test_the_oracle_knows_the_printed_table():
    # The same arithmetic by brute force: I-ORG recall, I-MISC precision and I-PER F1 cannot be, the nearest can.
    def row(*scores, support):
        found = [trial.Fraction(score) for score in scores]
        return trial._every_count(found, support, trial.Fraction(1, 2000), 46_435)

    assert row("0.911", "0.894", "0.902", support=835) == []
    assert row("0.838", "0.782", "0.809", support=216) == []
    assert row("0.983", "0.980", "0.982", support=1156) == []
    assert row("0.983", "0.980", "0.981", support=1156) == [(1133, 1153, 1153)]


def test_the_oracle_is_no_judge_of_what_it_cannot_bound():
    # A precision that prints as zero with free predictions: any number of predictions is possible.
    table = "precision recall f1-score support\nA 0.00 0.00 0.00 10\nmicro avg 0.50 0.00 0.00 10\n"
    assert not trial.refuted(table)
    assert trial.refuted(table.replace("0.00 0.00 0.00 10", "0.00 0.04 0.00 10", 1))


def test_tables_are_those_of_the_tools():
    pytest.importorskip("sklearn")
    draw = trial._generator("scikit-learn", 0, 3)
    table = forensics.read_table(trial.honest_table("scikit-learn", draw, 300))
    assert list(table.averages) == ["accuracy", "macro", "weighted"]
    text = trial.honest_table("seqeval", trial._generator("seqeval", 0, 3), 300)
    assert list(forensics.read_table(text).averages) == ["micro", "macro", "weighted"]


def test_one_number_is_changed():
    seen = set()
    for number in range(40):
        draw = trial._generator("seqeval", 2, number)
        honest = trial.honest_table("seqeval", draw, 300)
        kind, changed = trial.change_one(honest, draw)
        before, after = (re.findall(r"\S+", text) for text in (honest, changed))
        assert len(before) == len(after)
        assert sum(a != b for a, b in zip(before, after, strict=True)) <= 1
        seen.add(kind)
    assert len(seen) == 6


def test_the_record(tmp_path):
    cells = trial.run("fast", tmp_path, say=lambda line: None)
    assert [cell.factors["style"] for cell in cells] == list(trial.STYLES)
    assert all(cell.result["found"] == cell.result["planted"] == 10 and not cell.result["accused"] for cell in cells)
