"""Were test rows trained on, exactly or nearly?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.corpora.originality import bare, near_duplicates
from companion.doctor.findings import ERROR, NOTE, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe, plural

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

SHORTEST = 5
"""Words of a row below which agreement is no wonder."""
SIMILAR = 0.7
MOST_TEST, MOST_TRAIN = 2_000, 20_000
FEW, MANY = 0.01, 0.05


def examine(patient: Patient) -> Outcome:
    """Compare test rows of five words or more with the training rows, without case and punctuation, then by trigrams.

    Raises:
        CannotCheck: there are no training rows, or none to test on.
    """
    if not patient.rows.get("train"):
        patient.first_split("train")
    name, held = patient.first_split("test", "dev")
    train = [bare(row.text) for row in patient.rows["train"]]
    written = {bare(row.text): row.text for row in held}
    rows = [text for row in held if len((text := bare(row.text)).split()) >= SHORTEST]
    if not rows:
        raise CannotCheck(f"no row of {name} has {SHORTEST} words or more")
    known = set(train)
    exact = [text for text in rows if text in known]
    rest = [text for text in rows if text not in known][:MOST_TEST]
    near = {pair.left: pair for pair in near_duplicates(rest, train[:MOST_TRAIN], similarity=SIMILAR)}
    compared = f"{plural(len(rows), 'row')} of {name} with {plural(len(train), 'row')} of train"
    limited = len(rest) == MOST_TEST or len(train) > MOST_TRAIN
    limits = f" (near: {len(rest):,} with {min(len(train), MOST_TRAIN):,})" if limited else ""
    if not exact and not near:
        return f"none of {compared}{limits} is the same or nearly so"
    share = (len(exact) + len(near)) / len(rows)
    example = exact[0] if exact else rest[min(near)]
    return [
        PROBE.finding(
            ERROR if share >= MANY else WARNING if share >= FEW else NOTE,
            f"{len(exact):,} rows of {name} stand in train word for word, {len(near):,} nearly ({share:.1%} of "
            f"{len(rows):,} rows of {SHORTEST} words or more{limits}), such as {_shown(written[example])}.",
            "Take them out of train, report the score without them, and split by document before anything else.",
            exact=len(exact),
            near=len(near),
            rows=len(rows),
            share=share,
        )
    ]


def _shown(text: str, most: int = 60) -> str:
    return repr(text if len(text) <= most else text[: most - 1] + "…")


PROBE = Probe(
    name="test rows in train",
    question="Were test rows trained on, exactly or nearly?",
    needs="train rows, and test or dev rows",
    costs="reads all rows once",
    proves=f"equal words without case and punctuation, or {SIMILAR:.0%} of word trigrams shared",
    page="book/walkthroughs/honest-experiments",
    examine=examine,
)
