"""One file per measured experiment: the chapter runs the fast profile, the full run writes a record, cell by cell."""

from companion._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {"records": ("Cell", "load_record", "run_cells", "validate_cell", "values_of")},
)
