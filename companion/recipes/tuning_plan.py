"""The plan of a search, written before its first trial: what will be tried, and by which number it will be judged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from companion.errors import CheckpointError, ConfigError
from companion.training.checkpoint import write_json
from companion.training.state import differences

if TYPE_CHECKING:
    from companion.corpora.records import Corpus
    from companion.corpora.texts import TextCorpus

PLAN_FILE = "plan.json"
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "halving", "none")
SCHEMA = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Everything that decides which model a search ends with.

    Taught in: book/walkthroughs/honest-experiments
    """

    corpus: str
    """The corpus by name."""
    data: Mapping[str, str]
    """A digest of each split, so that other rows are another search."""
    model: str
    """The encoder by name."""
    encoder_digest: str
    """The digest of its weights."""
    adaptation: str
    """What is trained."""
    task: Mapping[str, Any]
    """Options of the task."""
    space: Mapping[str, Any]
    """What each trial chooses."""
    fixed: Mapping[str, Any]
    """The settings that every trial shares."""
    sampler: str
    """How trials are chosen: "tpe", "random" or "grid"."""
    prune: str
    """When a trial is given up early: "median", "halving" or "none"."""
    trials: int
    """How many trials there will be."""
    metric: str
    """The dev score that decides."""
    greater_is_better: bool
    """Whether more of it is better."""
    seed: int
    """Decides the choices and, with a trial's number, its training."""
    schema: int = SCHEMA
    """The version of this format."""

    @property
    def digest(self) -> str:
        """sha256 of the plan: a name for it that can be written down beforehand."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def register(self, folder: Path) -> None:
        """Write the plan into a new folder, or find it unchanged in an old one.

        Raises:
            CheckpointError: the folder holds another plan (each difference is named), or one that cannot be read.
        """
        path, document = folder / PLAN_FILE, {**asdict(self), "digest": self.digest}
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_json(path, document)
            return
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
            changed = differences(before, json.loads(json.dumps(document)))
        except (OSError, ValueError, AttributeError) as error:
            raise CheckpointError(
                f"is no plan that can be read ({error})", file=path, remedy="choose another folder for the search"
            ) from error
        changed = [change for change in changed if not change.startswith("digest: ")] or changed
        if changed:
            raise CheckpointError(
                "the folder holds a search with another plan: " + "; ".join(changed),
                file=path,
                remedy="give the settings it was started with, or another folder: "
                "a plan that may change once results are seen is no plan",
            )


def check_choice(name: str, value: str, allowed: Sequence[str]) -> None:
    """Refuse what is not one of the names.

    Raises:
        ConfigError: naming the names.
    """
    if value not in allowed:
        raise ConfigError(f"{name} is {value!r}", remedy=f"choose one of {', '.join(allowed)}")


def data_digests(corpus: Corpus | TextCorpus) -> dict[str, str]:
    """The beginning of a sha256 of the rows of each split, labels included."""
    return {
        name: hashlib.sha256(json.dumps([_content(row) for row in rows]).encode()).hexdigest()[:16]
        for name, rows in corpus.splits.items()
    }


def _content(row: Any) -> list[Any]:
    return [*row.texts, row.label] if hasattr(row, "label") else [list(row.words), list(row.tags)]
