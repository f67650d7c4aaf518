"""The road map over every chapter: where the reader stands on the core track, how long it takes, how hard it is.

The stops stand in `chapters.toml`. A page that is one of them gets, below its title, a line of dots with its own lit;
an elective shows the stop that it leaves the track from. `{road-map}` draws the whole of it with all names.
"""

import html
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

CHAPTERS = Path(__file__).with_name("chapters.toml")
LEVELS = {1: "easy going", 2: "needs the stops before it", 3: "takes patience"}
WORDS_A_MINUTE = 180
"""Of a text that is worked through with its cells; silent reading alone is quicker."""


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One chapter on the map."""

    page: str
    level: int
    short: str = ""
    """The name under its dot; an elective has none."""
    after: str = ""
    """For an elective, the page of the stop that it leaves the core track from."""


@cache
def road_map() -> tuple[tuple[Chapter, ...], tuple[Chapter, ...]]:
    """The stops of the core track, and the electives."""
    read = tomllib.loads(CHAPTERS.read_text(encoding="utf-8"))
    return tuple(Chapter(**each) for each in read["core"]), tuple(Chapter(**each) for each in read["elective"])


def minutes(body: str) -> int:
    """How long the text of a page takes, to five minutes."""
    prose = re.sub(r"<(style|script|svg|pre|table)\b.*?</\1>|<[^>]+>", " ", body, flags=re.DOTALL)
    return max(5, 5 * ceil(len(prose.split()) / WORDS_A_MINUTE / 5))


def strip(page: str, address, body: str) -> str:
    """The line of dots of one page, as HTML; `address` gives the way to another page. Empty for a page without."""
    core, electives = road_map()
    here = next((each for each in (*core, *electives) if each.page == page), None)
    if here is None:
        return ""
    stops = [each.page for each in core]
    lit = stops.index(here.after or page)
    dots = []
    for number, stop in enumerate(core, start=1):
        state = ' aria-current="page"' if stop.page == page else ' class="leaves"' if number - 1 == lit else ""
        label = f"Stop {number}: {stop.short}"
        dots.append(
            f'<li{state} data-page="{stop.page}"><a href="{address(stop.page)}" title="{html.escape(label)}">'
            f'<span class="companion-unseen">{html.escape(label)}</span></a></li>'
        )
    place = (
        f"Elective, after stop {lit + 1}, {core[lit].short}" if here.after else f"Stop {lit + 1} of {len(core)} · core"
    )
    level = "●" * here.level + "○" * (3 - here.level)
    code = '<button type="button" class="companion-code" aria-pressed="false" hidden>Hide code</button>'
    return (
        '<nav class="road-map" aria-label="Where this chapter stands on the core track">'
        f"<ol>{''.join(dots)}</ol>"
        f"<p>{html.escape(place)} · {minutes(body)} minutes · "
        f'<span title="{LEVELS[here.level]}"><span aria-hidden="true">{level}</span>'
        f'<span class="companion-unseen">{LEVELS[here.level]}</span></span>{code}</p></nav>'
    )


class RoadMap(SphinxDirective):
    """All stops with their names, and under each the electives that leave from it."""

    def run(self):
        core, electives = road_map()
        title = self.env.titles
        track = nodes.enumerated_list(classes=["road-map-whole"])
        for stop in core:
            item = nodes.list_item("", nodes.paragraph("", "", self._link(stop, title)))
            leaving = [each for each in electives if each.after == stop.page]
            if leaving:
                branch = nodes.bullet_list()
                branch += [nodes.list_item("", nodes.paragraph("", "", self._link(each, title))) for each in leaving]
                item += branch
            track += item
        return [track]

    def _link(self, chapter, titles):
        from sphinx.addnodes import pending_xref

        reference = pending_xref(
            "", refdomain="std", reftype="doc", reftarget=f"/{chapter.page}", refexplicit=False, refwarn=True,
            refdoc=self.env.docname,
        )  # fmt: skip
        reference += nodes.inline("", "")
        return reference


def _place_strip(app, pagename, templatename, context, doctree):
    if "body" in context:
        line = strip(pagename, context["pathto"], context["body"])
        context["body"] = context["body"].replace("</h1>", f"</h1>{line}", 1)


def setup(app):
    app.add_directive("road-map", RoadMap)
    app.connect("html-page-context", _place_strip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
