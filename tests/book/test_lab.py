"""The live pieces in a real JupyterLab: a notebook is run there, a logit is dragged, a sentence is typed."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests.chromium import CHROMIUM, OPTIONS

# One server for all of them.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("lab")]

TOKEN = "lab-test"
CELLS = (
    "from companion import load_encoder, teaching\nteaching.start()",
    'teaching.logit_dragger(["O", "B-PER"], [0.0, 0.0], gold="B-PER")',
    'teaching.piece_explorer(load_encoder().tokenizer, "Rosaura flew.")',
    'teaching.Explore("Squares", controls={"power": [1, 2, 3]}, x=[1, 2, 3],\n'
    '                 values=lambda power: {"y": [n**power for n in (1, 2, 3)]}, y_label="y")',
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[str]:
    """A JupyterLab of its own, with its own settings, that knows one notebook."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "live.ipynb")
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name != "COMPANION_STATIC"}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR"):
        environment[name] = str(folder / name.lower())
    options = [f"--ServerApp.port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}"]
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", *options],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            if server.poll() is not None:
                pytest.fail(f"JupyterLab ended: {(folder / 'log.txt').read_text()[-2000:]}")
            try:
                with urllib.request.urlopen(f"{address}/api?token={TOKEN}") as answer:
                    assert "version" in json.load(answer)
                break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.25)
        else:
            pytest.fail("JupyterLab does not answer")
        yield f"{address}/lab/tree/live.ipynb?token={TOKEN}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def page(lab) -> Iterator:
    """The notebook with all of its cells run."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = chromium.new_page(viewport={"width": 1400, "height": 1800})
        page.set_default_timeout(120_000)
        page.goto(lab)
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        page.locator("#jp-bottom-panel, .jp-StatusBar-Widget", has_text="| Idle").first.wait_for()
        page.locator(".lm-MenuBar-itemLabel", has_text=re.compile("^Run$")).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All Cells$")).click()
        page.locator(".jp-OutputArea-output .ftc-explore").first.wait_for()
        yield page
        folder = os.environ.get("COMPANION_SHOTS")
        if folder:
            page.screenshot(path=Path(folder) / "lab.png")
        chromium.close()


def test_no_cell_fails(page):
    assert page.locator(".jp-Cell .jp-OutputArea-output[data-mime-type*=error]").count() == 0
    assert page.locator(".jp-CodeCell").count() == len(CELLS)


def test_a_dragged_logit_moves_probability_and_loss(page):
    sentence = page.locator("[role=status]", has_text="Gold label").first
    sentence.wait_for()
    assert "p = 0.500, loss −ln p = 0.693" in sentence.inner_text()
    slider = page.locator(".widget-slider [role=slider], .widget-slider .noUi-handle").nth(1)
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    page.locator("[role=status]", has_text="p = 0.731, loss −ln p = 0.313").first.wait_for()
    assert page.get_by_text("loss −ln p = 0.693").count() == 0


def test_a_typed_sentence_is_cut(page):
    field = page.locator(".widget-text input").first
    field.wait_for()
    field.fill("unbelievably")
    page.locator("[role=status]", has_text="1 word, 7 word pieces").first.wait_for()
    assert page.locator(".ftc-strip code", has_text="##bel").count() >= 1
    assert page.locator(".ftc-strip code", has_text="rosa").count() == 0


def test_a_slider_of_a_figure_moves_by_keyboard(page):
    control = page.locator(".jp-OutputArea-output input[type=range]").last
    before = control.evaluate("e => e.closest('.ftc').querySelector('[aria-live]').textContent")
    control.focus()
    page.keyboard.press("ArrowRight")
    after = control.evaluate("e => e.closest('.ftc').querySelector('[aria-live]').textContent")
    assert before != after
