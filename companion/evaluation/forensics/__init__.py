"""Table forensics: what a printed table of precision, recall and F1 says about itself, by exact arithmetic."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "auditing": ("audit_table",),
        "coincidence": ("chance_of_equal_metrics",),
        "findings": ("Audit", "Finding"),
        "headline": ("Baseline", "trivial_baseline", "without"),
        "printed_table": ("PRINTED_TABLE",),
        "ranges": ("Average", "Range", "Recomputed"),
        "reading": ("read_table",),
        "table": ("Cell", "ResultsTable", "TableRow"),
    },
)
