"""A page in Chromium, in light, in dark and on a phone: everything that goes wrong with it.

Import as `from tests.inspection import problems, serve`; the fixture `browser` is in `tests/book/conftest.py`.
"""

from __future__ import annotations

import functools
import http.server
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

MODES = {
    "light": {"width": 1280, "height": 900, "scheme": "light", "phone": False},
    "dark": {"width": 1280, "height": 900, "scheme": "dark", "phone": False},
    "phone": {"width": 390, "height": 844, "scheme": "light", "phone": True},
}
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
PATIENCE = 20.0
"""Seconds after which a request that is still under way is a fault."""
SETTLED = """() => document.fonts.ready.then(() => new Promise(done => {
  requestAnimationFrame(() => requestAnimationFrame(done));
}))"""
# Contrast follows from an element's colour, size and weight and from what lies behind it. axe takes longer than for all
# other rules to say the same of each of thousands of pieces of code, so it is shown three elements of each kind, and
# none of a kind that it has found sound already, on this page or another.
THREE_OF_EACH_KIND = """sound => {
  const seen = new Map(), known = new Set(sound);
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
  const chosen = [], shown = [];
  for (const element of document.body.querySelectorAll('*')) {
    const says = element.value || [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const box = element.getBoundingClientRect();
    const unseen = box.width < 2 || box.height < 2 || box.right < 1 || box.bottom + scrollY < 1;
    // What axe does not judge: a drawing, signs alone, what nobody sees or is switched off, a control without text.
    if (!says || !(element instanceof HTMLElement)) continue;
    const text = (element.value || element.textContent).trim();
    if (text.length < 2 || !/[\\p{L}\\p{N}]/u.test(text)) continue;
    if (unseen || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (element.matches(':disabled, :disabled *, input:is([type=range], [type=radio], [type=checkbox])')) continue;
    const style = getComputedStyle(element);
    const kind = [style.color, style.fontSize, style.fontWeight, style.textShadow, ground(element)].join();
    seen.set(kind, (seen.get(kind) || 0) + 1);
    if (known.has(kind) || seen.get(kind) > 3) continue;
    chosen.push(element);
    shown.push(kind);
  }
  document.querySelectorAll('[data-contrast]').forEach(element => element.removeAttribute('data-contrast'));
  chosen.forEach((element, number) => element.setAttribute('data-contrast', number));
  return [seen.size, shown];
}"""
SOUND: set[str] = set()
"""The kinds of text that stood out well enough from what is behind them."""
LOOK = """async options => {
  const report = await axe.run(document, {...options, elementRef: true, selectors: false, preload: false});
  const passed = report.passes.filter(rule => rule.id === 'color-contrast').flatMap(rule => rule.nodes);
  return {
    looked: [report.passes, report.violations, report.incomplete].flat().map(rule => rule.id),
    sound: passed.map(node => Number(node.element.dataset.contrast)),
    faults: report.violations.map(
      ({id, help, nodes}) => ({id, help, elements: nodes.slice(0, 3).map(node => node.html.slice(0, 120))})
    ),
  };
}"""
# One look of axe at the page costs most of its time whatever the rules are, so all of them run in one.
CONTRAST_OF_THOSE = "axe.configure({rules: [{id: 'color-contrast', selector: '[data-contrast]'}]})"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        # A page that is loaded anew leaves its old requests behind.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve(folder: Path) -> Iterator[str]:
    """The address of a server for a folder, on a free port of this machine only."""
    server = _Server(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def problems(
    browser, address: str, modes: Iterable[str] = MODES, axe: bool = True, pictures: Path | None = None
) -> list[str]:
    """Everything that goes wrong while a page is shown in each of these modes, loaded in it anew, scrolled to its end
    and measured; each problem begins with its mode."""
    found: list[str] = []
    context = browser.new_context()
    try:
        page = context.new_page()
        device = context.new_cdp_session(page)
        mode = ""

        def tell(problem: str) -> None:
            found.append(f"{mode}: {problem}")

        under_way = watch(page, urlsplit(address).netloc, tell)
        for mode in modes:
            show_as(page, device, mode)
            if page.url == "about:blank":
                page.goto(address, wait_until="load")
            else:
                # What a script does when the mode changes comes first, then what it does where it starts in this mode.
                page.evaluate(SETTLED)
                page.reload(wait_until="load")
            arrive(page, under_way, tell)
            for problem in measured(page, mode, axe):
                tell(problem)
            if pictures is not None:
                pictures.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=pictures / f"{Path(urlsplit(address).path).stem}-{mode}.png", full_page=True)
    finally:
        context.close()
    return found


def watch(page, host: str, tell) -> set:
    """Tell of whatever fails on a page or asks another host; returns the requests that are under way."""
    under_way: set = set()

    def begins(request) -> None:
        if urlsplit(request.url).scheme in {"http", "https"}:
            under_way.add(request)
            if urlsplit(request.url).netloc != host:
                tell(f"asks another host: {request.url}")

    page.on("request", begins)

    def ends(request) -> None:
        under_way.discard(request)

    page.on("requestfinished", ends)
    page.on("requestfailed", ends)
    page.on("websocket", lambda socket: tell(f"asks another host: {socket.url}"))
    page.on("console", lambda m: tell(f"console {m.type}: {m.text}") if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: tell(f"script error: {error}"))
    page.on("response", lambda answer: tell(f"{answer.status}: {answer.url}") if answer.status >= 400 else None)
    return under_way


def show_as(page, device, mode: str) -> None:
    """Window, kind of device and colour scheme of a page that is open or is going to be."""
    wanted = MODES[mode]
    size = {"width": wanted["width"], "height": wanted["height"]}
    page.set_viewport_size(size)
    device.send("Emulation.setDeviceMetricsOverride", {**size, "deviceScaleFactor": 1, "mobile": wanted["phone"]})
    device.send("Emulation.setTouchEmulationEnabled", {"enabled": wanted["phone"]})
    page.emulate_media(color_scheme=wanted["scheme"])


def arrive(page, under_way: set, tell) -> None:
    """Wait until everything that the page asks for is there, its end included, and drawn."""
    page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
    page.evaluate(SETTLED)
    if page.evaluate("typeof MathJax !== 'undefined' && !!MathJax.startup && !!MathJax.startup.promise"):
        page.evaluate("MathJax.startup.promise.then(() => null)")
    end = time.monotonic() + PATIENCE
    while under_way and time.monotonic() < end:
        page.wait_for_timeout(10)
    for request in list(under_way):
        tell(f"still loading: {request.url}")
    under_way.clear()
    page.evaluate("window.scrollTo(0, 0)")
    page.evaluate(SETTLED)


def measured(page, mode: str, axe: bool) -> Iterator[str]:
    """What is wrong with a page as it stands there."""
    yield from page.evaluate(
        "[...document.images].filter(i => i.currentSrc && !i.naturalWidth).map(i => 'broken image: ' + i.currentSrc)"
    )
    wide, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    if wide > window or window != MODES[mode]["width"]:
        culprits = page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".slice(0, 5).map(e => e.tagName + '.' + e.className)"
        )
        yield f"{wide} px wide in a window of {window} px: {culprits}"
    yield from page.evaluate(
        "[...document.querySelectorAll('.code-line')].filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth)"
        ".slice(0, 3).map(e => 'code out of sight: ' + e.textContent.slice(0, 60))"
    )
    theme = page.evaluate("document.documentElement.dataset.theme || ''")
    if theme and theme != MODES[mode]["scheme"]:
        yield f"shows the {theme} theme"
    # Rules other than contrast do not see the theme, and a phone has the colours of the light one.
    if axe and mode != "phone":
        yield from violations(page, contrast_only=mode == "dark")


def violations(page, contrast_only: bool = False) -> list[str]:
    """What axe finds against WCAG 2.1, levels A and AA."""
    axe = pytest.importorskip("axe_playwright_python.base", reason="axe-playwright-python is not installed")
    kinds, new = page.evaluate(THREE_OF_EACH_KIND, sorted(SOUND))
    assert kinds, "the page says nothing"
    if contrast_only and not new:
        return []
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(axe.AXE_SCRIPT)
        page.evaluate(CONTRAST_OF_THOSE)
    chosen = ["color-contrast"] if contrast_only else {"type": "tag", "values": WCAG}
    report = page.evaluate(LOOK, {"runOnly": chosen})
    looked = set(report["looked"])
    assert contrast_only or len(looked - {"color-contrast"}) >= 5, "axe looked at nothing"
    assert "color-contrast" in looked or len(new) < kinds, "axe looked at no text"
    SOUND.update(new[number] for number in report["sound"])
    return [f"axe {fault['id']}: {fault['help']}: {fault['elements']}" for fault in report["faults"]]
