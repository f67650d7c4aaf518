"""Will the saved model know what its labels are called?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from companion.doctor.findings import ERROR, WARNING
from companion.doctor.probe import CannotCheck, Outcome, Probe

if TYPE_CHECKING:
    from companion.doctor.patient import Patient

KINDS = ("TokenClassification", "SequenceClassification")


def examine(patient: Patient) -> Outcome:
    """Read `id2label` where it is saved, or where it would be saved from, and compare it with the names given.

    Raises:
        CannotCheck: there is neither a configuration nor a folder with one, or the model is no classifier.
    """
    names, where, kind = _names(patient)
    if not any(part in kind for part in KINDS):
        raise CannotCheck(f"a configuration of {kind or 'no known model'} has no place for label names")
    if getattr(getattr(patient.model, "config", None), "problem_type", None) == "regression" or len(names) < 2:
        raise CannotCheck("a regression has no label names")
    placeholders = [name for number, name in enumerate(names) if name == f"LABEL_{number}"]
    if len(placeholders) == len(names):
        return [
            PROBE.finding(
                WARNING,
                f"All {len(names)} labels in {where} are called LABEL_0 to LABEL_{len(names) - 1}: a pipeline opened "
                "on the model will answer so.",
                "Set id2label and label2id when the model is made: from_pretrained(..., id2label=…, label2id=…).",
                labels=len(names),
            )
        ]
    if patient.labels and tuple(names) != tuple(patient.labels):
        differ = [n for n, pair in enumerate(zip(names, patient.labels, strict=False)) if pair[0] != pair[1]]
        place = differ[0] if differ else min(len(names), len(patient.labels))
        mine = patient.labels[place] if place < len(patient.labels) else "nothing"
        theirs = names[place] if place < len(names) else "nothing"
        return [
            PROBE.finding(
                ERROR,
                f"{where} calls label {place} {theirs!r}, your data {mine!r} ({len(differ)} of {len(names)} differ): "
                "predictions will be read under wrong names.",
                "Save the label list with the data, and set id2label from it.",
                differ=len(differ) or abs(len(names) - len(patient.labels)),
            )
        ]
    return f"{len(names)} labels are named in {where}: {', '.join(names[:4])}{' …' if len(names) > 4 else ''}"


def _names(patient: Patient) -> tuple[list[str], str, str]:
    """The names, where they stand, and the kind of model."""
    path = None if patient.folder is None else patient.folder / "config.json"
    if path is not None and path.is_file():
        try:
            saved: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CannotCheck(f"config.json cannot be read: {error}") from error
        known, kind = saved.get("id2label"), str((saved.get("architectures") or [""])[0])
        if isinstance(known, dict):
            return [str(known[key]) for key in sorted(known, key=int)], "config.json", kind
        count = len(patient.labels) or 2  # transformers writes id2label only where it is not the default of two
        return [f"LABEL_{number}" for number in range(count)], "config.json", kind
    base = getattr(patient.model, "get_base_model", lambda: patient.model)()
    known = getattr(getattr(base, "config", None), "id2label", None)
    if not known:
        raise CannotCheck("the model has no configuration with label names")
    return [str(known[key]) for key in sorted(known)], "the model's configuration", type(base).__name__


PROBE = Probe(
    name="label names",
    question="Will the saved model know what its labels are called?",
    needs="model with a configuration, or folder; labels to compare with",
    costs="nothing",
    proves="what a pipeline will print",
    page="book/walkthroughs/train-a-tagger#errors-read",
    examine=examine,
)
