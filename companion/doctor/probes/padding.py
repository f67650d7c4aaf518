"""Is padding invisible to the logits?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import ERROR
from companion.doctor.probe import CannotCheck, Outcome, Probe

if TYPE_CHECKING:
    from torch import Tensor

    from companion.doctor.batches import View
    from companion.doctor.patient import Patient

VISIBLE = 1e-4


def examine(patient: Patient) -> Outcome:
    """Write other pieces into the padding and look whether the logits of the words move.

    They come from your own step or loss where there is one, so that a mask you forgot to hand over counts.

    Raises:
        CannotCheck: no row is padded on the right, or no logits are seen.
    """
    view, padding = _padded(patient)
    changed = view.with_part("ids", _other_pieces(view, padding))
    if patient.step is not None or patient.loss is not None:
        runs = [patient.run(batch, quiet=True, forward_only=True).logits for batch in (view.batch, changed)]
        if not all(runs):
            raise CannotCheck("no logits are seen: your step does not call the model that was given")
        before, after = (run[0] for run in runs)
    else:
        from companion.doctor.batches import view_of

        before, after = (patient.logits(view_of(b, patient.fields)) for b in (view.batch, changed))
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
    where = f"{int(padding.sum()):,} padding positions of {view.ids.shape[0]} rows"
    if moved <= VISIBLE * size:
        return f"other pieces in {where} move no logit by more than {moved:.1e}"
    return [
        PROBE.finding(
            ERROR,
            f"The model sees padding: other pieces in {where} move the logits by up to {moved:.3g} (the largest logit "
            f"is {size:.3g}).",
            "Hand attention_mask to the model, and leave padding out of any mean you take yourself.",
            moved=moved,
            largest=size,
        )
    ]


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
    proves="that logits of words depend, or do not, on what stands in the padding",
    page="book/foundations/text-to-tensors#pad-vector-read",
    examine=examine,
)
