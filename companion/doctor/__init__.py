"""A second opinion on anyone's fine-tuning: `companion.doctor(model, loader, ...)`, whatever trains it."""

import sys
from inspect import Signature, signature
from types import ModuleType
from typing import TYPE_CHECKING, Any

from companion._lazy import attach

if TYPE_CHECKING:
    from companion.doctor.findings import Report

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "examination": ("doctor",),
        "findings": ("Finding", "Healthy", "Report", "Unchecked"),
        "keeping": ("untouched",),
        "probe": ("Probe",),
        "probes": ("PROBES",),
        "reading.opinion": ("read_code",),
        "reading.rule": ("Rule",),
        "reading.rules": ("RULES",),
    },
)


class _Doctor(ModuleType):
    """This package under the name of its function, which is what `companion.doctor` has to be both of."""

    def __call__(self, *args: Any, **parts: Any) -> "Report":
        """As `companion.doctor.doctor`, whose docstring says what may be handed over."""
        from companion.doctor.examination import doctor

        return doctor(*args, **parts)

    @property
    def __signature__(self) -> Signature:
        """The parts by name, for `help`, notebooks and editors."""
        from companion.doctor.examination import doctor

        return signature(doctor)


sys.modules[__name__].__class__ = _Doctor
