"""The book to take along: the zip holds the pages, the PDF's links lead inside it."""

from __future__ import annotations

import io
import zipfile

import pytest

from offline_copy import Leaf, bind, leaves, make_zip, titles_of

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
BASE = "http://127.0.0.1:9"
PAGES = [Leaf(part="", page="book/index"), Leaf(part="Foundations", page="book/one")]


def printed(*addresses: str, sheets: int = 1) -> bytes:
    """A PDF with empty sheets and a link to each address on its first."""
    from pypdf.annotations import Link

    writer = pypdf.PdfWriter()
    for _ in range(sheets):
        writer.add_blank_page(width=100, height=100)
    for address in addresses:
        writer.add_annotation(page_number=0, annotation=Link(rect=(0, 0, 10, 10), url=address))
    data = io.BytesIO()
    writer.write(data)
    return data.getvalue()


def bound() -> pypdf.PdfReader:
    """Two pages, the first of two sheets, with links to each other, to a file of the package, and out."""
    first = printed(f"{BASE}/book/one.html#part", f"{BASE}/_modules/companion.html", "https://example.org/", sheets=2)
    data = io.BytesIO()
    bind(BASE, [first, printed(f"{BASE}/book/index.html")], PAGES, ["The book", "One"]).write(data)
    return pypdf.PdfReader(data)


def test_links_between_pages_lead_inside():
    reader = bound()
    assert len(reader.pages) == 3
    inside, package, outside = (each.get_object() for each in reader.pages[0]["/Annots"])
    assert inside["/Dest"][0].get_object() == reader.pages[2].get_object() and "/A" not in inside
    assert package["/A"]["/URI"].endswith("/_modules/companion.html") and BASE not in package["/A"]["/URI"]
    assert outside["/A"]["/URI"] == "https://example.org/"
    back = reader.pages[2]["/Annots"][0].get_object()
    assert back["/Dest"][0].get_object() == reader.pages[0].get_object()


def test_the_outline_follows_the_parts():
    first, part, chapters = bound().outline
    assert (first["/Title"], part["/Title"]) == ("The book", "Foundations")
    assert [chapter["/Title"] for chapter in chapters] == ["One"]


def test_the_table_of_contents_gives_the_order():
    toc = "root: book/index\nparts:\n- caption: Foundations\n  chapters:\n  - file: book/one\n"
    assert leaves(toc) == PAGES
    assert leaves("root: a\nchapters:\n- file: b\n")[1] == Leaf(part="", page="b")


def test_the_zip_holds_the_pages(tmp_path):
    html = tmp_path / "html"
    (html / "book" / ".doctrees").mkdir(parents=True)
    (html / "index.html").write_text("<title>One &amp; all — The book</title>")
    (html / "book" / ".doctrees" / "cache").write_text("x")
    assert make_zip(html, tmp_path / "book.zip") == 1
    assert zipfile.ZipFile(tmp_path / "book.zip").namelist() == ["supervised-fine-tuning-executed/index.html"]
    assert titles_of(html, ["index"]) == ["One & all"]
