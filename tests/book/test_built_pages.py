"""The built pages: everything they load is theirs, and every link within the book leads somewhere."""

import os
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from notebooks import pages

ROOT = Path(__file__).resolve().parents[2]
HTML = ROOT / "_build" / "html"

# The book is parsed once for all of them.
pytestmark = [pytest.mark.pages, pytest.mark.xdist_group("built")]

LOADING = {
    "script": ["src"],
    "img": ["src", "srcset"],
    "source": ["src", "srcset"],
    "iframe": ["src"],
    "video": ["src", "poster"],
    "audio": ["src"],
    "embed": ["src"],
    "object": ["data"],
    "use": ["href", "xlink:href"],
    "image": ["href", "xlink:href"],
    "input": ["src"],
}
LOADING_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "apple-touch-icon", "manifest"}
STYLE_LOADS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


class Page(HTMLParser):
    """What a page loads, what it links to, and which anchors it offers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.images_without_alt = 0
        self._in_style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        for name in LOADING.get(tag, []):
            if name in values:
                targets = [part.split()[0] for part in values[name].split(", ")] if name == "srcset" else [values[name]]
                self.loads += [target for target in targets if target]
        if tag == "link" and LOADING_LINKS & set(values.get("rel", "").split()):
            self.loads.append(values.get("href", ""))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag == "img" and "alt" not in values:
            self.images_without_alt += 1
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        self._add_style(values.get("style", ""))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self._add_style(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def _add_style(self, css: str) -> None:
        self.loads += [first or second for first, second in STYLE_LOADS.findall(css)]


def is_foreign(target: str) -> bool:
    return bool(urlsplit(target).netloc) or urlsplit(target).scheme in {"http", "https", "ftp", "ws", "wss"}


@pytest.fixture(scope="module")
def built() -> dict[Path, Page]:
    """Every page of the table of contents, parsed."""
    if not HTML.is_dir():
        if os.environ.get("COMPANION_REQUIRE_PAGES"):
            pytest.fail("the book is not built: make book")
        pytest.skip("the book is not built: make book")
    expected = [HTML / path.with_suffix(".html") for path in pages(ROOT)]
    missing = [str(path) for path in expected if not path.is_file()]
    assert missing == [], "the build is older than the table of contents: make book"
    return {
        path: Page(path.read_text(encoding="utf-8"))
        for path in [*expected, HTML / "genindex.html", HTML / "search.html"]
    }


def foreign_loads(page: Page) -> list[str]:
    return [target for target in page.loads if is_foreign(target)]


def broken_targets(path: Path, targets: list[str], known: dict[Path, Page]) -> list[str]:
    """Targets within the book that lead to no file, or to no anchor of a page."""
    broken = []
    for target in targets:
        parts = urlsplit(target)
        if is_foreign(target) or parts.scheme in {"mailto", "data", "javascript"}:
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        anchor = unquote(parts.fragment)
        page = known.get(file)
        if not file.is_file() or (anchor and page is not None and anchor not in page.anchors):
            broken.append(target)
    return broken


def test_pages_load_nothing_from_another_host(built):
    loads = sum(len(page.loads) for page in built.values())
    assert {str(path.name): foreign_loads(page) for path, page in built.items() if foreign_loads(page)} == {}
    assert loads > 10 * len(built), "every page loads scripts and styles; a parser that sees none is broken"


def test_style_sheets_load_nothing_from_another_host(built):
    sheets = sorted(HTML.rglob("*.css"))
    foreign = {}
    for sheet in sheets:
        loads = [first or second for first, second in STYLE_LOADS.findall(sheet.read_text(encoding="utf-8"))]
        if any(is_foreign(target) for target in loads):
            foreign[sheet.name] = loads
    assert foreign == {}
    assert len(sheets) >= 5


def test_links_within_the_book_lead_somewhere(built):
    broken = {}
    links = 0
    for path, page in built.items():
        targets = [target for target in page.links + page.loads if target not in {"#", ""}]
        links += len(targets)
        if found := broken_targets(path, targets, built):
            broken[path.name] = found
    assert broken == {}
    assert links > 30 * len(built)


def test_images_have_alt_text(built):
    assert {path.name: page.images_without_alt for path, page in built.items() if page.images_without_alt} == {}


def test_mathjax_is_local():
    if not HTML.is_dir():
        pytest.skip("the book is not built: make book")
    assert list((HTML / "_static" / "mathjax").rglob("*.js"))


@pytest.mark.parametrize(
    "sabotage",
    [
        '<script src="https://cdn.example.com/a.js"></script>',
        '<link rel="stylesheet" href="//fonts.example.com/css">',
        '<img alt="" src="http://example.com/a.png">',
        '<img alt="" srcset="a.png 1x, https://example.com/b.png 2x">',
        '<p style="background: url(https://example.com/b.png)">',
        "<style>@import 'https://example.com/c.css';</style>",
        '<iframe src="https://example.com"></iframe>',
    ],
)
def test_a_page_that_loads_from_elsewhere_is_caught(sabotage):
    assert len(foreign_loads(Page(sabotage))) == 1


def test_broken_links_are_caught(tmp_path):
    path = tmp_path / "a.html"
    path.write_text(
        '<h1 id="here">A</h1><a href="#here"></a><a href="#gone"></a><a href="b.html"></a><a href="https://x.org"></a>'
    )
    page = Page(path.read_text())
    assert broken_targets(path, page.links, {path: page}) == ["#gone", "b.html"]
    assert foreign_loads(page) == [], "a plain link to another host loads nothing"
