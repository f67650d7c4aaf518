"""What is said to a student about a submission: our words, places in the student's own notebook, and no text besides.

An error's text is the student's to choose: `raise ValueError(arguments)` would carry the cases of a class home. So an
error is shown by its kind and by the line it left, which the student knows already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from companion.classroom.isolation import Answers, Limits
from companion.classroom.runner import ERRORS, KNOWN_TYPES
from companion.classroom.scoring import Outcome
from companion.classroom.tasks import SLUGS, Assignment, load_assignment

SHOWN = 100
MOST_FAILED = 20
STOPPED = {
    "time": "stopped: the time for the whole notebook was used up",
    "memory": "stopped: it takes more memory than is allowed",
    "output": "stopped: it gives back more than is allowed",
    "finished": "ended before it answered",
}


def outcome_of(number: int, answers: Answers, cells: Sequence[str], limits: Limits) -> Outcome:
    """The outcome of a call, from what its process claims about it."""
    said = answers.calls.get(number)
    if said is None:
        return Outcome(error=STOPPED.get(answers.status, STOPPED["finished"]))
    error = said.get("error")
    if error is None and "value" in said:
        return Outcome(value=said["value"])
    if error == "missing":
        return Outcome(error="missing")
    if error == "unusable":
        kind = said.get("type")
        if kind == "too large" or kind == "nested too deeply":
            return Outcome(error=f"returns something that is {kind}")
        name = f"a {kind}" if isinstance(kind, str) and kind in KNOWN_TYPES else "an object"
        return Outcome(error=f"returns {name}, which JSON cannot hold; give lists and numbers (`.tolist()` helps)")
    kind, place = said.get("kind"), _place(said, cells)
    if kind == "NotImplementedError":
        return Outcome(error="not written yet")
    if kind == "Slow":
        return Outcome(error=f"stopped after {limits.wall / 4:g} s{place}")
    name = kind if isinstance(kind, str) and kind in ERRORS else "an error"
    return Outcome(error=f"raises {name}{place}")


def notes_of(answers: Answers, cells: Sequence[str], assignment: Assignment) -> Iterator[str]:
    """What the student should know about the notebook, in sentences."""
    read = answers.read
    wanted = [task.function for task in assignment.tasks]
    defined = {name: numbers for name, numbers in read.get("definitions", {}).items() if isinstance(numbers, list)}
    if not any(source.strip() for source in cells):
        yield "Your notebook has no code."
        return
    if not read:
        yield "Your notebook could not be read; send it to your teacher."
        return
    if not any(name in defined for name in wanted):
        names = " nor ".join(f"`{name}`" for name in wanted)
        yield (
            f"Your notebook defines neither {names}." if len(wanted) > 1 else f"Your notebook does not define {names}."
        )
        for slug in SLUGS:
            if slug != assignment.slug and any(task.function in defined for task in load_assignment(slug).tasks):
                yield f"It looks like {slug}; this is {assignment.slug}."
                # What else happens in a notebook for another assignment is of no use to anybody.
                return
    for cell, line in read.get("unreadable", []):
        yield f"Code cell {cell} has a syntax error in line {line}{_text(cell, line, cells)}; nothing of it counts."
    for name in wanted:
        numbers = defined.get(name, [])
        if len(numbers) > 1:
            yield f"`{name}` is defined in code cells {', '.join(map(str, numbers))}; the last definition counts."
    cut = sorted({cell for name in wanted for cell in defined.get(name, [])} & set(read.get("magics", [])))
    if cut:
        yield f"Lines for the notebook alone (`%`, `!`, `?`) were left out, in code cell {', '.join(map(str, cut))}."
    if answers.status != "finished":
        yield f"Your notebook was {STOPPED[answers.status]}."
    # Cells that only show something fail here as a matter of course; they matter where a name was missed.
    if any(said.get("error") == "missing" or said.get("kind") == "NameError" for said in answers.calls.values()):
        yield from _failed(answers.failed, cells, assignment)


def _failed(failed: Sequence[dict[str, Any]], cells: Sequence[str], assignment: Assignment) -> Iterator[str]:
    """Statements that raised, but for imports of what is withheld while a notebook is graded."""
    hidden = "|".join(map(re.escape, {"companion", *assignment.withheld}))
    for said in failed[:MOST_FAILED]:
        text = _line(said.get("cell"), said.get("line"), cells)
        if text is None or re.match(rf"\s*(import|from)\s+({hidden})\b", text):
            continue
        kind = said.get("kind")
        known = isinstance(kind, str) and kind in ERRORS
        name = "ran for too long" if kind == "Slow" else f"raised {kind}" if known else "raised an error"
        yield f"Code cell {said['cell']}: `{_cut(text)}` {name}; what it should define is missing."


def _place(said: dict[str, Any], cells: Sequence[str]) -> str:
    return _text(said.get("cell"), said.get("line"), cells, said_before=" in")


def _text(cell: object, line: object, cells: Sequence[str], *, said_before: str = "") -> str:
    text = _line(cell, line, cells)
    if text is None:
        return ""
    place = f"{said_before} code cell {cell}, line {line}" if said_before else ""
    return f"{place}, `{_cut(text)}`"


def _line(cell: object, line: object, cells: Sequence[str]) -> str | None:
    if type(cell) is not int or type(line) is not int or not 1 <= cell <= len(cells):
        return None
    lines = cells[cell - 1].split("\n")
    return lines[line - 1] if 1 <= line <= len(lines) else None


def _cut(text: str) -> str:
    text = text.strip().replace("`", "'")
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
