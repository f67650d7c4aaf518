"""Every page in Chromium, in light, in dark and on a phone: nothing fails, leaves the host, or runs over the edge."""

import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from notebooks import pages
from tests.chromium import CHROMIUM, OPTIONS

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"

pytestmark = pytest.mark.browser

MODES = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "has_touch": True, "is_mobile": True},
}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
# Contrast follows from an element's colour, size and weight and from what lies behind it. axe takes longer than for all
# other rules to say the same of each of thousands of pieces of code, so it is shown one element of each kind.
ONE_OF_EACH_KIND = """() => {
  const seen = new Set();
  const behind = new Map();
  const ground = element => {
    if (!element) return '';
    if (!behind.has(element)) {
      const style = getComputedStyle(element);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter, style.position].join();
      const parent = ground(element.parentElement);
      behind.set(element, parent.endsWith(own) ? parent : `${parent}|${own}`);
    }
    return behind.get(element);
  };
  for (const element of document.body.querySelectorAll('*')) {
    const says = element.value || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!says || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const kind = [style.color, style.fontSize, style.fontWeight, style.textShadow, ground(element)].join();
    if (seen.has(kind)) continue;
    seen.add(kind);
    element.setAttribute('data-contrast', '');
  }
  return seen.size;
}"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    """A server for a folder, on a free port of this machine only."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def browser() -> Iterator:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def book() -> Iterator[str]:
    if not HTML.is_dir():
        if os.environ.get("COMPANION_REQUIRE_PAGES"):
            pytest.fail("the book is not built: make book")
        pytest.skip("the book is not built: make book")
    server = serve(HTML)
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def problems(browser, address: str, mode: str, picture: Path | None = None) -> list[str]:
    """Everything that goes wrong while a page is loaded, scrolled to its end, and measured."""
    found: list[str] = []
    host = urlsplit(address).netloc
    context = browser.new_context(**MODES[mode])
    try:
        page = context.new_page()

        def route(request_route) -> None:
            url = request_route.request.url
            if urlsplit(url).scheme in {"http", "https", "ws", "wss"} and urlsplit(url).netloc != host:
                found.append(f"asks another host: {url}")
                request_route.abort()
            else:
                request_route.continue_()

        page.route("**/*", route)
        page.on(
            "console", lambda m: found.append(f"console {m.type}: {m.text}") if m.type in {"error", "warning"} else None
        )
        page.on("pageerror", lambda error: found.append(f"script error: {error}"))
        page.on("response", lambda r: found.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
        page.goto(address, wait_until="load")
        page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_load_state("networkidle")
        if page.evaluate("typeof MathJax !== 'undefined' && !!MathJax.startup && !!MathJax.startup.promise"):
            page.evaluate("MathJax.startup.promise.then(() => null)")
        page.evaluate("window.scrollTo(0, 0)")
        found += page.evaluate(
            "[...document.images].filter(i => i.currentSrc && !i.naturalWidth)"
            ".map(i => 'broken image: ' + i.currentSrc)"
        )
        wide, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if wide > window:
            culprits = page.evaluate(
                "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
                ".slice(0, 5).map(e => e.tagName + '.' + e.className)"
            )
            found.append(f"{wide} px wide in a window of {window} px: {culprits}")
        theme = page.evaluate("document.documentElement.dataset.theme || ''")
        if theme and theme != MODES[mode]["color_scheme"]:
            found.append(f"shows the {theme} theme")
        if mode == "light":
            found += violations(page)
        if mode != "phone":
            found += faint(page)
        if picture is not None:
            picture.parent.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=picture, full_page=True)
    finally:
        context.close()
    return found


def violations(page) -> list[str]:
    """What axe finds against WCAG 2.1, levels A and AA, but for contrast."""
    options = {"runOnly": {"type": "tag", "values": WCAG}, "rules": {"color-contrast": {"enabled": False}}}
    report = _axe(page, None, options)
    assert len(report["passes"]) >= 5, "axe looked at nothing"
    return _told(report)


def faint(page) -> list[str]:
    """Text that axe finds too faint for what is behind it."""
    assert page.evaluate(ONE_OF_EACH_KIND), "the page says nothing"
    report = _axe(page, {"include": [["[data-contrast]"]]}, {"runOnly": ["color-contrast"]})
    assert report["passes"] or report["violations"], "axe looked at nothing"
    return _told(report)


def _axe(page, where: dict | None, options: dict) -> dict:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    return axe.Axe().run(page, context=where, options={**options, "preload": False}).response


def _told(report: dict) -> list[str]:
    return [
        f"axe {fault['id']}: {fault['help']}: {[node['html'][:120] for node in fault['nodes'][:3]]}"
        for fault in report["violations"]
    ]


def problems_of(body: str, browser, folder: Path, mode: str, picture: Path | None = None) -> list[str]:
    """What goes wrong on a page with this body."""
    head = "<meta name='viewport' content='width=device-width'><link rel='icon' href='data:,'><title>t</title>"
    (folder / "page.html").write_text(f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>")
    server = serve(folder)
    try:
        return problems(browser, f"http://127.0.0.1:{server.server_port}/page.html", mode, picture)
    finally:
        server.shutdown()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("path", pages(ROOT), ids=str)
def test_every_page(browser, book, path, mode):
    folder = os.environ.get("COMPANION_SHOTS")
    picture = Path(folder) / f"{path.stem}-{mode}.png" if folder else None
    assert problems(browser, f"{book}/{path.with_suffix('.html').as_posix()}", mode, picture) == []


def test_the_front_door_leads_to_the_book(browser, book):
    page = browser.new_page()
    page.goto(f"{book}/index.html")
    page.wait_for_url("**/book/index.html")
    assert "Supervised Fine-Tuning, Executed" in page.title()
    page.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<img alt='' src='https://example.com/a.png'>", "asks another host"),
        ("<script>console.error('no')</script>", "console error"),
        ("<script>throw new Error('no')</script>", "script error"),
        ("<img alt='' src='gone.png'>", "404"),
        ("<img alt='' src='data:image/png;base64,AAAA'>", "broken image"),
        ("<main><div style='width: 900px'>wide</div></main>", "px wide"),
        ("<script>document.documentElement.dataset.theme = 'dark'</script>", "shows the dark theme"),
    ],
)
def test_a_sabotaged_page_is_caught(browser, tmp_path, body, expected):
    found = problems_of(body, browser, tmp_path, "phone")
    assert any(expected in problem for problem in found), found


def test_an_inaccessible_page_is_caught(browser, tmp_path):
    found = problems_of("<main><h1>t</h1><p>fine<input type='range'></main>", browser, tmp_path, "light")
    assert any("axe label" in problem for problem in found), found


def test_a_faint_word_among_many_is_caught(browser, tmp_path):
    words = "<span style='color: #222'>well</span> " * 300
    faint = "<span style='color: #222; background: #333'>badly</span>"
    lost = "<div style='background: #999'><p><b style='color: #aaa'>lost</b></p></div>"
    found = problems_of(f"<main><h1>t</h1><p>{words}{faint}{words}</p>{lost}</main>", browser, tmp_path, "light")
    assert len(found) == 1, found
    assert "badly" in found[0]
    assert "lost" in found[0]
    assert "well" not in found[0]


def test_a_sound_page_passes_and_is_pictured(browser, tmp_path):
    picture = tmp_path / "shots" / "page.png"
    assert problems_of("fine", browser, tmp_path, "phone", picture) == []
    assert picture.stat().st_size > 1_000
