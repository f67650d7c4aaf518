"""`companion experiments`: what was measured, and how to measure it again."""

from __future__ import annotations

from pathlib import Path

from companion.cli.output import emit, say, table
from companion.errors import ConfigError, RecordError


def list_experiments(out: Path | None, *, as_json: bool) -> None:
    """Print each experiment with the number of its recorded cells."""
    from companion.experiments.catalog import NAMES, find
    from companion.experiments.records import load_record

    rows = []
    for name in NAMES:
        try:
            cells = len(load_record(name, out))
        except RecordError:
            cells = 0
        rows.append({"name": name, "what": (find(name).__doc__ or "").strip().splitlines()[0], "cells": cells})
    lines = [[row["name"], str(row["cells"]), row["what"]] for row in rows]
    emit(rows, table([["experiment", "cells", "what"], *lines], explained=True), as_json=as_json)


def run_experiment(name: str, profile: str, out: Path | None, cell: str, *, as_json: bool) -> None:
    """Run an experiment from where it stands; the full profile writes records, the fast one a scratch folder.

    With `cell`, only the cells are measured whose names begin so.

    Raises:
        ConfigError: an unknown experiment or profile, no such cell, or a fast profile aimed at the book's records.
    """
    from companion.corpora.location import data_root
    from companion.experiments.catalog import find
    from companion.experiments.records import only

    if profile not in {"fast", "full"}:
        raise ConfigError(f"profile is {profile!r}", remedy="choose fast or full")
    if out is None and profile == "fast":
        raise ConfigError("a fast run is no record", remedy="name a folder for it with --out")
    with only(cell):
        cells = find(name).run(profile, out or data_root() / "records", say)
    if not cells:
        raise ConfigError(f"no cell of {name} begins with {cell!r}", remedy="cells are called as their files are")
    numbers = sorted({key for cell in cells for key, value in cell.result.items() if isinstance(value, int | float)})
    shown = [key for key in ("entity_f1", "dev_entity_f1", "grid_accuracy") if key in numbers] or numbers[:3]
    # The cells of one experiment need not measure the same things: a majority guess has no dev score.
    rows = [
        [
            cell.name,
            *[f"{cell.result[key]:.3f}" if key in cell.result else "–" for key in shown],
            f"{cell.seconds:.0f} s",
        ]
        for cell in cells
    ]
    emit([dict(cell.result) for cell in cells], table([["cell", *shown, "time"], *rows]), as_json=as_json)
