"""Every page in Chromium, in light, in dark and on a phone: nothing fails, leaves the host, or runs over the edge."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from notebooks import pages
from tests.inspection import MODES, problems, serve

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"
SHOTS = os.environ.get("COMPANION_SHOTS")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def book() -> Iterator[str]:
    if not HTML.is_dir():
        if os.environ.get("COMPANION_REQUIRE_PAGES"):
            pytest.fail("the book is not built: make book")
        pytest.skip("the book is not built: make book")
    with serve(HTML) as address:
        yield address


@pytest.mark.parametrize("path", pages(ROOT), ids=str)
def test_every_page(browser, book, path):
    address = f"{book}/{path.with_suffix('.html').as_posix()}"
    assert problems(browser, address, pictures=Path(SHOTS) if SHOTS else None) == []


def test_the_front_door_leads_to_the_book(browser, book):
    page = browser.new_page()
    page.goto(f"{book}/index.html")
    page.wait_for_url("**/book/index.html")
    assert "Supervised Fine-Tuning, Executed" in page.title()
    page.close()


def problems_of(body: str, browser, folder: Path, modes: list[str], pictures: Path | None = None) -> list[str]:
    """What goes wrong on a page with this body."""
    head = "<meta name='viewport' content='width=device-width'><link rel='icon' href='data:,'><title>t</title>"
    (folder / "page.html").write_text(f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>")
    with serve(folder) as address:
        return problems(browser, f"{address}/page.html", modes, pictures=pictures)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<img alt='' src='https://example.com/a.png'>", "asks another host"),
        ("<script>new WebSocket('wss://example.com/')</script>", "asks another host: wss"),
        ("<script>console.error('no')</script>", "console error"),
        ("<script>throw new Error('no')</script>", "script error"),
        ("<img alt='' src='gone.png'>", "404"),
        ("<div style='height: 9000px'></div><img loading='lazy' alt='' src='gone.png'>", "404"),
        ("<img alt='' src='data:image/png;base64,AAAA'>", "broken image"),
        ("<main><div style='width: 900px'>wide</div></main>", "px wide"),
        ("<script>document.documentElement.dataset.theme = 'dark'</script>", "shows the dark theme"),
    ],
)
def test_a_sabotaged_page_is_caught(browser, tmp_path, body, expected):
    found = problems_of(body, browser, tmp_path, ["phone"])
    assert any(expected in problem for problem in found), found


AFTER = ["light", "dark"]
DARK, NARROW = "(prefers-color-scheme: dark)", "(max-width: 600px)"


@pytest.mark.parametrize(
    ("body", "modes", "expected"),
    [
        (f"<script>matchMedia('{DARK}').onchange = () => {{ throw new Error('no') }}</script>", AFTER, "dark: script"),
        (f"<script>matchMedia('{DARK}').onchange = () => fetch('gone')</script>", AFTER, "dark: 404"),
        (f"<script>if (matchMedia('{DARK}').matches) throw new Error('no')</script>", [], "dark: script"),
        (f"<script>if (matchMedia('{NARROW}').matches) throw new Error('no')</script>", [], "phone: script"),
        (f"<style>@media {DARK} {{ p {{ color: #222; background: #333 }} }}</style>", [], "dark: axe color-contrast"),
        (f"<style>@media {DARK} {{ p {{ width: 2000px }} }}</style>", [], "dark: 20"),
        (f"<style>@media {NARROW} {{ p {{ width: 900px }} }}</style>", [], "phone: 9"),
        ("<style>@media (pointer: coarse) { p { width: 2000px } }</style>", [], "phone: 20"),
        ("<script>document.documentElement.dataset.theme = 'light'</script>", [], "dark: shows the light theme"),
    ],
)
def test_what_goes_wrong_in_one_mode_only_is_caught_there(browser, tmp_path, body, modes, expected):
    found = problems_of(f"<main><h1>t</h1><p>word</p></main>{body}", browser, tmp_path, modes or list(MODES))
    assert len(found) >= 1 and all(problem.startswith(expected.split(":")[0]) for problem in found), found
    assert any(problem.startswith(expected) for problem in found), found


def test_an_inaccessible_page_is_caught(browser, tmp_path):
    found = problems_of("<main><h1>t</h1><p>fine<input type='range'></main>", browser, tmp_path, ["light"])
    assert any("axe label" in problem for problem in found), found


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_faint_word_among_many_is_caught(browser, tmp_path, mode):
    words = "<span style='color: #222'>well</span> " * 300
    faint = "<span style='color: #222; background: #333'>badly</span>"
    lost = "<div style='background: #999'><p><b style='color: #aaa'>lost</b></p></div>"
    found = problems_of(f"<main><h1>t</h1><p>{words}{faint}{words}</p>{lost}</main>", browser, tmp_path, [mode])
    assert len(found) == 1, found
    assert "badly" in found[0]
    assert "lost" in found[0]
    assert "well" not in found[0]


def test_a_kind_of_text_that_is_faint_is_caught_on_every_page(browser, tmp_path):
    style = "<style>main { color: #222; background: white } b { background: #333 }</style>"
    sound = problems_of(f"<main><h1>t</h1><p>well</main>{style}", browser, tmp_path, ["light", "dark"])
    faint = [
        problems_of(f"<main><h1>t</h1><p>well <b>badly</b></main>{style}", browser, tmp_path, ["dark", "light"])
        for _ in range(2)
    ]
    assert sound == []
    assert [[problem.split()[0] for problem in each] for each in faint] == [["dark:", "light:"]] * 2


def test_a_sound_page_passes_and_is_pictured(browser, tmp_path):
    assert problems_of("fine", browser, tmp_path, ["phone"], tmp_path / "shots") == []
    assert (tmp_path / "shots" / "page-phone.png").stat().st_size > 1_000
