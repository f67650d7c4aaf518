"""The built Chinese edition in Chromium: its pages are sound and Chinese, its figures too, and the two editions lead to
each other. `make chinese` builds it; where it is not built, these tests skip and say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import chinese
from tests.inspection import MODES, problems, serve

ENGLISH = chinese.ROOT / "_build" / "html"
CHINESE = chinese.EDITION / "_build" / "html"
SITE = str(chinese.config()["html"]["baseurl"])
SHOTS = os.environ.get("COMPANION_SHOTS")
LIVE = "book/foundations/cross-entropy"
"""A page with an interactive figure."""

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def edition() -> Iterator[str]:
    if not (CHINESE / "book" / "index.html").is_file():
        pytest.skip("the Chinese edition is not built: make chinese")
    with serve(CHINESE) as address:
        yield address


@pytest.fixture
def page(browser) -> Iterator:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    yield page
    page.close()


@pytest.fixture
def still(browser) -> Iterator:
    """A page whose scripts do not run."""
    page = browser.new_page(java_script_enabled=False)
    yield page
    page.close()


@pytest.mark.parametrize("name", chinese.pages())
def test_a_chinese_page_is_sound_on_a_phone(browser, edition, name):
    shots = Path(SHOTS) / "chinese" if SHOTS else None
    assert problems(browser, f"{edition}/{name}.html", ["phone"], pictures=shots) == []


@pytest.mark.parametrize("name", ["book/index", LIVE])
def test_a_chinese_page_is_sound_in_both_themes(browser, edition, name):
    assert problems(browser, f"{edition}/{name}.html", list(MODES)) == []


@pytest.mark.parametrize("name", chinese.pages())
def test_language_text_and_pictures_are_chinese(edition, page, name):
    page.goto(f"{edition}/{name}.html")
    assert page.evaluate("document.documentElement.lang").startswith("zh")
    assert chinese.spoken(name, page.content())
    told = chinese.translations(chinese.DESCRIPTIONS)
    for picture, text in chinese.shown(name).items():
        image = page.locator(f"article img[src$='{picture}']")
        assert image.get_attribute("alt") == told[text]
        answer = page.request.get(f"{edition}/_images/{picture}")
        assert answer.body() == (chinese.PICTURES / name / picture).read_bytes()


def test_a_figure_that_is_drawn_in_the_browser_speaks_chinese(edition, page):
    page.goto(f"{edition}/{LIVE}.html")
    plot = page.locator(".ftc-explore .ftc-plot").first
    readout = page.locator(".ftc-explore .ftc-readout").first
    said = chinese.translations(chinese.INTERACTIVE)
    assert plot.get_attribute("aria-valuetext") == said["no point chosen"]
    assert (
        readout.text_content() == said["Point at the figure, or focus it and use the arrow keys, to read its values."]
    )
    plot.focus()
    page.keyboard.press("ArrowRight")
    assert plot.get_attribute("aria-valuetext") == readout.text_content() != said["no point chosen"]


@pytest.mark.parametrize(("term", "target"), [("词片", "labels-meet-word-pieces"), ("交叉熵", "cross-entropy")])
def test_the_search_finds_a_chinese_term(edition, page, term, target):
    page.goto(f"{edition}/search.html?q={term}")
    page.locator(f"#search-results a[href*='{target}']").first.wait_for(timeout=20_000)


def twin(page) -> str:
    """Where the link in the header leads, as a path within the site; the link for search engines leads there, too."""
    link = page.locator("a.other-edition")
    address = link.get_attribute("href")
    assert address == page.locator("link[rel=alternate][hreflang]").get_attribute("href")
    assert address.startswith(SITE) and link.get_attribute("hreflang") == link.get_attribute("lang")
    return address.removeprefix(SITE)


def twins(page, english: str, edition: str, name: str) -> list[str]:
    """What is wrong with the links between the two editions of a page."""
    wrong = []
    for start, language, other, folder in ((english, "en", "zh/", CHINESE), (edition, "zh", "", ENGLISH)):
        page.goto(f"{start}/{name}.html", wait_until="domcontentloaded")
        if not page.locator("html").get_attribute("lang").startswith(language):
            wrong.append(f"{name}: the page is not {language}")
        if (found := twin(page)) != f"{other}{name}.html" or not (folder / found.removeprefix("zh/")).is_file():
            wrong.append(f"{name}: {language} leads to {found}")
        # A page calls itself by its own address, not by its twin's.
        canonical = page.locator("link[rel=canonical]").get_attribute("href")
        own = f"{SITE}{'zh/' if language == 'zh' else ''}{name}.html"
        wrong += [f"{name}: {language} calls itself {canonical}"] if canonical != own else []
    return wrong


def test_every_page_leads_to_itself_in_the_other_language_and_back(edition, still):
    if not ENGLISH.is_dir():
        pytest.skip("the book is not built: make book")
    with serve(ENGLISH) as english:
        found = [each for name in chinese.pages() for each in twins(still, english, edition, name)]
        still.goto(f"{english}/book/reference/glossary.html", wait_until="domcontentloaded")
        assert still.locator("a.other-edition").count() == 0, "a page in one language only has no such link"
    assert found == []
    assert len(chinese.pages()) == 15


def test_links_between_the_editions_that_lead_astray_are_found(still, tmp_path):
    named = "hreflang='zh-CN' href='{0}'"
    link = f"<link rel='alternate' {named}><a class='other-edition' lang='zh-CN' {named}>x</a>"
    for language, leads in (("en", "zh/book/other.html"), ("zh", "zh/book/index.html")):
        (tmp_path / language / "book").mkdir(parents=True)
        text = f"<html lang='{language}'><link rel='canonical' href='{SITE}'>{link.format(SITE + leads)}"
        (tmp_path / language / "book" / "index.html").write_text(text)
    with serve(tmp_path / "en") as english, serve(tmp_path / "zh") as edition:
        found = twins(still, english, edition, "book/index")
    assert [each.split(": ")[1] for each in found] == [
        "en leads to zh/book/other.html",
        f"en calls itself {SITE}",
        "zh leads to zh/book/index.html",
        f"zh calls itself {SITE}",
    ]
