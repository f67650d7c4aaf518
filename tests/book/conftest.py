"""Chromium for the tests that look at pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chromium import CHROMIUM, OPTIONS

# No page may reach another host, whatever it asks for.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=[*OPTIONS, ALONE])
        yield chromium
        chromium.close()
