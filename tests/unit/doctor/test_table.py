"""Every probe finds its sabotaged twin in every loop, and accuses nobody who is healthy."""

from __future__ import annotations

from pathlib import Path

import pytest

from companion.doctor import PROBES
from tests.clinic import LOOPS, SABOTAGES, TASKS, Clinic, Sabotage

CASES = [(one, loop, task) for one in SABOTAGES for loop in one.loops for task in one.tasks]
SAVED = ("label names", "saved model", "best checkpoint", "pickles")
HEALTHY = [(loop, task, pieces) for pieces in (1, 4) for loop in LOOPS for task in TASKS]


def missed(cases: list[tuple[Sabotage, str, str]], folder: Path) -> list[str]:
    """The cases in which the probe that covers a fault says nothing, or something else."""
    found = []
    for number, (sabotage, loop, task) in enumerate(cases):
        saved = folder / str(number) if sabotage.probe in SAVED else None
        clinic = Clinic(loop, task, sabotage.fault, folder=saved, extra=dict(sabotage.options))
        report = clinic.examine(only=[sabotage.probe])
        if not any(sabotage.says in finding.measured for finding in report.findings):
            found.append(f"{sabotage.fault} | {loop}, {task}: {report}")
    return found


def test_no_fault_is_missed(tmp_path: Path):
    cases = [case for case in CASES if case[2] == case[0].tasks[0]]
    assert missed(cases, tmp_path) == []
    assert len(cases) >= 85
    assert len({(case[0].fault, case[0].probe) for case in cases}) == len(SABOTAGES) >= 44


@pytest.mark.clinic
def test_no_fault_is_missed_in_any_task(tmp_path: Path):
    rest = [case for case in CASES if case[2] != case[0].tasks[0]]
    assert missed(rest, tmp_path) == []
    assert len(rest) >= 80


HEART = "a few rows by heart"
"""The one probe that takes many passes: the quick tests ask it of one task in every loop."""


def accused(patients: list[tuple[str, str, int]], folder: Path, *, quick: bool = False) -> tuple[list[str], set[str]]:
    """Every finding on these patients, and the probes that looked at one of them; no probe may fail."""
    found, looked = [], set()
    for number, (loop, task, pieces) in enumerate(patients):
        extra = {"accumulate": pieces, "processes": 2} if pieces > 1 else {}
        only = [p.name for p in PROBES if p.name != HEART or not quick or (task, pieces) == ("tokens", 1)]
        report = Clinic(loop, task, folder=folder / str(number), extra=extra).examine(only=only)
        found += [f"{loop}, {task}, {pieces}: {finding}" for finding in report.findings]
        looked |= {one.probe for one in report.healthy}
        assert not any("raised" in one.reason for one in report.not_checked)
    return found, looked


def test_nobody_healthy_is_accused(tmp_path: Path):
    """All probes on three loops and four tasks, and the taggers once more with accumulation: 15 patients."""
    patients = [one for one in HEALTHY if one[2] == 1 or one[1] == "tokens"]
    found, looked = accused(patients, tmp_path, quick=True)
    assert found == []
    assert len(patients) == 15
    assert looked == {probe.name for probe in PROBES}, "each probe looked at some of them"


@pytest.mark.clinic
def test_nobody_healthy_is_accused_with_accumulation(tmp_path: Path):
    rest = [one for one in HEALTHY if one[2] == 4 and one[1] != "tokens"]
    assert accused(rest, tmp_path)[0] == []
    assert len(rest) == 9


@pytest.mark.clinic
def test_every_healthy_loop_learns_a_few_rows_by_heart():
    for loop, task, pieces in HEALTHY:
        extra = {"accumulate": pieces} if pieces > 1 else {}
        report = Clinic(loop, task, extra=extra).examine(only=[HEART])
        assert report.healthy, f"{loop}, {task}, {pieces}: {report}"
    assert len(HEALTHY) == 24


def test_every_probe_has_a_sabotaged_twin():
    assert {sabotage.probe for sabotage in SABOTAGES} == {probe.name for probe in PROBES}


def test_the_trainer_multiplies_the_gradient_by_its_accumulation():
    """transformers 5.23: a model that is trusted with its loss is not divided by gradient_accumulation_steps."""
    report = Clinic("trainer", "tokens", "trusts the model", extra={"accumulate": 4}).examine(only=["micro-batches"])
    [finding] = report.findings
    assert 3.7 <= finding.numbers["factor"] <= 4.3
    assert finding.severity == "error"
