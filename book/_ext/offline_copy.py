"""The built book to take along: one zip of the pages, and one PDF of all of them with outline and working links.

    python book/_ext/offline_copy.py zip     _build/supervised-fine-tuning-executed.zip
    python book/_ext/offline_copy.py pdf     _build/supervised-fine-tuning-executed.pdf

Both start from `_build/html` (`make book`). The PDF is printed page by page by Chromium, so that formulas and figures
are those of the pages; a link from one page to another becomes a link within the PDF. Solutions are printed opened,
the code of folded cells stays folded.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import io
import sys
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from notebooks import ROOT

NAME = "supervised-fine-tuning-executed"
HTML = ROOT / "_build" / "html"
# What a printed page has no use for, and what it opens.
PREPARE = """() => {
  document.querySelectorAll('details:not(.hide)').forEach(each => { each.open = true; });
  document.querySelectorAll('details.hide, nav.road-map, script').forEach(each => each.remove());
  document.documentElement.dataset.theme = 'light';
  // What is as tall as a sheet has to be broken somewhere: kept whole it would leave the sheet before it empty.
  document.querySelectorAll('div.cell, figure, table, pre, blockquote').forEach(each => {
    if (each.offsetHeight > 800) each.style.breakInside = 'auto';
  });
}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Leaf:
    """One page of the table of contents."""

    part: str
    """The caption it stands under; empty for the first."""
    page: str
    """Its path without an ending: `book/index`."""


def leaves(toc: str) -> list[Leaf]:
    """The pages of a table of contents, in its order."""
    read = yaml.safe_load(toc)
    found = [Leaf(part="", page=read["root"])]
    for part in read.get("parts", [{"caption": "", "chapters": read.get("chapters", [])}]):
        found += [Leaf(part=part["caption"], page=each["file"]) for each in part["chapters"]]
    return found


def make_zip(html: Path, target: Path) -> int:
    """Pack the built pages, without what only a server needs; returns how many files."""
    files = sorted(path for path in html.rglob("*") if path.is_file() and ".doctrees" not in path.parts)
    with zipfile.ZipFile(target, "w", compression=zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for path in files:
            packed.write(path, Path(NAME) / path.relative_to(html))
    return len(files)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def print_pages(html: Path, pages: list[str], executable: str) -> tuple[str, list[bytes]]:
    """Each page as a PDF of its own, and the address they were served at."""
    from playwright.sync_api import sync_playwright

    handler = functools.partial(_Quiet, directory=str(html))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base, printed = f"http://127.0.0.1:{server.server_port}", []
    margins = {"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"}
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for page in pages:
            tab = chromium.new_page(color_scheme="light")
            tab.goto(f"{base}/{page}.html", wait_until="load")
            if tab.evaluate("typeof MathJax !== 'undefined' && !!MathJax.startup"):
                tab.evaluate("MathJax.startup.promise.then(() => null)")
            tab.evaluate(PREPARE)
            printed.append(tab.pdf(format="A4", margin=margins, print_background=True, tagged=True))
            tab.close()
        chromium.close()
    server.shutdown()
    return base, printed


def bind(base: str, printed: list[bytes], pages: list[Leaf], titles: list[str]) -> Any:
    """One `pypdf` writer over all pages: links between them inside, an outline by part."""
    from pypdf import PdfReader, PdfWriter
    from pypdf.generic import ArrayObject, NameObject, NullObject

    writer, first, marks = PdfWriter(), {}, []
    for leaf, data in zip(pages, printed, strict=True):
        first[leaf.page] = len(writer.pages)
        reader = PdfReader(io.BytesIO(data))
        marks.append({name.lstrip("/"): place for name, place in reader.named_destinations.items()})
        writer.append(reader, import_outline=False)
    starts = [*first.values(), len(writer.pages)]
    for number, page in enumerate(writer.pages):
        at = max(place for place, start in enumerate(starts[:-1]) if start <= number)
        for annotation in page.get("/Annots", None) or []:
            link = annotation.get_object()
            target = _target(link, base, pages[at].page)
            if target is None or target[0] not in first:
                _lead_to_the_site(link, base)
                continue
            leaf, anchor = target
            place = [each.page for each in pages].index(leaf)
            mark = marks[place].get(anchor)
            inside = mark.get("/Page") if mark is not None else None
            offset = _page_number(printed[place], inside) if inside is not None else 0
            top = mark.top if mark is not None and mark.get("/Top") is not None else NullObject()
            goal = writer.pages[starts[place] + offset].indirect_reference
            link.pop("/A", None)
            link[NameObject("/Dest")] = ArrayObject([goal, NameObject("/XYZ"), NullObject(), top, NullObject()])
    parents: dict[str, Any] = {}
    for leaf, title in zip(pages, titles, strict=True):
        if leaf.part and leaf.part not in parents:
            parents[leaf.part] = writer.add_outline_item(title=leaf.part, page_number=first[leaf.page])
        writer.add_outline_item(title=title, page_number=first[leaf.page], parent=parents.get(leaf.part))
    writer.add_metadata({"/Title": "Supervised Fine-Tuning, Executed"})
    writer.compress_identical_objects()
    return writer


def _target(link: Any, base: str, page: str) -> tuple[str, str] | None:
    """The page and anchor a link leads to, if it stays in the book."""
    if "/Dest" in link and isinstance(link["/Dest"], str):
        return page, link["/Dest"].lstrip("/")
    address = str(link.get("/A", {}).get("/URI", ""))
    if not address.startswith(base):
        return None
    parts = urlsplit(address)
    return unquote(parts.path).lstrip("/").removesuffix(".html"), unquote(parts.fragment)


def _lead_to_the_site(link: Any, base: str) -> None:
    """A link to a page that is not printed, a file of the package, leads to the book's public address."""
    from pypdf.generic import NameObject, TextStringObject

    action = link.get("/A", {})
    if str(action.get("/URI", "")).startswith(base):
        public = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["html"]["baseurl"].rstrip("/")
        action[NameObject("/URI")] = TextStringObject(public + str(action["/URI"])[len(base) :])


@functools.cache
def _numbers(data: bytes) -> dict[int, int]:
    from pypdf import PdfReader

    pages = PdfReader(io.BytesIO(data)).pages
    return {page.indirect_reference.idnum: number for number, page in enumerate(pages)}


def _page_number(data: bytes, page: Any) -> int:
    reference = getattr(page, "indirect_reference", None) or page
    return _numbers(data).get(getattr(reference, "idnum", -1), 0)


def titles_of(html: Path, pages: list[str]) -> list[str]:
    """The title of each built page, without the book's."""
    import html as entities
    import re

    found = []
    for page in pages:
        text = (html / f"{page}.html").read_text(encoding="utf-8")
        title = entities.unescape(re.search(r"<title>(.*?)</title>", text, re.DOTALL)[1])
        found.append(title.partition(" — ")[0].strip())
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["zip", "pdf"])
    parser.add_argument("--html", type=Path, default=HTML)
    parser.add_argument("--toc", type=Path, default=ROOT / "_toc.yml")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    if not options.html.is_dir():
        print(f"{options.html} is not there yet: make book", file=sys.stderr)
        return 1
    target = options.out or options.html.parent / f"{NAME}.{options.kind}"
    if options.kind == "zip":
        count, what = make_zip(options.html, target), "files"
    else:
        pages = leaves(options.toc.read_text(encoding="utf-8"))
        names = [leaf.page for leaf in pages]
        base, printed = print_pages(options.html, names, options.chromium)
        writer = bind(base, printed, pages, titles_of(options.html, names))
        writer.write(target)
        count, what = len(writer.pages), "pages"
    print(f"{target}: {count} {what}, {target.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
