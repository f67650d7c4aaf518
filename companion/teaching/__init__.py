"""What every chapter imports: claims, predictions, parity, shown source, figures, exercises.

Verbs (`claim`, `predict`, `parity`, `show`, `check`) display at once and return nothing; nouns (`token_strip`,
`tagged_sentence`, `label_table`, `Explore`) are pieces that a notebook displays when they stand last in a cell.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from companion.teaching import exercises, figures
    from companion.teaching.agreement import parity
    from companion.teaching.claims import claim
    from companion.teaching.exercises import check
    from companion.teaching.explore import Explore
    from companion.teaching.figures import figure
    from companion.teaching.listing import show
    from companion.teaching.notebook import start
    from companion.teaching.predictions import predict
    from companion.teaching.refresh import refresh_shown
    from companion.teaching.sentences import tagged_sentence
    from companion.teaching.solutions import run_solutions
    from companion.teaching.strips import token_strip
    from companion.teaching.tables import label_table

_HOMES = {
    "Explore": "explore",
    "check": "exercises",
    "claim": "claims",
    "figure": "figures",
    "label_table": "tables",
    "parity": "agreement",
    "predict": "predictions",
    "refresh_shown": "refresh",
    "run_solutions": "solutions",
    "show": "listing",
    "start": "notebook",
    "tagged_sentence": "sentences",
    "token_strip": "strips",
}
_MODULES = ("exercises", "figures")

__all__ = [
    "Explore",
    "check",
    "claim",
    "exercises",
    "figure",
    "figures",
    "label_table",
    "parity",
    "predict",
    "refresh_shown",
    "run_solutions",
    "show",
    "start",
    "tagged_sentence",
    "token_strip",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
