"""Is the learning rate in the range of what is trained?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.doctor.findings import NOTE, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe, need
from companion.training.resolve import suggest_learning_rate

if TYPE_CHECKING:
    from torch import nn

    from companion.doctor.patient import Patient

HIGH, LOW = 20.0, 30.0
"""How many times the usual rate is too high, and how many times below it is too low."""
LENIENT, OUTSIDE = 100.0, ("prompt_encoder", "classifier", "score", "head")
"""How many times where nothing inside the layers learns, and how what learns then is called.

At twenty times their rate, in the same record, LoRA learnt nothing on three corpora of three, and adapters and biases
nothing on one; prompts were best on three, heads and prefixes best on two and close to it on the third."""
RISKY = 8.0
"""How many times the usual rate is worth a note where a whole model is trained.

At ten times the rate nothing was learnt by full fine-tuning on three corpora of three (the record `constrained-rates`);
the two top layers were near their best on two of them, and lost a fifth on the third."""
WHOLE, LARGE = 0.9, 1e6
"""Which share of the parameters is a whole model, and from how many on: tiny ones stand high rates."""


def examine(patient: Patient) -> Outcome:
    """Compare the rate of the group that trains most with what is usual for this size and this share.

    With a schedule, the rate at its peak counts. The usual rates are those of Adam and AdamW.

    Raises:
        CannotCheck: there is no model, nothing says the rate, or the optimiser is of another family.
    """
    need(patient.model, "no model was given")
    if not any(p.requires_grad for p in patient.model.parameters()):
        raise CannotCheck("nothing is trainable")
    rate = _rate(patient)
    usual, why = suggest_learning_rate(patient.model)
    times = rate / usual
    told = f"{rate:.1e}; usual for {why.split(':')[0]} is about {usual:.0e}"
    high = LENIENT if _is_outside(patient.model) else HIGH
    risky = times >= RISKY and _is_whole(patient.model) and not patient.is_language_model
    if 1 / LOW < times < high and not risky:
        return told
    far = f"{times:.0f} times" if times > 1 else f"{1 / times:.0f} times less than" if times else "nothing beside"
    return [
        PROBE.finding(
            NOTE if 1 / LOW < times < high else WARNING,
            f"The learning rate is {rate:.1e}, {far} what is usual with AdamW for this model ({usual:.0e}: {why}).",
            "Try the usual rate beside yours, on the dev set: full fine-tuning wants less, heads and LoRA want more.",
            rate=rate,
            usual=usual,
        )
    ]


def _is_outside(model: nn.Module) -> bool:
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    return all(any(word in name for word in OUTSIDE) for name in trained)


def _is_whole(model: nn.Module) -> bool:
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    total = sum(size for size, _ in sizes)
    return total >= LARGE and sum(size for size, trained in sizes if trained) >= WHOLE * total


def _rate(patient: Patient) -> float:
    groups = [(optimizer, group) for optimizer in patient.optimizers for group in optimizer.param_groups]
    if not groups:
        if patient.learning_rate is None:
            raise CannotCheck("no optimiser was given or found, and no learning_rate=")
        return float(patient.learning_rate)
    optimizer, group = max(groups, key=lambda item: sum(p.numel() for p in item[1]["params"] if p.requires_grad))
    if "adam" not in type(optimizer).__name__.lower():
        raise CannotCheck(f"usual rates are known for Adam and AdamW, not for {type(optimizer).__name__}")
    return float(max(group.get("initial_lr", 0), group["lr"]))


PROBE = Probe(
    name="learning rate",
    question="Is the learning rate in the range of what is trained?",
    needs="model and optimiser, or learning_rate",
    costs="nothing",
    proves="how far the rate is from the usual one, not that it is wrong",
    page="book/foundations/optimisers#sweep-read",
    examine=examine,
)
