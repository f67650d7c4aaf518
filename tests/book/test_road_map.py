"""The road map: fourteen stops in the order of the book, every other chapter an elective, one dot lit on each page."""

from __future__ import annotations

import re

import pytest

import road_map
from command_pages import commands
from notebooks import pages
from tests.book.test_api_pages import ROOT


def stray(chapters: list[str], core: list[str], electives: list[str]) -> list[str]:
    """Chapters that are on no map, or on it twice, and stops that are no chapter."""
    on_map = core + electives
    wrong = [f"{page} is on no map" for page in chapters if page not in on_map]
    wrong += [
        f"{page} is on the map {on_map.count(page)} times" for page in sorted(set(on_map)) if on_map.count(page) > 1
    ]
    return wrong + [f"{page} is no page of the book" for page in on_map if page not in chapters]


def chapters_of_the_book() -> list[str]:
    """The pages that teach, in the order of the table of contents."""
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    found = re.findall(r"- file: (book/\S+)", toc)
    parts = ("foundations", "walkthroughs", "constraints", "hybrid", "engineering", "outlook")
    chosen = [page for page in found if page.split("/")[1] in parts and page != "book/outlook/faq"]
    return ["book/how-to-use-this-book", *chosen]


def test_every_chapter_is_on_the_map_once():
    core, electives = road_map.road_map()
    assert len(core) == 14 and len(electives) >= 9
    chapters = chapters_of_the_book()
    assert len(chapters) >= 23
    assert stray(chapters, [each.page for each in core], [each.page for each in electives]) == []
    assert {each.after for each in electives} <= {each.page for each in core}
    assert all(each.short and not each.after for each in core)


def test_a_chapter_off_the_map_is_found():
    assert stray(["a", "b"], ["a"], ["a", "c"]) == [
        "b is on no map",
        "a is on the map 2 times",
        "c is no page of the book",
    ]


def test_the_core_track_stands_in_the_order_of_the_book():
    order = chapters_of_the_book()
    places = [order.index(each.page) for each in road_map.road_map()[0]]
    assert places == sorted(places)


@pytest.mark.parametrize("kind", [0, 1], ids=["core", "elective"])
def test_one_dot_is_lit(kind):
    chapter = road_map.road_map()[kind][-1]
    line = road_map.strip(chapter.page, lambda page: f"../{page}.html", "<h1>x</h1>" + "word " * 1000)
    assert line.count("<li") == 14
    assert line.count('aria-current="page"') == (kind == 0) and line.count('class="leaves"') == (kind == 1)
    assert "10 minutes" in line and "../book/foundations/optimisers.html" in line


def test_other_pages_have_none():
    assert road_map.strip("book/reference/glossary", str, "<h1>x</h1>") == ""


def test_the_time_leaves_code_and_figures_out():
    assert road_map.minutes("word " * 180 * 12) == 15
    assert road_map.minutes("<pre>" + "code " * 9000 + "</pre><svg>" + "point " * 9000 + "</svg>") == 5


def test_every_command_has_its_place():
    page = (ROOT / "book/reference/command-line.md").read_text(encoding="utf-8")
    described = re.findall(r"^```\{command\} ([\w ]+)$", page, re.MULTILINE)
    assert len(described) >= 11
    assert sorted(described) == sorted(commands())


def test_the_pages_are_in_the_book():
    known = {str(page) for page in pages(ROOT)}
    assert any("command-line" in page for page in known) and sum("/api/" in page for page in known) >= 8


def test_the_strip_speaks_chinese_in_that_edition():
    page = "book/walkthroughs/train-a-tagger"
    found = road_map.strip(page, lambda page: page, "字" * 300 * 12 + " word" * 180 * 2, "zh_CN")
    assert "第 9 站，共 14 站 · 核心路线 · 15 分钟" in found
    assert 'data-hide="隐藏代码"' in found and "Stop" not in found
    assert all(each.chinese for each in road_map.road_map()[0])
