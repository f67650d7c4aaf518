"""Read a printed results table, prove which of its cells cannot be, and recompute what it hides."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "baseline": ("TrivialBaseline", "trivial_baseline", "without"),
        "cells": ("Cell", "Range"),
        "checks": ("audit_table",),
        "feasibility": ("RowCounts", "search_row"),
        "findings": ("Audit", "Finding"),
        "printed_table": ("PRINTED_TABLE",),
        "reading": ("ResultsTable", "TableRow", "read_table"),
    },
)
