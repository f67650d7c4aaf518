"""Is padding invisible to the logits?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.batches import view_of
from companion.doctor.findings import ERROR, Finding
from companion.doctor.probe import CannotCheck, Outcome, Probe

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.batches import View
    from companion.doctor.patient import Patient

VISIBLE, VISIBLE_IN_THE_LOSS = 1e-5, 1e-6
"""Shares of the largest logit and of the loss: what is masked is multiplied by 0 and moves neither at all."""


def examine(patient: Patient) -> Outcome:
    """Write other pieces into the padding and look whether the logits of the words move.

    They come from your own step or loss where there is one, so that a mask you forgot to hand over counts.

    Raises:
        CannotCheck: no row is padded on the right, or neither logits nor a loss that ignores padding is seen.
    """
    view, padding = _padded(patient)
    changed = view.with_part("ids", _other_pieces(view, padding))
    where = f"{int(padding.sum()):,} padding positions of {view.ids.shape[0]} rows"
    if patient.step is not None or patient.loss is not None:
        runs = [patient.run(batch, quiet=True, forward_only=True).logits for batch in (view.batch, changed)]
        if not all(runs):
            return _by_loss(patient, view, padding, changed, where)
        before, after = (run[0] for run in runs)
    else:
        before, after = (patient.logits(view_of(batch, patient.fields)) for batch in (view.batch, changed))
    if before.shape != after.shape or before.shape[0] != view.ids.shape[0]:
        raise CannotCheck(f"the logits have the shape {tuple(before.shape)}, which does not fit the rows")
    if before.dim() == 3:
        width = view.ids.shape[1]
        if before.shape[1] < width:
            raise CannotCheck("there are fewer logits than positions")
        real = ~padding
        before, after = before[:, -width:][real], after[:, -width:][real]
    else:
        rows = padding.any(1)
        before, after = before[rows], after[rows]
    moved, size = float((before - after).abs().max()), float(before.abs().max())
    if moved <= VISIBLE * size:
        return f"the scores do not depend on it: other word pieces in {where} move no logit by more than {moved:.1e}"
    return [_finding(f"move the logits by up to {moved:.3g} (the largest logit is {size:.3g})", where, moved=moved)]


def _by_loss(patient: Patient, view: View, padding: Tensor, changed: object, where: str) -> Outcome:
    """Where logits are not seen, the loss tells as much, unless it counts labels that stand on the padding."""
    if view.kind == "none" or (view.kind == "tokens" and bool((view.scored() & padding).any())):
        raise CannotCheck("no logits are seen, since your step does not call the model that was given as a whole")
    before, after = patient.loss_value(view.batch), patient.loss_value(changed)
    if abs(after - before) <= VISIBLE_IN_THE_LOSS * abs(before):
        return f"the loss does not depend on it: other word pieces in {where} leave it at {before:.4g}"
    return [_finding(f"move the loss from {before:.4g} to {after:.4g}", where, before=before, after=after)]


def _finding(what: str, where: str, **numbers: float) -> Finding:
    return PROBE.finding(
        ERROR,
        f"The model sees padding, the filler that makes rows equally long: other word pieces in {where} {what}.",
        "Hand attention_mask to the model, and leave padding out of any mean you take yourself.",
        **numbers,
    )


def _padded(patient: Patient) -> tuple[View, Tensor]:
    found = []
    for view in patient.views:
        padding = view.padding(patient.pad_id)
        if padding is not None and bool(padding.any()):
            found.append((view, padding))
    if not found:
        raise CannotCheck(f"no row of {len(patient.views)} batches is padded, or nothing says where padding is")
    view, padding = max(found, key=lambda item: int(item[1].sum()))
    few = patient.fewer(view)
    part = few.padding(patient.pad_id)
    view, padding = (few, part) if bool(part.any()) else (view, padding)
    if bool(padding[:, 0].any()):
        raise CannotCheck("rows are padded on the left, where positions would move with the padding")
    return view, padding


def _other_pieces(view: View, padding: Tensor) -> Tensor:
    """Pieces of the batch itself in the place of padding, never the id that stands there."""
    ids = view.ids.clone()
    real = ids[~padding]
    stands = int(ids[padding][0])
    usable = real[real != stands]
    if not len(usable):
        raise CannotCheck("the batch holds no piece but padding")
    import torch

    ids[padding] = usable[torch.arange(int(padding.sum()), device=ids.device) * 7 % len(usable)]
    return ids


PROBE = Probe(
    name="padding in the logits",
    question="Is padding invisible to the logits?",
    needs="model and loader; step or loss where the model is called by your own code",
    costs="two forward passes",
    proves="that logits of words, or the loss, depend or do not on what stands in the padding",
    page="book/foundations/text-to-tensors#pad-vector-read",
    examine=examine,
)
