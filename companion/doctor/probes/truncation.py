"""Are entities lost because rows are cut?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.corpora.schemes import entities
from companion.doctor.findings import ERROR, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe, need, plural
from companion.doctor.rows import in_iob2
from companion.doctor.sentences import contents_of, pieces_of

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

GRAM = 6
"""Neighbouring pieces by which a place of a sentence is looked for in the batches."""


def examine(patient: Patient) -> Outcome:
    """Look for every entity of the training rows, with its neighbours, in all batches of the loader.

    Windows, padding and order play no part: an entity is there when its pieces stand in some row.

    Raises:
        CannotCheck: words, tokenizer or batches are missing, the loader was not read to its end, or it holds others.
    """
    need(patient.tokenizer, "no tokenizer was given")
    split, rows = patient.first_split("train", "test", "dev")
    tags, _ = in_iob2(rows)
    patient.views  # noqa: B018 - says why where there are no batches
    if not patient.every_batch:
        raise CannotCheck(f"the loader holds more than the {len(patient.batches)} batches that were read")
    held: set[tuple[int, ...]] = set()
    for ids, _, _ in contents_of(patient):
        held.update(tuple(ids[start : start + GRAM]) for start in range(max(len(ids) - GRAM, 0) + 1))
    words = pieces_of(rows, patient.tokenizer)
    total, lost, cut, there = 0, 0, 0, 0
    for sentence, row_tags in zip(words, tags, strict=True):
        found = entities(row_tags)
        flat = [piece for word in sentence for piece in word]
        starts = [sum(map(len, sentence[:place])) for place in range(len(sentence) + 1)]
        missing = 0
        for entity in found:
            place = max(min(starts[entity.start], len(flat) - GRAM), 0)
            missing += tuple(flat[place : place + GRAM]) not in held
        there += tuple(flat[:GRAM]) in held
        total, lost, cut = total + len(found), lost + missing, cut + bool(missing)
    if there < 0.9 * len(rows):
        raise CannotCheck(f"only {there:,} of {plural(len(rows), 'row')} of {split} are in the loader")
    if not lost:
        return f"all {total:,} entities of {split} are in the batches"
    width = max(view.ids.shape[1] for view in patient.views)
    return [
        PROBE.finding(
            ERROR if lost >= 0.05 * total else WARNING,
            f"{lost:,} of {total:,} entities of {split} ({lost / total:.1%}) never reach the model: "
            f"{plural(cut, 'sentence')} are cut at {width} pieces.",
            "Raise max_length, or cut long sentences into overlapping windows, in training and in prediction.",
            lost=lost,
            entities=total,
            width=width,
        )
    ]


PROBE = Probe(
    name="entities cut off",
    question="Are entities lost because rows are cut?",
    needs="train rows with tags, tokenizer, and a loader of at most 200 batches",
    costs="tokenises the rows once",
    proves="that an entity's pieces are, or are not, in the batches",
    page="book/walkthroughs/labels-meet-word-pieces#ledger-read",
    examine=examine,
)
