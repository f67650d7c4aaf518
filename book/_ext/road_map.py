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
WORDS_A_MINUTE, CHARACTERS_A_MINUTE = 180, 300
"""Of a text that is worked through with its cells; silent reading alone is quicker."""
CHINESE = re.compile("[\u4e00-\u9fff]")


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the strip says, in one language."""

    levels: tuple[str, str, str] = ("easy going", "needs the stops before it", "takes patience")
    stop: str = "Stop {number}: {name}"
    core: str = "Stop {number} of {all} · core"
    elective: str = "Elective, after stop {number}, {name}"
    minutes: str = "{minutes} minutes"
    where: str = "Where this chapter stands on the core track"
    hide: str = "Hide code"
    show: str = "Show code"
    read: str = " (read)"


ENGLISH = Words()
LANGUAGES = {
    "zh_CN": Words(
        levels=("不难", "要先读前面的站", "要有耐心"),
        stop="第 {number} 站：{name}",
        core="第 {number} 站，共 {all} 站 · 核心路线",
        elective="选修，从第 {number} 站“{name}”岔出",
        minutes="{minutes} 分钟",
        where="本章在核心路线上的位置",
        hide="隐藏代码",
        show="显示代码",
        read="（已读）",
    )
}


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """One chapter on the map."""

    page: str
    level: int
    short: str = ""
    """The name under its dot; an elective has none."""
    chinese: str = ""
    """The same in the Chinese edition."""
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
    chinese = len(CHINESE.findall(prose))
    words = len(CHINESE.sub(" ", prose).split())
    return max(5, 5 * ceil((words / WORDS_A_MINUTE + chinese / CHARACTERS_A_MINUTE) / 5))


def strip(page: str, address, body: str, language: str = "en") -> str:
    """The line of dots of one page, as HTML; `address` gives the way to another page. Empty for a page without."""
    core, electives = road_map()
    here = next((each for each in (*core, *electives) if each.page == page), None)
    if here is None:
        return ""
    words = LANGUAGES.get(language, ENGLISH)
    names = [(each.short if words is ENGLISH else each.chinese) for each in core]
    stops = [each.page for each in core]
    lit = stops.index(here.after or page)
    dots = []
    for number, (stop, name) in enumerate(zip(core, names, strict=True), start=1):
        state = ' aria-current="page"' if stop.page == page else ' class="leaves"' if number - 1 == lit else ""
        label = words.stop.format(number=number, name=name)
        dots.append(
            f'<li{state} data-page="{stop.page}"><a href="{address(stop.page)}" title="{html.escape(label)}">'
            f'<span class="companion-unseen">{html.escape(label)}</span></a></li>'
        )
    place = (words.elective if here.after else words.core).format(number=lit + 1, name=names[lit], all=len(core))
    level, dotted = words.levels[here.level - 1], "●" * here.level + "○" * (3 - here.level)
    code = f'<button type="button" class="companion-code" aria-pressed="false" hidden>{words.hide}</button>'
    said = "".join(f' data-{name}="{html.escape(getattr(words, name))}"' for name in ("hide", "show", "read"))
    return (
        f'<nav class="road-map" aria-label="{words.where}"{said}>'
        f"<ol>{''.join(dots)}</ol>"
        f"<p>{html.escape(place)} · {words.minutes.format(minutes=minutes(body))} · "
        f'<span title="{level}"><span aria-hidden="true">{dotted}</span>'
        f'<span class="companion-unseen">{level}</span></span>{code}</p></nav>'
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
        line = strip(pagename, context["pathto"], context["body"], app.config.language)
        context["body"] = context["body"].replace("</h1>", f"</h1>{line}", 1)


def setup(app):
    app.add_directive("road-map", RoadMap)
    app.connect("html-page-context", _place_strip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
