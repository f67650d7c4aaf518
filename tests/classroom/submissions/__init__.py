"""Wrong and partial submissions: each is a mistake that people make, with what it must score."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Submission:
    """The published solutions with some functions replaced; everything not named is right."""

    name: str
    """What went wrong."""
    replaces: Mapping[str, str]
    """Source by function; the empty string deletes the function."""
    points: Mapping[str, int]
    """Points of each replaced function, its prediction not counted; exact, for any secret."""
    message: str
    """Part of what the student must read."""
    variants: Mapping[str, str] = field(default_factory=dict)
    """Variants of the replaced functions where not the published ones."""


def submissions(slug: str) -> list[Submission]:
    """The submissions of an assignment."""
    return importlib.import_module(f"tests.classroom.submissions.{slug.replace('-', '_')}").SUBMISSIONS
