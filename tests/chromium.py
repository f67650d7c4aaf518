"""Chromium, where the machine has one: its place, and what a page's own scripts have written when they are done.

Import as `from tests.chromium import CHROMIUM, OPTIONS, logged`.
"""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def logged(body: str, folder: Path) -> Any:
    """Open a page with this body, let its scripts run, and read the JSON that they left in `<pre id="log">`."""
    assert CHROMIUM is not None, "guard the test with CHROMIUM"
    page = folder / "page.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><body>{body}", encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, *OPTIONS, f"--user-data-dir={folder}/u", "--dump-dom", page.as_uri()],
        capture_output=True,
        check=True,
        encoding="utf-8",
        timeout=120,
    )
    return json.loads(html.unescape(done.stdout.split('<pre id="log">')[1].split("</pre>")[0]))
