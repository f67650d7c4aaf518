"""Table forensics: reading, each check with a table that fails it, and small tables beside an exhaustive search."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from companion.errors import EvaluationError
from companion.evaluation import forensics
from companion.evaluation.forensics import (
    PRINTED_TABLE,
    Cell,
    audit_table,
    chance_of_equal_metrics,
    feasibility,
    read_table,
    trivial_baseline,
    without,
)
from companion.evaluation.forensics.feasibility import row_options

HEAD = "precision recall f1-score support\n"


def kinds(text: str, **options: object) -> list[tuple[str, str, str]]:
    return [(finding.kind, finding.row, finding.column) for finding in audit_table(text, **options).findings]


@pytest.mark.parametrize(
    "text",
    [
        HEAD + "a b 0.894 0.5 0.641 1234",
        "a b 0.894 0.5 0.641 1,234",
        "| class | P | R | F1 score | # |\n|:--|--:|--|--|--|\n| **a b** | 0.894 | 0.5 | 0.641 | 1,234 |",
        ",precision,recall,f1-score,support\na b,0.894,0.5,0.641,1234.0",
        'name;precision;recall;f1;support\n"a b";0,894;0,5;0,641;1234',
        "name\tprec\trec\tF-measure\tgold\na b\t.894\t.5\t.641\t1234",
        "Some words before.\nclass precision recall f1 support\n-----\na b 89.4 50 64.1 1234",
        "precision recall f1 support\na b 89.4 % 50% 64.1% 1234",
        "```\n" + HEAD + "\na b 8.94e-1 0.5 0.641 1234\n```",
    ],
)
def test_every_layout_reads_the_same(text: str) -> None:
    [row] = read_table(text).rows
    assert (row.name, row.support) == ("a b", 1234)
    assert [cell.value for cell in row.cells.values()] == [Fraction(894, 1000), Fraction(1, 2), Fraction(641, 1000)]


def test_reports_of_the_usual_tools_are_read() -> None:
    from seqeval.metrics import classification_report as of_entities
    from sklearn.metrics import classification_report

    table = read_table(classification_report(["a", "b", "2", "a"], ["a", "b", "a", "a"], zero_division=0, digits=3))
    assert [row.name for row in table.rows] == ["2", "a", "b"]
    assert list(table.averages) == ["accuracy", "macro", "weighted"]
    accuracy = table.averages["accuracy"]
    assert (accuracy.f1.text, accuracy.support) == ("0.750", 4)
    table = read_table(of_entities([["B-A", "O", "B-B"]], [["B-A", "B-A", "B-B"]], digits=3))
    assert [row.name for row in table.rows] == ["A", "B"]
    assert list(table.averages) == ["micro", "macro", "weighted"]
    assert not audit_table(table).closed


def test_a_data_frame_of_a_report_is_read_and_closed() -> None:
    text = (
        ",precision,recall,f1-score,support\na,0.6666666666666666,1.0,0.8,2.0\nb,1.0,0.5,0.6666666666666666,2.0\n"
        "accuracy,0.75,0.75,0.75,0.75\nmacro avg,0.8333333333333333,0.75,0.7333333333333334,4.0\n"
        "weighted avg,0.8333333333333333,0.75,0.7333333333333334,4.0"
    )
    audit = audit_table(text)
    assert audit.closed
    assert audit.findings == ()
    assert "no proof" in audit.summary


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "no table"),
        ("precision recall f1", 1, "no rows"),
        (HEAD + "a 0.5 0.5 0.5 2\nb 0.5 0.x 0.5 2", 3, "2 numbers under 4"),
        ("c,precision,recall,f1\na,0.5,0.x,0.5", 2, "recall: '0.x' is no number"),
        ("c,precision,recall,f1\na,0.5,0.5", 2, "3 cells under 4"),
        (HEAD + "a 0.5 0.5 0.5 1.5", 2, "no whole number"),
        (HEAD + "a 0.5 0.5 0.5 2\nmicro avg 0.5 0.5 0.5 2\nmicro avg 0.5 0.5 0.5 2", 4, "a second line"),
        (HEAD + "micro avg 0.5 0.5 0.5 2", 2, "no classes"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(text: str, line: int | None, message: str) -> None:
    with pytest.raises(EvaluationError, match=message) as caught:
        read_table(text)
    assert caught.value.line == line
    with pytest.raises(EvaluationError, match=message) as caught:
        read_table(text, file="r.txt")
    assert str(caught.value).startswith("r.txt:" if line is None else f"r.txt:{line}: ")


def test_the_printed_table_is_taken_apart() -> None:
    audit = audit_table(PRINTED_TABLE, total=46_435)
    cells = [(finding.kind, finding.row, finding.printed) for finding in audit.impossible[:3]]
    assert cells == [("precision", "I-MISC", "0.838"), ("recall", "I-ORG", "0.894"), ("f1", "I-PER", "0.982")]
    assert audit.impossible[1].possible == "746/835 = 0.8934 and 747/835 = 0.8946"
    assert audit.impossible[0].possible == "169/202 = 0.8366 and 169/201 = 0.8408"
    assert (audit.impossible[3].kind, audit.impossible[3].possible) == ("predicted-total", "46,319 to 46,401")
    averages = {(finding.row, finding.column) for finding in audit.impossible[4:]}
    assert averages == {(row, c) for row in ("micro avg", "weighted avg") for c in ("precision", "recall", "f1")}
    assert len(audit.impossible) == 10 and audit.suspicious == ()
    implied = audit.recomputed
    assert [f"{float(x):.4f}" for x in (implied.accuracy, implied.weighted.precision, implied.weighted.f1)] == [
        "0.9807",
        "0.9820",
        "0.9813",
    ]
    assert 0.973 not in implied.accuracy and 0.9807 in implied.accuracy
    macro = (implied.macro.precision, implied.macro.recall, implied.macro.f1)
    assert [f"{float(x):.4f}" for x in macro] == ["0.9227", "0.8970", "0.9093"]


def test_what_the_headline_hides() -> None:
    names = without(PRINTED_TABLE, "O")
    assert [f"{float(x):.4f}" for x in (names.micro.precision, names.micro.recall, names.micro.f1)] == [
        "0.9305",
        "0.9130",
        "0.9217",
    ]
    assert f"{float(names.macro.f1):.4f}" == "0.8988"
    assert str(names.micro.f1) == "0.9217 [0.9214, 0.9219]"
    assert str(trivial_baseline(PRINTED_TABLE)) == "always O: accuracy 0.825, weighted F1 0.746, macro F1 0.100"
    with pytest.raises(EvaluationError, match="'X' is no class"):
        without(PRINTED_TABLE, "X")
    with pytest.raises(EvaluationError, match="no class remains"):
        without("a 0.5 0.5 0.5 2", "a")
    with pytest.raises(EvaluationError, match="support of every class"):
        trivial_baseline("a 0.5 0.5 0.5")


HONEST = """\
              precision    recall  f1-score   support
           a      0.667     1.000     0.800         2
           b      1.000     0.500     0.667         2
    accuracy                          0.750         4
   macro avg      0.833     0.750     0.733         4
weighted avg      0.833     0.750     0.733         4
"""


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("0.667     1.000     0.800", "0.667     0.900     0.800", ("recall", "a", "recall")),
        ("0.667     1.000     0.800", "0.640     1.000     0.800", ("precision", "a", "precision")),
        ("0.667     1.000     0.800", "0.667     1.000     0.801", ("f1", "a", "f1")),
        ("0.667     1.000     0.800", "0.667     1.000     0.600", ("f1-outside", "a", "f1")),
        ("0.667     1.000     0.800", "0.667     1.200     0.800", ("out-of-range", "a", "recall")),
        ("0.750         4\n   macro", "0.500         4\n   macro", ("average", "accuracy", "f1")),
        ("0.750         4\n   macro", "0.750         5\n   macro", ("support-total", "accuracy", "support")),
        ("macro avg      0.833", "macro avg      0.835", ("average", "macro avg", "precision")),
        (
            "weighted avg      0.833     0.750",
            "weighted avg      0.833     0.751",
            ("average", "weighted avg", "recall"),
        ),
    ],
)
def test_each_planted_number_is_named(old: str, new: str, finding: tuple[str, str, str]) -> None:
    assert kinds(HONEST) == []
    assert HONEST.count(old) == 1
    assert finding in kinds(HONEST.replace(old, new))


def test_a_share_above_one_stops_the_averages_with_a_note() -> None:
    audit = audit_table("a 0.9 1.2 0.9 10")
    assert [finding.kind for finding in audit.findings] == ["out-of-range"]
    assert audit.notes == ("averages were not checked, since some numbers are no shares",)


def test_a_column_may_be_missing() -> None:
    audit = audit_table("class support recall f1-score\nb 88 0.33 0.33")
    assert audit.findings == ()
    assert audit.recomputed.macro.precision is None and audit.recomputed.predicted.estimate is None
    assert audit.recomputed.micro.precision.estimate is None
    assert Fraction(1, 3) in audit.recomputed.micro.precision


def test_totals_and_errors_across_rows() -> None:
    rows = HEAD + "a 0.90 0.90 0.90 1000\nO 0.95 0.90 0.92 1000"
    assert kinds(rows) == [("predicted-total", "all rows", "predicted")]
    assert kinds(rows, closed=False) == kinds(rows, ignore=()) == []
    assert kinds(rows, closed=False, total=2000) == []
    assert kinds(rows, closed=False, total=2001) == [("support-total", "all rows", "support")]
    # Two classes: what is wrong for one is missed by the other.
    two = HEAD + "a 0.900 0.900 0.900 1000\nb 0.800 0.800 0.800 1000"
    assert kinds(two, closed=False) == []
    assert kinds(two, closed=True) == [("errors", "b", "precision"), ("errors", "b", "recall")]


def test_numbers_that_are_the_same_by_algebra() -> None:
    rows = HEAD + "a 0.90 0.90 0.90 1000\nb 0.90 0.90 0.90 1000\n"
    micro, weighted = "micro avg 0.90 0.901 0.90 2000\n", "weighted avg 0.90 0.898 0.90 2000"
    assert kinds(rows + micro + weighted, closed=False) == [("disagreement", "weighted avg", "recall")]
    assert kinds(rows + micro, closed=False) == []


def test_micro_precision_of_an_open_table_is_pooled() -> None:
    rows = HEAD + "A 0.500 0.500 0.500 100\nB 0.900 0.900 0.900 100\n"
    assert kinds(rows + "micro avg 0.700 0.700 0.700 200") == []
    assert kinds(rows + "micro avg 0.750 0.700 0.700 200") == [("average", "micro avg", "precision")]
    assert kinds(rows + "micro avg 0.700 0.700 0.720 200") == [("average", "micro avg", "f1")]


def test_another_definition_is_suspicious_unless_the_name_is_the_tools_own() -> None:
    rows = HEAD + "A 0.909 0.300 0.451 100\nB 0.300 0.900 0.450 100\n"
    assert kinds(rows + "macro 0.605 0.600 0.602 200") == [("other-definition", "macro", "f1")]
    assert kinds(rows + "macro avg 0.605 0.600 0.602 200") == [("average", "macro avg", "f1")]


def test_below_the_baseline_and_equal_metrics_are_questions() -> None:
    text = HEAD + "a 0.86 0.60 0.71 100\nb 0.02 0.10 0.03 10\n"
    assert ("below-baseline", "all rows", "") in kinds(text, closed=True)
    text = (
        HEAD
        + "a 0.940 0.940 0.940 1000\nb 0.940 0.940 0.940 1000\naccuracy 0.940 2000\nmacro avg 0.940 0.940 0.940 2000"
    )
    audit = audit_table(text)
    assert audit.impossible == ()
    [finding] = audit.suspicious
    assert finding.kind == "equal-metrics" and "3.8 %" in finding.message


def test_the_chance_of_equal_metrics_is_that_of_a_simulation() -> None:
    draws = np.random.default_rng(0)
    right, kept = draws.binomial(100, 0.94, (2, 40_000))
    shares = np.stack(
        [(right + kept) / 200, right / (right + 100 - kept), right / 100, 2 * right / (200 + right - kept)]
    )
    units = np.floor(shares * 1000 + 0.5)
    simulated = (units == units[0]).all(axis=0).mean()
    assert chance_of_equal_metrics(0.94, 200) == pytest.approx(simulated, abs=0.006)
    assert [round(chance_of_equal_metrics(0.94, total), 3) for total in (1000, 2000)] == [0.053, 0.038]
    with pytest.raises(EvaluationError):
        chance_of_equal_metrics(1.0, 100)


@pytest.mark.parametrize("support", [0, 1, 7, 30])
def test_options_are_those_of_trying_every_count(support: int) -> None:
    draws = np.random.default_rng(support)
    for _ in range(40):
        digits = int(draws.integers(1, 4))
        units = [int(draws.integers(0, 10**digits + 1)) for _ in range(3)]
        hits = int(draws.integers(0, support + 1))
        predicted = hits + int(draws.integers(0, 20))
        if draws.random() < 0.7 and support and predicted:
            shares = (hits / predicted, hits / support, 2 * hits / (support + predicted))
            units = [int(share * 10**digits + 0.5) for share in shares]
        cells = [Cell(text="", units=unit, digits=digits) for unit in units]
        found = row_options(support, precision=cells[0], recall=cells[1], f1=cells[2])
        pairs = {(o.hits, n) for o in found for n in range(o.fewest, 150 if o.most is None else min(o.most + 1, 150))}
        assert pairs == {
            (hits, n) for hits in range(support + 1) for n in range(hits, 150) if prints(hits, n, support, cells)
        }


def prints(hits: int, predicted: int, support: int, cells: list[Cell]) -> bool:
    """Whether counts print as cells, by the definition: within half a unit; 0/0 is 0 or 1."""
    ratios = [(hits, predicted), (hits, support), (2 * hits, predicted + support)]
    for (numerator, denominator), cell in zip(ratios, cells, strict=True):
        values = [Fraction(numerator, denominator)] if denominator else [Fraction(0), Fraction(1)]
        if not any(abs(value - cell.value) <= Fraction(1, 2 * 10**cell.digits) for value in values):
            return False
    return True


def small_report(draws: np.random.Generator) -> str:
    from sklearn.metrics import classification_report

    classes = int(draws.integers(2, 4))
    gold = np.concatenate([np.arange(classes), draws.integers(0, classes, int(draws.integers(0, 7)))])
    answers = np.where(draws.random(len(gold)) < 0.6, gold, draws.integers(0, classes, len(gold)))
    return classification_report(
        gold, answers, labels=range(classes), digits=int(draws.integers(2, 4)), zero_division=0
    )


def test_small_closed_tables_are_judged_as_by_trying_every_confusion_matrix() -> None:
    draws = np.random.default_rng(5)
    count = {True: 0, False: 0}
    for _ in range(60):
        lines = small_report(draws).splitlines()
        classes = len(lines) - 6
        place, column = 2 + int(draws.integers(0, classes)), int(draws.integers(1, 4))
        fields = lines[place].split()
        digits = len(fields[1]) - 2
        fields[column] = f"{draws.integers(0, 11) / 10:.{digits}f}" if draws.random() < 0.6 else fields[column]
        lines[place] = " ".join(fields)
        table = read_table("\n".join(lines[: 2 + classes]))
        real = has_matrix([(row.support, list(row.cells.values())) for row in table.rows])
        assert real == (audit_table(table, closed=True).impossible == ()), str(table)
        count[real] += 1
    assert min(count.values()) >= 15


def has_matrix(rows: list[tuple[int, list[Cell]]]) -> bool:
    """Whether any confusion matrix with these supports prints as these cells."""
    classes = range(len(rows))
    lines = [[line for line in itertools.product(range(n + 1), repeat=len(rows)) if sum(line) == n] for n, _ in rows]
    return any(
        all(prints(matrix[n][n], sum(line[n] for line in matrix), rows[n][0], rows[n][1]) for n in classes)
        for matrix in itertools.product(*lines)
    )


def test_honest_tables_are_not_accused_whatever_their_size() -> None:
    draws = np.random.default_rng(1)
    for _ in range(40):
        audit = audit_table(small_report(draws))
        assert audit.closed and audit.impossible == (), str(audit)


def test_rounding_either_way_is_accepted_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    for recall in ("0.12", "0.13"):  # 1/8 = 0.125
        assert kinds(f"a 1.00 {recall} 0.22 8") == []
    assert [kind for kind, _, _ in kinds("a 1.00 0.14 0.25 8")] == ["recall"]
    # The sabotaged twin: with twice the tolerance the printed table is no longer caught at its cells.
    monkeypatch.setattr(Cell, "_half", property(lambda cell: 4))
    assert not {"recall", "precision", "f1"} & {kind for kind, _, _ in kinds(PRINTED_TABLE)}


def test_a_row_of_many_hits_is_judged_by_its_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feasibility, "LIMIT", 0)
    assert row_options(835, recall=read_table(PRINTED_TABLE).rows[8].recall) is None
    assert ("predicted-total", "all rows", "predicted") in kinds(PRINTED_TABLE)


def test_an_audit_is_shown_in_three_ways() -> None:
    audit = audit_table(PRINTED_TABLE.replace("I-ORG", "<b>&"))
    assert str(audit).startswith("10 impossible findings.\n✗ I-MISC, precision 0.838: ")
    assert "&lt;b&gt;&amp;" in audit._repr_html_() and "<b>&" not in audit._repr_html_()
    document = json.loads(audit.to_json())
    assert document["impossible"] == 10 and document["closed"] is True
    assert document["findings"][1]["level"] == "impossible"
    assert set(document["recomputed"]) == {"micro", "macro", "weighted"}
    assert "because of the row 'O'" in document["notes"][0]


def test_a_table_without_support_is_judged_by_f1_alone() -> None:
    audit = audit_table("precision recall f1\na 0.90 0.80 0.85\nb 0.90 0.80 0.95\nmacro avg 0.90 0.80 0.50")
    assert [(finding.kind, finding.row) for finding in audit.findings] == [
        ("f1-outside", "b"),
        ("average", "macro avg"),
    ]
    assert "whole numbers" in audit.notes[0]
    assert audit.recomputed.accuracy is None


def test_findings_do_not_depend_on_percent() -> None:
    lines = PRINTED_TABLE.splitlines()
    percent = []
    for line in lines:
        fields = [f"{float(x) * 100:.1f}" if x.startswith("0.") else x for x in line.split()]
        percent.append(" ".join(fields))
    audit = audit_table("\n".join(percent))
    assert kinds("\n".join(percent)) == kinds(PRINTED_TABLE)
    assert audit.impossible[1].possible == "746/835 = 89.34 and 747/835 = 89.46"


def test_public_names_are_there() -> None:
    assert set(forensics.__all__) >= {"read_table", "audit_table", "Audit", "Finding", "trivial_baseline", "without"}
    table = read_table(PRINTED_TABLE)
    assert str(read_table(str(table))) == str(table)
    assert replace(table, percent=False) == table
