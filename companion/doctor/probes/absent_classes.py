"""Is a class missing from a split?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR, NOTE, Finding
from companion.doctor.probe import CannotCheck, Outcome, Probe
from companion.doctor.rows import types_of

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

ENOUGH = 20


def examine(patient: Patient) -> Outcome:
    """Count every class in every split: what is tested and not trained, and what is trained and not tested.

    Raises:
        CannotCheck: there are not both training rows and rows to test on.
    """
    if not patient.rows.get("train"):
        patient.first_split("train")
    name, rows = patient.first_split("test", "dev")
    trained, tested = types_of(patient.rows["train"]), types_of(rows)
    if len(trained) > len(patient.rows["train"]) / 2 and len(trained) > ENOUGH:
        raise CannotCheck("the labels are no classes: nearly every row has one of its own")
    findings: list[Finding] = []
    unlearnt = {kind: count for kind, count in tested.items() if kind not in trained}
    if unlearnt:
        findings.append(
            PROBE.finding(
                ERROR,
                f"{_listed(unlearnt)} in {name}, and never in train: nothing can be right there.",
                "Split again, by class, or check the spelling of the labels.",
                classes=len(unlearnt),
            )
        )
    unmeasured = {kind: count for kind, count in trained.items() if kind not in tested and count >= ENOUGH}
    if unmeasured:
        findings.append(
            PROBE.finding(
                NOTE,
                f"{_listed(unmeasured)} in train, and never in {name}: what it learnt there is not measured.",
                "Put some of them into the split you measure on, or say that they are not measured.",
                classes=len(unmeasured),
            )
        )
    return findings or f"all {len(tested)} classes of {name} occur in train"


def _listed(classes: dict[str, int]) -> str:
    shown = [f"{kind} ({count:,}×)" for kind, count in sorted(classes.items())]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


PROBE = Probe(
    name="classes in every split",
    question="Is a class missing from a split?",
    needs="train rows, and test or dev rows",
    costs="reads all rows once",
    proves="how often each class occurs",
    page="book/walkthroughs/reading-a-results-table",
    examine=examine,
)
