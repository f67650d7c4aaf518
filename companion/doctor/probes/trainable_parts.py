"""Does what should train, train, and does the optimiser hold it?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from companion.adaptation.methods import head_of
from companion.doctor.findings import ERROR, WARNING, Finding
from companion.doctor.probe import CannotCheck, Outcome, Probe, need, plural
from companion.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

    from companion.doctor.patient import Patient

UNREACHED = 0.5
NEW_HEADS = ("ForTokenClassification", "ForSequenceClassification", "ForMultipleChoice")


def examine(patient: Patient) -> Outcome:
    """Compare what is trainable with what the optimisers hold, with where the gradient arrives, and with the head.

    Frozen parameters in an optimiser do no harm and are only told. A part that a model has and does not use, such as
    a pooler, gets no gradient either: only more than half of what is trainable counts.

    Raises:
        CannotCheck: there is no model.
    """
    need(patient.model, "no model was given")
    named = {id(p): (name, p) for name, p in patient.model.named_parameters()}
    trainable = {key: name for key, (name, p) in named.items() if p.requires_grad}
    total = sum(p.numel() for _, p in named.values())
    size = sum(named[key][1].numel() for key in trainable)
    if not trainable:
        return [
            PROBE.finding(
                ERROR,
                f"None of the model's {total:,} parameters is trainable.",
                "Set requires_grad = True on what should learn, or adapt the model.",
                trainable=0,
            )
        ]
    findings = [*_head(patient), *_gradients(patient, named, trainable, size)]
    told = f"{size:,} of {total:,} parameters are trainable"
    if not patient.optimizers:
        return findings or f"{told}; no optimiser was given or found, so what it holds is not compared"
    held = {id(p) for optimizer in patient.optimizers for group in optimizer.param_groups for p in group["params"]}
    findings += _held(named, trainable, held, size)
    frozen = sum(p.numel() for key, (_, p) in named.items() if key in held and not p.requires_grad)
    extra = f"; the optimiser also holds {frozen:,} frozen ones, which it leaves alone" if frozen else ""
    return findings or f"{told}, and the optimiser holds all of them{extra}"


def _held(named: dict, trainable: dict[int, str], held: set[int], size: int) -> list[Finding]:
    if not held & set(named):
        return [
            PROBE.finding(
                ERROR,
                f"The optimiser holds none of the model's {len(named)} parameter tensors: it trains another model, or "
                "this one before it was wrapped, copied or loaded.",
                "Build the optimiser after the model has its final form.",
                held=0,
            )
        ]
    left_out = [key for key in trainable if key not in held]
    if not left_out:
        return []
    lost = sum(named[key][1].numel() for key in left_out)
    return [
        PROBE.finding(
            ERROR,
            f"{lost:,} of {size:,} trainable parameters are in no optimiser and will not move: "
            f"{_listed(trainable, left_out)}.",
            "Hand them to the optimiser, or set requires_grad = False so that nobody takes them for trained.",
            missing=lost,
            trainable=size,
        )
    ]


def _head(patient: Patient) -> list[Finding]:
    """A new head that is frozen: its weights are random and stay so."""
    model = patient.model
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    if type(base).__name__.endswith(NEW_HEADS):
        try:
            parts = head_of(base)
        except ConfigError:
            return []
    else:
        parts = _own_head(patient)
    parameters = [p for part in parts.values() for p in part.parameters()]
    if not parameters or any(p.requires_grad for p in parameters):
        return []
    return [
        PROBE.finding(
            WARNING,
            f"The head ({', '.join(parts)}: {sum(p.numel() for p in parameters):,} parameters) is frozen. If it is "
            "new, it is random and stays so.",
            "Train the head as well; with peft, name it in modules_to_save or set task_type.",
            frozen=sum(p.numel() for p in parameters),
        )
    ]


def _own_head(patient: Patient) -> dict[str, nn.Module]:
    """The linear layers of a model of one's own with as many outputs as there are classes, none with an adapter."""
    from torch import nn

    if hasattr(patient.model, "get_base_model") or patient.is_language_model:
        return {}
    try:
        classes = patient.class_count
    except CannotCheck:
        return {}
    trained = [name for name, p in patient.model.named_parameters() if p.requires_grad]
    found = {}
    for name, part in patient.model.named_modules():
        home = name.rpartition(".")[0]
        beside = bool(home) and any(other.startswith(f"{home}.") for other in trained)
        if isinstance(part, nn.Linear) and part.out_features == classes > 1 and not beside:
            found[name] = part
    return found


def _gradients(patient: Patient, named: dict, trainable: dict[int, str], size: int) -> list[Finding]:
    """More than half of what is trainable gets no gradient at all: the path to it is cut."""
    try:
        if patient.step is not None:
            seen = patient.run(patient.small.batch)
        else:
            seen = patient.watch(lambda: patient.mean_loss(patient.small.batch).backward())
    except CannotCheck:
        return []
    if not seen.before:
        return []
    missing = [key for key in trainable if key not in seen.gradient]
    lost = sum(named[key][1].numel() for key in missing)
    if lost <= UNREACHED * size:
        return []
    return [
        PROBE.finding(
            ERROR,
            f"{lost:,} of {size:,} trainable parameters get no gradient in a step: {_listed(trainable, missing)}.",
            "Look for no_grad(), detach(), .data or .item() between them and the loss; or freeze them on purpose.",
            without_gradient=lost,
            trainable=size,
        )
    ]


def _listed(names: dict[int, str], keys: list[int]) -> str:
    shown = ", ".join(names[key] for key in keys[:2])
    return shown if len(keys) <= 2 else f"{shown} and {plural(len(keys) - 2, 'more tensor')}"


PROBE = Probe(
    name="what trains",
    question="Does what should train, train, and does the optimiser hold it?",
    needs="model; optimiser and step to compare with",
    costs="one step, undone",
    proves="which parameters can move",
    page="book/constraints/freezing-and-adapters#freeze",
    examine=examine,
)
