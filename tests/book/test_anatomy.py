"""The measures of a chapter (CONTRIBUTING.md, "Writing a chapter"), taken without running it."""

import ast
import json
import re
import statistics
from pathlib import Path

import pytest

from notebooks import notebooks

ROOT = Path(__file__).resolve().parents[2]
ASSIGNMENTS = [path for path in notebooks(ROOT) if path.parent.name == "assignments"]
CHAPTERS = [path for path in notebooks(ROOT) if path not in ASSIGNMENTS]

LIMITS = {
    "median lines of a code cell": (0, 4),
    "90th percentile of lines": (0, 14),
    "lines of the longest cell": (0, 25),
    "code cells": (1, 40),
    "words of prose": (1_500, 3_000),
    "words per line of code": (12, float("inf")),
    "kB of outputs": (0, 150),
    "predictions": (3, float("inf")),
    "claims": (1, float("inf")),
    "folded solutions": (3, float("inf")),
}
# An assignment is a task, not a page to be read: the student writes the code, so it has no claims and fewer rules.
ASSIGNMENT_LIMITS = {
    "lines of the longest cell": (0, 30),
    "code cells": (3, 20),
    "words of prose": (700, 2_300),
    "kB of outputs": (0, 60),
}
ASSIGNMENT_HEADINGS = ("The job", "How this works", "For the fast", "Recap")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|root|work|tmp|Users|var/folders)/[\w.-]+")


def _text(value: str | list[str] | None) -> str:
    return "".join(value) if isinstance(value, list) else value or ""


def _lines(source: str) -> int:
    return sum(bool(line.strip()) and not line.lstrip().startswith(("#", "%")) for line in source.splitlines())


def measures(notebook: dict) -> dict[str, float]:
    """The numbers that `LIMITS` bounds."""
    code = [c for c in notebook["cells"] if c["cell_type"] == "code" and _text(c["source"]).strip()]
    sources = "\n".join(_text(c["source"]) for c in code)
    prose = "\n".join(_text(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown")
    plain = re.sub(r"\$\$.*?\$\$|\$[^$\n]*\$|```.*?```", " ", prose, flags=re.S)
    words = len(re.findall(r"[A-Za-z][\w'’-]*", plain)) + int(0.6 * len(re.findall(r"[\u4e00-\u9fff]", plain)))
    lines = sorted(_lines(_text(c["source"])) for c in code) or [0]
    outputs = sum(len(json.dumps(output)) for c in code for output in c["outputs"])
    return {
        "median lines of a code cell": statistics.median(lines),
        "90th percentile of lines": lines[int(0.9 * (len(lines) - 1))],
        "lines of the longest cell": lines[-1],
        "code cells": len(code),
        "words of prose": words,
        "words per line of code": words / max(sum(lines), 1),
        "kB of outputs": outputs / 1000,
        "predictions": len(re.findall(r"\bpredict\(", sources)),
        "claims": len(re.findall(r"\bclaim\(", sources)),
        "folded solutions": len(re.findall(r"<details", prose)),
    }


def findings(notebook: dict) -> list[str]:
    """What a chapter has too much or too little of, and what must not stand in its outputs."""
    found = []
    for name, value in measures(notebook).items():
        low, high = LIMITS[name]
        if not low <= value <= high:
            found.append(f"{name}: {value:g}, allowed {low:g} to {high:g}")
    headings = re.findall(r"^#{1,4}\s+(.+)$", "\n".join(_text(c["source"]) for c in notebook["cells"]), flags=re.M)
    found += [f"no heading with {word!r}" for word in ("Exercise", "Recap") if word not in " ".join(headings)]
    if "本章要点" not in _text(notebook["cells"][0]["source"]) + _text(
        notebook["cells"][min(1, len(notebook["cells"]) - 1)]["source"]
    ):
        found.append("no Chinese abstract (本章要点) at the top")
    for number, cell in enumerate((c for c in notebook["cells"] if c["cell_type"] == "code"), start=1):
        source = re.sub(r"^(\s*)[%!].*$", r"\1pass", _text(cell["source"]), flags=re.M)
        if "raises-exception" not in cell["metadata"].get("tags", []):
            try:
                ast.parse(source)
            except SyntaxError as error:
                found.append(f"cell {number}: does not parse ({error.msg})")
        for output in cell["outputs"]:
            data = output.get("data", {})
            shown = _text(output.get("text")) + "".join(_text(data.get(kind)) for kind in ("text/plain", "text/html"))
            if MACHINE_PATH.search(shown):
                found.append(f"cell {number}: a path of one machine in the output")
            alt = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt")
            if {"image/png", "image/svg+xml"} & set(data) and not alt:
                found.append(f"cell {number}: a figure without alt text (metadata.mystnb.image.alt)")
            if re.search(r"<img(?![^>]*\balt=)", _text(data.get("text/html"))):
                found.append(f"cell {number}: an <img> without alt")
    return found


def test_every_chapter_keeps_the_measures():
    report = {str(path): findings(json.loads((ROOT / path).read_text("utf-8"))) for path in CHAPTERS}
    assert {path: found for path, found in report.items() if found} == {}
    assert len(report) == len(CHAPTERS)


def assignment_findings(notebook: dict) -> list[str]:
    """What an assignment has too much or too little of; its tasks are checked in `tests/classroom`."""
    measured = measures(notebook)
    found = [
        f"{name}: {measured[name]:g}, allowed {low:g} to {high:g}"
        for name, (low, high) in ASSIGNMENT_LIMITS.items()
        if not low <= measured[name] <= high
    ]
    headings = re.findall(r"^## (.+)$", "\n".join(_text(c["source"]) for c in notebook["cells"]), flags=re.M)
    found += [f"no heading {wanted!r}" for wanted in ASSIGNMENT_HEADINGS if wanted not in headings]
    if "本章要点" not in _text(notebook["cells"][0]["source"]):
        found.append("no Chinese abstract (本章要点) at the top")
    shown = json.dumps([cell.get("outputs", []) for cell in notebook["cells"]])
    if MACHINE_PATH.search(shown):
        found.append("a path of one machine in the output")
    return found


def test_every_assignment_keeps_the_measures():
    report = {str(path): assignment_findings(json.loads((ROOT / path).read_text("utf-8"))) for path in ASSIGNMENTS}
    assert {path: found for path, found in report.items() if found} == {}
    assert len(report) == len(list((ROOT / "book" / "assignments").glob("*.ipynb"))) >= 8


def test_a_sabotaged_assignment_is_caught():
    notebook = json.loads((ROOT / ASSIGNMENTS[0]).read_text("utf-8"))
    assert assignment_findings(notebook) == []
    cells = notebook["cells"]
    output = {"output_type": "stream", "name": "stdout", "text": "saved to /ho" + "me/ada/x"}
    for spoiled, expected in (
        (cells[1:], "no Chinese abstract"),
        ([cell for cell in cells if "## Recap" not in _text(cell["source"])], "no heading 'Recap'"),
        ([*cells, _code("\n".join(f"x = {n}" for n in range(40)))], "lines of the longest cell"),
        ([*cells, _prose("word " * 2_000)], "words of prose"),
        ([*cells, _code("save()", output)], "a path of one machine"),
    ):
        assert any(expected in one for one in assignment_findings({"cells": spoiled}))


def _code(source: str, *outputs: dict, **metadata) -> dict:
    return {"cell_type": "code", "source": source, "metadata": metadata, "outputs": list(outputs)}


def _prose(source: str) -> dict:
    return {"cell_type": "markdown", "source": source, "metadata": {}}


def _chapter() -> dict:
    cells = [_prose("# A chapter\n\n本章要点: 一章。"), *(_code("predict(1, 2)") for _ in range(3)), _code("claim(1)")]
    cells += [_prose("word " * 1_600), _prose("## Exercises\n" + "<details></details>" * 3 + "\n## Recap\n")]
    return {"cells": cells, "metadata": {}}


def test_a_chapter_within_the_measures_passes():
    assert findings(_chapter()) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda cells: cells.append(_code("x = 1\n" * 26)), "lines of the longest cell"),
        (lambda cells: cells.extend(_code("x = 1\n" * 5) for _ in range(6)), "median lines"),
        (lambda cells: cells.extend(_code("x = 1") for _ in range(40)), "code cells"),
        (lambda cells: cells.append(_prose("word " * 1_500)), "words of prose"),
        (lambda cells: cells.pop(1), "predictions"),
        (lambda cells: cells.pop(4), "claims"),
        (lambda cells: cells.pop(0), "Chinese abstract"),
        (lambda cells: cells.append(_code("def f(:")), "does not parse"),
        (lambda cells: cells.append(_code("1", {"text": "a" * 200_000})), "kB of outputs"),
        (lambda cells: cells.append(_code("1", {"text": "/ho" + "me/me/x.txt"})), "a path of one machine"),
        (lambda cells: cells.append(_code("1", {"data": {"image/png": "…"}})), "without alt text"),
        (lambda cells: cells.append(_code("1", {"data": {"text/html": "<img src='data:'>"}})), "without alt"),
        (lambda cells: cells.append(_prose("")) or cells.pop(6), "Recap"),
    ],
)
def test_a_sabotaged_chapter_is_caught(change, expected):
    chapter = _chapter()
    change(chapter["cells"])
    assert any(expected in finding for finding in findings(chapter)), findings(chapter)
