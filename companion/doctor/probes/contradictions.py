"""Do equal texts carry different labels?"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from companion.doctor.findings import NOTE, WARNING
from companion.doctor.probe import Outcome, Probe, plural

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

MANY = 0.005


def examine(patient: Patient) -> Outcome:
    """Group the rows of a split by their exact text; rows that disagree with the majority of theirs are counted.

    Raises:
        CannotCheck: there are no rows.
    """
    name, rows = patient.first_split("train", "test", "dev")
    groups: dict[tuple[str, ...] | str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for row in rows:
        groups[row.words or " ".join(row.text.split())][row.answer] += 1
    split = {text: answers for text, answers in groups.items() if len(answers) > 1}
    repeated = sum(sum(answers.values()) > 1 for answers in groups.values())
    if not split:
        if not repeated:
            return f"no text of {name} occurs more than once"
        return f"texts of {name} that occur more than once: {repeated:,}, each with the same labels every time"
    wrong = sum(sum(answers.values()) - max(answers.values()) for answers in split.values())
    text, answers = next(iter(split.items()))
    shown = " ".join(text) if isinstance(text, tuple) else text
    differ = _difference(text, list(answers))
    return [
        PROBE.finding(
            WARNING if wrong >= MANY * len(rows) else NOTE,
            f"{plural(len(split), 'text')} of {name} carry different labels in different rows; at least "
            f"{plural(wrong, 'row')} of {len(rows):,} must be wrong, such as {shown[:60]!r} ({differ}).",
            "Look at them and decide; no model can be right on both.",
            texts=len(split),
            wrong=wrong,
        )
    ]


def _difference(text: tuple[str, ...] | str, answers: list[tuple[str, ...]]) -> str:
    for place, labels in enumerate(zip(*answers, strict=True)):
        if len(set(labels)) > 1:
            word = f"{text[place]}: " if isinstance(text, tuple) else ""
            return word + " or ".join(dict.fromkeys(labels))
    return ""


PROBE = Probe(
    name="contradictory labels",
    question="Do equal texts carry different labels?",
    needs="train rows",
    costs="reads them once",
    proves="that some labels are wrong, not which",
    page="book/reference/newsroom",
    examine=examine,
)
