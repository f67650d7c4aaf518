"""Does your metric read entities strictly or leniently?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import NOTE
from companion.doctor.metrics import Gold, score_with
from companion.doctor.probe import CannotCheck, Outcome, Probe, need

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

GOLD, ILL_FORMED = ["B-PER", "I-PER", "O"], ["I-PER", "I-PER", "O"]


def examine(patient: Patient) -> Outcome:
    """Score one ill-formed entity: `I-PER I-PER` where the gold says `B-PER I-PER`.

    Raises:
        CannotCheck: there is no metric, or it does not take tags.
    """
    need(patient.metric, "no metric was given (metric=)")
    if patient.metric_takes not in ("auto", "tags"):
        raise CannotCheck("the metric does not take tags")
    if any(rows and not rows[0].tags for rows in patient.rows.values()):
        raise CannotCheck("the labels are no tags")
    gold = Gold(form="tags", rows=[GOLD], outside="O", ignored=None, names=(), described="one sentence")
    right, ill = (score_with(patient, gold, [guess]).value for guess in (GOLD, ILL_FORMED))
    if right != 1 or score_with(patient, gold, [["O"] * 3]).value not in (0, 0.0):
        raise CannotCheck("the metric does not count entities")
    if ill == 1:
        return [
            PROBE.finding(
                NOTE,
                "Your metric is lenient: I-PER I-PER where B-PER I-PER is right scores 1, strict IOB2 gives 0.",
                "Choose on purpose and say which: seqeval's mode='strict' with scheme=IOB2, or 'lenient' in the text.",
                ill_formed=ill,
            )
        ]
    return "strict: an entity that begins with I- does not count"


PROBE = Probe(
    name="strict or lenient",
    question="Does your metric read entities strictly or leniently?",
    needs="a metric that takes tags",
    costs="three calls of the metric on one sentence",
    proves="what one ill-formed entity is worth",
    page="book/walkthroughs/train-a-tagger#strict-read",
    examine=examine,
)
