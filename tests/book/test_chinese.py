"""The Chinese edition: every page of the core track and every picture there is translated, and a translation keeps what
it must not change."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
from functools import cache
from hashlib import sha256
from shutil import which

import pytest

import chinese
import chinese_search
import figure_words
from companion.teaching import figure, figures
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


@pytest.mark.parametrize("page", chinese.pages())
def test_a_page_of_the_core_track_is_chinese(page):
    messages = chinese.translations(page)
    live = [text for text, translation in messages.items() if translation and squashed(text) in english(page)]
    assert len(messages) >= 30
    assert len(live) >= LIVE * len(messages), f"run: python book/_ext/chinese.py update, then translate {page}"


@pytest.mark.parametrize("page", [*chinese.pages(), chinese.WORDS, chinese.DESCRIPTIONS, chinese.INTERACTIVE])
def test_a_translation_keeps_code_formulas_links_and_numbers(page):
    wrong = {
        text: found
        for text, said in chinese.translations(page).items()
        if said and (found := chinese.faults(text, said))
    }
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
    before = Catalog(locale="zh_CN")
    before.add("kept", "留下")
    before.add("gone", "走了")
    with (tmp_path / "page.po").open("wb") as file:
        pofile.write_po(file, before)
    template = ["kept", "new, with {braces}", "**本章要点** 已是中文"]
    found = {each.id: each for each in chinese.entries(chinese.updated("page", template))}
    assert {text: each.string for text, each in found.items()} == {
        "kept": "留下",
        "new, with {braces}": "",
        "**本章要点** 已是中文": "**本章要点** 已是中文",
    }
    assert not any(each.flags for each in found.values())


@pytest.mark.parametrize("page", chinese.pages())
def test_every_picture_has_a_chinese_one_that_is_not_stale(page):
    assert chinese.stale(page) == [], "run: python book/_ext/chinese.py figures"


def test_every_picture_of_the_edition_is_described_in_chinese_and_none_besides():
    texts = {text for page in chinese.pages() for text in chinese.shown(page).values()}
    described = chinese.translations(chinese.DESCRIPTIONS)
    assert len(texts) >= 20
    assert set(described) == texts, "run: python book/_ext/chinese.py update"
    assert all(described.values())


def test_the_catalogs_hold_every_word_of_the_figures_and_each_is_translated():
    drawn = [set(figure_words.words_in(path)) for path in chinese.PICTURES.rglob("*.png")]
    live = [words for page in chinese.pages() if (words := chinese.said_live(page))]
    assert len(drawn) >= 20 and len(live) >= 10
    for catalog, said in ((chinese.WORDS, drawn), (chinese.INTERACTIVE, live)):
        words = chinese.translations(catalog)
        assert set(words) == set().union(*said), f"{catalog}: run book/_ext/chinese.py figures, and update"
        assert [word for word, translation in words.items() if not translation] == []
        assert [word for word in words if word.count("{}") != words[word].count("{}")] == []


def test_the_pictures_are_small():
    assert sum(path.stat().st_size for path in chinese.PICTURES.rglob("*.png")) < 1_500_000


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ends at 0.12", "ends at {}"),
        ("F1, 1,329 labels", "F1, {} labels"),
        ("rate 1e-4", "rate {}"),
        ("1e-4", None),
        ("−0.5", None),
        ("gradient -0.3", "gradient {}"),
        ("$\\mathdefault{10^{-3}}$", None),
        ("λ 10", None),
        ("[CLS]", "[CLS]"),
        ("", None),
    ],
)
def test_numbers_are_places_and_numbers_alone_are_no_words(text, found):
    assert figure_words.pattern(text) == found


def test_a_translation_takes_over_the_numbers_in_their_order():
    words = {"{} of {} labels": "{} / {} 个标签", "loss": ""}
    assert figure_words.translate("3 of 1,329 labels", words) == "3 / 1,329 个标签"
    assert figure_words.translate("loss", words) == "loss"
    assert figure_words.translate("0.5", words) == "0.5"


@pytest.fixture
def drawn():
    """A figure that says something in every place where a figure can."""
    import matplotlib.pyplot as plt

    plt.switch_backend("agg")
    chart, axes = figure(4, 2)
    axes.plot([0, 1], [1, 2], label="one line")
    axes.set(title="a title", xlabel="update", xticks=[0, 1], xticklabels=["low", "high"])
    axes.annotate("here", (0, 1))
    axes.legend()
    chart.suptitle("above")
    yield chart
    plt.close("all")


SAID = {"one line", "a title", "update", "low", "high", "here", "above"}


def test_every_text_of_a_figure_is_drawn_in_the_other_language_and_comes_back(drawn, tmp_path):
    english = figures.encode(drawn)
    words = {word: word.upper() for word in SAID - {"here"}}
    with figure_words.translated(drawn, words) as said:
        other = figures.encode(drawn)
        labels = [label.get_text() for label in drawn.axes[0].get_xticklabels()]
    assert said == SAID
    assert labels == ["LOW", "HIGH"]
    assert other != english
    assert figures.encode(drawn) == english


def test_a_picture_knows_the_words_that_it_was_drawn_with(drawn, tmp_path):
    path = tmp_path / "figure.pickle"
    path.write_bytes(pickle.dumps(drawn))
    picture = tmp_path / "picture.png"
    picture.write_bytes(figure_words.draw(path, {"here": "HERE"}))
    assert figure_words.words_in(picture) == {word: "HERE" if word == "here" else "" for word in SAID}


def test_a_figure_is_kept_under_the_hash_of_its_picture_and_the_picture_stays_the_same(drawn, tmp_path, monkeypatch):
    english = figures.encode(drawn)
    monkeypatch.setattr(figures, "encode", figures.encode)
    figure_words.keep(str(tmp_path))
    assert figures._payload(drawn, "png")[0] == english
    assert [path.stem for path in tmp_path.iterdir()] == [sha256(english).hexdigest()]


def test_the_words_of_an_interactive_figure_are_exchanged_and_nothing_else():
    from companion.teaching import Explore

    values = {(option,): {"one": [1, 2], "two": [2, 1]} for option in ("few", "many")}
    says = {(option,): f"{option}: 3 found" for option in ("few", "many")}
    shown = Explore("A title", controls={"steps": ["few", "many"]}, x=[0, 1], values=values, say=says, y_label="loss")
    page = f"<p>few</p>{shown.html()}<p>A title</p>"
    assert figure_words.interactive(page, lambda text: text) == page
    said = figure_words.words_of(page)
    assert {"A title", "steps", "few", "many", "one", "two", "loss", "few: {} found"} <= set(said)
    assert {"no value", "no point chosen"} <= set(said), "what the script itself says"
    other = figure_words.interactive(page, str.upper)
    assert other.startswith("<p>few</p>") and other.endswith("<p>A title</p>")
    assert figure_words.words_of(other) == [word.upper() for word in said]
    assert len(other) == len(page)


def test_the_script_of_a_figure_says_nothing_that_is_not_exchanged():
    from companion.teaching.compact import compacted

    script = compacted("explore.js")
    # A word of the language has a blank beside it, a word of the machine has none, but for the directive and dashes.
    said = re.findall(r"'([a-z]+ [a-z ]+)'", script)
    assert said.pop(0) == "use strict"
    assert sorted(said) == sorted(word for _, word in figure_words.SCRIPTED.findall(script)) != []


def test_what_is_wrong_with_pictures_is_said(tmp_path, monkeypatch):
    page = "book/walkthroughs/train-a-tagger"
    kept, lost = (chinese.PICTURES / page / name for name in chinese.shown(page))
    (tmp_path / page).mkdir(parents=True)
    (tmp_path / page / kept.name).write_bytes(kept.read_bytes())
    (tmp_path / page / "old.png").write_bytes(kept.read_bytes())
    translations = chinese.translations
    said = translations(chinese.WORDS) | {"update": "别的"}
    monkeypatch.setattr(chinese, "PICTURES", tmp_path)
    monkeypatch.setattr(chinese, "translations", lambda page: said if page == chinese.WORDS else translations(page))
    found = chinese.stale(page)
    assert f"{lost.name}: not drawn" in found
    assert "old.png: its English picture is gone" in found
    assert any(fault.startswith(f"{kept.name}: 'update'") for fault in found)


def test_a_built_page_shows_the_chinese_pictures(tmp_path, monkeypatch):
    page = "book/walkthroughs/the-production-training-loop"  # One of its texts has an apostrophe.
    html = tmp_path / "_build" / "html"
    (html / page).parent.mkdir(parents=True)
    (html / "_images").mkdir()
    shown = chinese.shown(page)
    lines = [f'<img alt="{text}" src="../../_images/{name}" />' for name, text in shown.items()]
    (html / f"{page}.html").write_text("\n".join(lines), "utf-8")
    monkeypatch.setattr(chinese, "EDITION", tmp_path)
    for _ in range(2):  # A second build finds its pages exchanged already.
        chinese.exchange(page)
    built = (html / f"{page}.html").read_text("utf-8")
    for name, text in shown.items():
        assert text not in built and chinese.translations(chinese.DESCRIPTIONS)[text] in built
        assert (html / "_images" / name).read_bytes() == (chinese.PICTURES / page / name).read_bytes()
    (html / f"{page}.html").write_text("<p></p>", "utf-8")
    with pytest.raises(SystemExit, match="does not describe"):
        chinese.exchange(page)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("交叉熵 (cross-entropy)，F1", ["交叉", "叉熵", "交", "叉", "熵", "cross", "entropy", "F1"]),
        ("词", ["词", "词"]),
        ("", []),
    ],
)
def test_the_search_finds_chinese_by_its_characters(text, terms):
    language = chinese_search.SearchByCharacters({})
    assert language.split(text) == terms
    assert all(language.word_filter(language.stem(term)) for term in terms)
    assert not language.word_filter("") and not language.word_filter("a")


@pytest.mark.skipif(which("node") is None, reason="there is no node on this machine to run the search's script")
@pytest.mark.parametrize("query", ["交叉熵 loss", "词", "LoRA 微调", "，", "padding_mask F1"])
def test_a_query_is_cut_into_terms_of_the_index(query):
    program = f"{chinese_search.SPLITTER}console.log(JSON.stringify(splitQuery({json.dumps(query)})))"
    done = subprocess.run(["node", "-e", program], capture_output=True, check=True, encoding="utf-8")
    asked = json.loads(done.stdout)
    assert set(asked) <= set(chinese_search.SearchByCharacters({}).split(query))
    assert bool(asked) == (query != "，")
