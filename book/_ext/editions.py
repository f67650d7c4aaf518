"""The same page in the other language: every page that is there in both has a link to its twin, in its header and for
search engines. The Chinese edition lies in the folder `zh` of the English one, on the book's site alone, so the links
are whole addresses: a copy that somebody took along leads to the site.
"""

from __future__ import annotations

from dataclasses import dataclass

from road_map import road_map

FOLDER = "zh/"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """One language as a page in another offers it."""

    language: str
    """As HTML writes it."""
    name: str
    """What stands in the link, in that language."""
    offer: str
    """The same as a sentence."""


ENGLISH = Edition(language="en", name="English", offer="This page in English")
CHINESE = Edition(language="zh-CN", name="中文", offer="本页的中文版")


def pages() -> list[str]:
    """The pages of the Chinese edition: the cover and the core track, as `book/index`."""
    core, _ = road_map()
    return ["book/index", *(stop.page for stop in core)]


def twin(page: str, base: str, language: str) -> tuple[Edition, str] | None:
    """The other edition of a page and the address of the page there; None where it is in one language only."""
    if page not in pages():
        return None
    if language.startswith("zh"):
        return ENGLISH, f"{base.removesuffix(FOLDER)}{page}.html"
    return CHINESE, f"{base}{FOLDER}{page}.html"


def _offer_twin(app, pagename, templatename, context, doctree):
    context["twin"] = twin(pagename, app.config.html_baseurl, app.config.language)


def setup(app):
    app.connect("html-page-context", _offer_twin)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
