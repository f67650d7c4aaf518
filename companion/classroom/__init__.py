"""Assignments for a class: tasks with variants, visible checks, and grading from a secret that no student has.

In an assignment notebook `try_out` is all a student needs.
"""

from typing import TYPE_CHECKING

from companion._lazy import attach

if TYPE_CHECKING:
    from companion.classroom.tasks import Assignment as Assignment
    from companion.classroom.tasks import load_assignment as load_assignment
    from companion.classroom.visible import try_out as try_out

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "tasks": ("Assignment", "load_assignment"),
        "visible": ("try_out",),
    },
)
