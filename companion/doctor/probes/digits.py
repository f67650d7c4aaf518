"""Is the score given with more digits than the test set supports?"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from companion.corpora.schemes import entities
from companion.doctor.findings import NOTE
from companion.doctor.probe import CannotCheck, Outcome, Probe, need
from companion.doctor.rows import in_iob2

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

LEVEL = 1.96
NOISE = 10
"""A last digit is noise when the interval reaches this many of its units."""


def examine(patient: Patient) -> Outcome:
    """Compare the unit of the last digit with the half-width of a 95 % interval for a share of that many items.

    Items are the entities of the test rows, or the rows themselves. It is the interval of one share of independent
    items, which for F1 and for sentences of one document is rather too narrow.

    Raises:
        CannotCheck: there is no score between 0 and 1, or there are no test rows.
    """
    need(patient.score, "no reported score was given (score=)")
    name, rows = patient.first_split("test", "dev")
    try:
        score = float(patient.score)
    except ValueError as error:
        raise CannotCheck(f"the score {patient.score!r} is no number") from error
    if not 0 < score < 1:
        raise CannotCheck(f"the score {patient.score} does not lie inside 0 to 1, so nothing is said of its digits")
    digits = len(patient.score.partition(".")[2])
    try:
        items, what = sum(len(entities(tags)) for tags in in_iob2(rows)[0]), "entities"
    except CannotCheck:
        items, what = len(rows), "rows"
    if not items:
        raise CannotCheck(f"there are no {what} in {name}")
    half = LEVEL * sqrt(score * (1 - score) / items)
    told = f"{patient.score} on {items:,} {what} is known to ± {half:.1g} (95 % interval)"
    if half < NOISE * 10**-digits:
        return told
    supported = next((count for count in range(digits, 0, -1) if half < NOISE * 10**-count), 1)
    noise = digits - supported
    return [
        PROBE.finding(
            NOTE,
            f"{told}: its last {'digit is' if noise == 1 else f'{noise} digits are'} noise.",
            f"Report {score:.{supported}f} with its interval.",
            half_width=half,
            digits=digits,
            supported=supported,
        )
    ]


PROBE = Probe(
    name="digits of the score",
    question="Is the score given with more digits than the test set supports?",
    needs="score as text, and test rows",
    costs="nothing",
    proves="how wide chance alone makes the score",
    page="book/walkthroughs/honest-experiments",
    examine=examine,
)
