"""The Chinese edition: every page of the core track is translated, and a translation keeps what it must not change."""

from __future__ import annotations

import json
from functools import cache

import pytest

import chinese
from notebooks import ROOT

LIVE = 0.9
"""So much of a page has to be Chinese: a paragraph whose English has changed since shows the English."""


def squashed(text: str) -> str:
    return " ".join(text.split())


@cache
def english(page: str) -> str:
    """The prose of a page, white space made one."""
    notebook = ROOT / f"{page}.ipynb"
    if not notebook.exists():
        return squashed((ROOT / f"{page}.md").read_text(encoding="utf-8"))
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return squashed("\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"))


def catalog(page: str) -> dict[str, str]:
    return {each.id: each.string for each in chinese.entries(chinese.read(chinese.CATALOGS / f"{page}.po"))}


@pytest.mark.parametrize("page", chinese.pages())
def test_a_page_of_the_core_track_is_chinese(page):
    messages = catalog(page)
    live = [text for text, translation in messages.items() if translation and squashed(text) in english(page)]
    assert len(messages) >= 30
    assert len(live) >= LIVE * len(messages), f"run: python book/_ext/chinese.py update, then translate {page}"


@pytest.mark.parametrize("page", chinese.pages())
def test_a_translation_keeps_code_formulas_links_and_numbers(page):
    wrong = {text: found for text, said in catalog(page).items() if said and (found := chinese.faults(text, said))}
    assert wrong == {}


@pytest.mark.parametrize(
    ("translation", "fault"),
    [
        ("见[标签](labels.md)与 `tag` 的 $p - y$，共 3 个 {term}`标记 <tag>`", None),
        ("见[标签](label.md)与 `tag` 的 $p - y$，共 3 个 {term}`标记 <tag>`", "link lost: labels.md"),
        ("见[标签](labels.md)与 `标记` 的 $p - y$，共 3 个 {term}`标记 <tag>`", "code lost: tag"),
        ("见[标签](labels.md)与 `tag` 的 $p-y$，共 3 个 {term}`标记 <tag>`", "formula lost: p - y"),
        ("见[标签](labels.md)与 `tag` 的 $p - y$，共 30 个 {term}`标记 <tag>`", "number lost: 3"),
        ("见[标签](labels.md)与 `tag` 的 $p - y$，共 3 个 {term}`标记`", "role lost: term tag"),
    ],
)
def test_what_a_translation_lost_is_found(translation, fault):
    found = chinese.faults("see [labels](labels.md) and `tag` of $p - y$, 3 of {term}`tag`", translation)
    assert found == [] if fault is None else fault in found


def test_a_changed_paragraph_loses_its_translation(tmp_path, monkeypatch):
    from babel.messages import pofile
    from babel.messages.catalog import Catalog

    monkeypatch.setattr(chinese, "CATALOGS", tmp_path)
    before, template = Catalog(locale="zh_CN"), Catalog()
    before.add("kept", "留下")
    before.add("gone", "走了")
    with (tmp_path / "page.po").open("wb") as file:
        pofile.write_po(file, before)
    template.add("kept")
    template.add("new, with {braces}")
    template.add("**本章要点** 已是中文")
    found = {each.id: each for each in chinese.entries(chinese.updated("page", template))}
    assert {text: each.string for text, each in found.items()} == {
        "kept": "留下",
        "new, with {braces}": "",
        "**本章要点** 已是中文": "**本章要点** 已是中文",
    }
    assert not any(each.flags for each in found.values())
