"""One module per assignment, each with its `ASSIGNMENT`; `companion.classroom.load_assignment` finds it by name."""
