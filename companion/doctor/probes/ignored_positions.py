"""Are padding, [CLS] and [SEP] trained on?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR, WARNING, Finding
from companion.doctor.probe import CannotCheck, Outcome, Probe, plural

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.batches import View
    from companion.doctor.patient import Patient

MOVED = 1e-6


def examine(patient: Patient) -> Outcome:
    """Change the labels of padding, then those of special tokens, and nothing else: a loss that moves trains on them.

    Raises:
        CannotCheck: there are no labels on positions, or nothing says which positions are padding.
    """
    views = patient.views
    if views[0].kind != "tokens":
        raise CannotCheck("the labels are not labels of positions")
    findings: list[Finding] = []
    told = []
    for group, severity in (("padding", ERROR), ("special tokens", WARNING)):
        if group == "special tokens" and patient.is_language_model:
            continue  # a language model may learn where a text ends
        counted = [(view, place) for view in views if (place := _places(patient, view, group)) is not None]
        if not counted:
            told.append(f"no {group} found")
            continue
        labelled = sum(int((view.scored() & place).sum()) for view, place in counted)
        total = sum(int(view.scored().sum()) for view, _ in counted)
        if not labelled:
            told.append(f"none of {sum(int(place.sum()) for _, place in counted):,} positions of {group} has a label")
            continue
        view, place = max(counted, key=lambda item: int((item[0].scored() & item[1]).sum()))
        few = patient.fewer(view)
        part = _places(patient, few, group)
        view, place = (few, part) if part is not None and bool((few.scored() & part).any()) else (view, place)
        patient.needs_loss()
        before = patient.loss_value(view.batch)
        after = patient.loss_value(view.with_part("labels", _others(view, place, patient.class_count)))
        if abs(after - before) <= MOVED * max(abs(before), abs(after)):
            told.append(f"{plural(labelled, 'label')} on {group}, and the loss does not see them")
            continue
        if (number := _ignored(patient, view, place)) is not None:
            told.append(f"{plural(labelled, 'label')} on {group} are {number}, which the loss ignores")
            continue
        findings.append(
            PROBE.finding(
                severity,
                f"{labelled / total:.0%} of the labelled positions are {group} ({labelled:,} of {total:,}); when only "
                f"their labels change, your loss goes from {before:.4g} to {after:.4g}: they are trained.",
                "Give them the label -100, or mask them in the loss and in the metric.",
                labelled=labelled,
                of=total,
                before=before,
                after=after,
            )
        )
    return findings or "; ".join(told)


def _ignored(patient: Patient, view: View, place: Tensor) -> int | None:
    """The number with which a place is labelled, if it is one that the loss ignores: alone, it gives no loss at all."""
    numbers = view.labels[place & view.scored()].unique().tolist()
    if len(numbers) != 1:
        return None
    nothing = patient.loss_value(view.with_part("labels", view.labels.clone().fill_(numbers[0])))
    return None if math.isfinite(nothing) and nothing != 0 else numbers[0]


def _places(patient: Patient, view: View, group: str) -> Tensor | None:
    import torch

    padding = view.padding(patient.pad_id)
    if group == "padding":
        return padding if padding is not None and bool(padding.any()) else None
    special = set(getattr(patient.tokenizer, "all_special_ids", None) or ())
    special -= {getattr(patient.tokenizer, name, None) for name in ("unk_token_id", "mask_token_id")}
    if not special:
        return None
    found = torch.isin(view.ids, torch.tensor(sorted(special), device=view.ids.device))
    found = found if padding is None else found & ~padding
    return found if bool(found.any()) else None


def _others(view: View, place: Tensor, classes: int) -> Tensor:
    """The labels with another class on the scored positions of a place."""
    if classes < 2:
        raise CannotCheck("there is only one class")
    labels = view.labels.clone()
    chosen = place & view.scored()
    labels[chosen] = (labels[chosen] + 1) % classes
    return labels


PROBE = Probe(
    name="padding and special tokens",
    question="Are padding, [CLS] and [SEP] trained on?",
    needs="loader with labels on positions; step, loss, or a model that computes its loss",
    costs="six forward passes at most",
    proves="that the loss depends, or does not, on labels where there is no word",
    page="book/walkthroughs/labels-meet-word-pieces#padding-intro",
    examine=examine,
)
