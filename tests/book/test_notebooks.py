"""What nbval does not see: that notebooks were run, in order, that all of them are, and that nothing defeats nbval."""

import json
import re
from pathlib import Path

import pytest

from notebooks import ENVIRONMENT, code_cells, missing, normalise, notebooks, pages

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = notebooks(ROOT)

SILENCED_ONLY_IN_JUPYTER = re.compile(r"\b(interact|interactive_output|clear_output|update_display)\(")


def hygiene(notebook: dict) -> list[str]:
    """Everything in a notebook that would let a wrong output pass, or a right one fail."""
    findings = []
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code" and "".join(c["source"]).strip()]
    counts = [cell["execution_count"] for cell in cells]
    if counts != list(range(1, len(cells) + 1)):
        findings.append(f"not run from top to bottom: {counts}")
    if not cells:
        findings.append("no code cell")
    for number, cell in enumerate(cells, start=1):
        source = "".join(cell["source"])
        tags = cell["metadata"].get("tags", [])
        lines = [line for line in source.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if lines and lines[-1].rstrip().endswith(";"):
            findings.append(f"cell {number}: a final ';' hides the output in Jupyter, not under nbval")
        if SILENCED_ONLY_IN_JUPYTER.search(source) and "nbval-ignore-output" not in tags:
            findings.append(f"cell {number}: an output that is replaced later cannot be compared")
        if "execution" in cell["metadata"]:
            findings.append(f"cell {number}: execution times are committed; run `make execute`")
        for output in cell["outputs"]:
            if output["output_type"] == "error" and "raises-exception" not in tags:
                findings.append(f"cell {number}: ends with {output['ename']}")
            if output.get("name") == "stderr":
                findings.append(f"cell {number}: something on stderr")
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                findings.append(f"cell {number}: a widget that is dead on the page; execute with COMPANION_STATIC=1")
    if notebook["metadata"].get("kernelspec", {}).get("name") != "python3":
        findings.append("the kernel is not python3")
    if notebook["metadata"].get("widgets"):
        findings.append("widget state is committed")
    return findings


def test_the_table_of_contents_lists_every_page_once():
    listed = pages(ROOT)
    outside = {"_build", ".ipynb_checkpoints", "_ext", "_static"}
    on_disk = {
        path.relative_to(ROOT)
        for suffix in ("*.ipynb", "*.md")
        for path in (ROOT / "book").rglob(suffix)
        if not outside & set(path.parts)
    }
    assert len(listed) == len(set(listed)) >= 5
    assert set(listed) == on_disk


def test_every_notebook_is_clean():
    checked = 0
    findings = []
    for path in NOTEBOOKS:
        findings += [f"{path}: {finding}" for finding in hygiene(json.loads((ROOT / path).read_text("utf-8")))]
        checked += 1
    assert findings == []
    assert checked == len(list((ROOT / "book").rglob("*.ipynb"))) - len(
        list((ROOT / "book").rglob("*checkpoint.ipynb"))
    )


def _notebook(**changes) -> dict:
    cell = {"cell_type": "code", "source": ["1 + 1"], "metadata": {}, "outputs": [], "execution_count": 1}
    return {"cells": [{**cell, **changes}], "metadata": {"kernelspec": {"name": "python3"}}}


def test_a_clean_notebook_passes():
    assert hygiene(_notebook()) == []


@pytest.mark.parametrize(
    "sabotaged",
    [
        pytest.param(_notebook(execution_count=None), id="not run"),
        pytest.param(_notebook(execution_count=7), id="run out of order"),
        pytest.param(_notebook(source=["print(1);"]), id="semicolon"),
        pytest.param(_notebook(source=["interact(f, x=3)"]), id="interact"),
        pytest.param(_notebook(outputs=[{"output_type": "stream", "name": "stderr", "text": ["w"]}]), id="stderr"),
        pytest.param(_notebook(outputs=[{"output_type": "error", "ename": "ValueError"}]), id="error"),
        pytest.param(_notebook(metadata={"execution": {"iopub.busy": "2026"}}), id="timing"),
        pytest.param({**_notebook(), "metadata": {"kernelspec": {"name": "my-env"}}}, id="kernel"),
        pytest.param({**_notebook(), "cells": []}, id="empty"),
    ],
)
def test_a_sabotaged_notebook_is_caught(sabotaged):
    assert len(hygiene(sabotaged)) == 1


def test_a_run_that_left_something_out_is_caught(tmp_path):
    (tmp_path / "book").mkdir()
    path = Path("book/one.ipynb")
    notebook = _notebook()
    notebook["cells"] *= 2
    (tmp_path / path).write_text(json.dumps(notebook))

    def report(*cases: str) -> Path:
        file = tmp_path / "report.xml"
        file.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
        return file

    case = '<testcase classname="book.one.ipynb" name="Cell {}">{}</testcase>'
    good = [case.format(0, ""), case.format(1, "")]
    assert len(code_cells(tmp_path / path)) == 2
    assert missing(report(*good), [path], tmp_path) == []
    assert missing(report(*good), [], tmp_path) == ["_toc.yml lists no notebook"]
    assert missing(report(), [path], tmp_path) == ["book/one.ipynb: 0 of 2 code cells checked"]
    assert missing(report(good[0]), [path], tmp_path) == ["book/one.ipynb: 1 of 2 code cells checked"]
    skipped = case.format(1, "<skipped/>")
    assert missing(report(good[0], skipped), [path], tmp_path) == [
        "book/one.ipynb: Cell 1 did not pass",
        "book/one.ipynb: 1 of 2 code cells checked",
    ]


def test_a_page_that_does_not_exist_stops_the_listing(tmp_path):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    with pytest.raises(SystemExit, match="book/index"):
        pages(tmp_path)


def test_normalising_drops_what_changes_from_run_to_run():
    import nbformat

    raw = _notebook(metadata={"execution": {"shell.execute_reply": "2026-01-01"}, "tags": ["claim"]}, id="a")
    raw |= {"nbformat": 4, "nbformat_minor": 5}
    raw["metadata"]["language_info"] = {"name": "python", "version": "3.99"}
    notebook = nbformat.from_dict(raw)
    normalise(notebook)
    assert notebook.metadata["language_info"] == {"name": "python"}
    assert notebook.cells[0].metadata == {"tags": ["claim"]}


def test_normalising_takes_over_the_alternative_text_of_a_figure():
    import nbformat

    shown = {"output_type": "display_data", "data": {"image/png": "…"}, "metadata": {"needs_background": "light"}}
    told = shown | {"metadata": {"image/png": {"alt": "3 of 5"}, "needs_background": "light"}}
    for outputs, expected in (([shown, told], {"mystnb": {"image": {"alt": "3 of 5"}}}), ([shown], {})):
        notebook = nbformat.from_dict(_notebook(outputs=outputs))
        normalise(notebook)
        assert notebook.cells[0].metadata == expected
    notebook = nbformat.from_dict(_notebook(outputs=[told], metadata={"mystnb": {"image": {"alt": "4 of 5"}, "a": 1}}))
    normalise(notebook)
    assert notebook.cells[0].metadata == {"mystnb": {"image": {"alt": "3 of 5"}, "a": 1}}, "numbers must not go stale"


def test_tests_run_in_the_environment_of_the_committed_outputs():
    import os

    assert len(ENVIRONMENT) >= 8
    assert {name: os.environ.get(name) for name in ("COMPANION_STATIC", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")} == {
        name: ENVIRONMENT[name] for name in ("COMPANION_STATIC", "HF_HUB_OFFLINE", "OMP_NUM_THREADS")
    }
